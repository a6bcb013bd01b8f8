import GloveboxCore

/// The OpenFeature Remote Evaluation Protocol, version 0.3: its requests read, its answers written.
///
/// One word differs from the protocol's own file: where targeting names no variant the reason is OpenFeature's `DEFAULT`, as
/// flagd has it, which the file's list of reasons lacks.
package enum OFREP {
    /// One answer: its HTTP status and its JSON.
    package struct Answer: Hashable, Sendable {
        package var status: Int
        package var body: FlagValue

        package init(status: Int, body: FlagValue) {
            self.status = status
            self.body = body
        }
    }

    /// A request that can't be evaluated.
    package struct Refusal: Error, Hashable, Sendable {
        package var fault: FlagResolution.Fault
        package var detail: String

        package init(fault: FlagResolution.Fault, detail: String) {
            self.fault = fault
            self.detail = detail
        }

        /// - Parameter key: of the flag that was asked for, if it was one.
        package func answer(key: String?) -> Answer {
            var fields: [String: FlagValue] = [
                "errorCode": .string(self.fault.rawValue), "errorDetails": .string(self.detail),
            ]
            fields["key"] = key.map { .string($0) }
            return Answer(status: 400, body: .object(fields))
        }
    }

    /// Reads the body of either request.
    package static func context(_ body: [UInt8]) throws(Refusal) -> FlagContext {
        let request: FlagValue
        do {
            request = try FlagValue(json: body)
        } catch {
            throw Refusal(fault: .parseError, detail: error.message)
        }
        guard let context = request.object?["context"] else {
            throw Refusal(fault: .invalidContext, detail: "the body is an object with a 'context'")
        }
        do {
            return try FlagContext(context)
        } catch {
            throw Refusal(fault: .invalidContext, detail: error.message)
        }
    }

    /// What one flag comes to.
    package static func answer(_ key: String, _ result: FlagResolution, metadata: [String: FlagValue]) -> Answer {
        var fields: [String: FlagValue] = ["key": .string(key)]
        if !metadata.isEmpty { fields["metadata"] = .object(metadata) }
        if let fault = result.fault {
            fields["errorCode"] = .string(fault.rawValue)
            fields["errorDetails"] = result.detail.map { .string($0) }
            return Answer(status: fault == .flagNotFound ? 404 : 400, body: .object(fields))
        }
        fields["reason"] = .string(result.reason.rawValue)
        fields["variant"] = result.variant.map { .string($0) }
        // A value that's absent lets the caller take its own default.
        fields["value"] = result.value
        return Answer(status: 200, body: .object(fields))
    }
}

extension FlagSet {
    /// - Parameter timestamp: in seconds of Unix time.
    package func ofrep(_ key: String, _ context: FlagContext, timestamp: Int64) -> OFREP.Answer {
        guard let flag = self.flag(key, context) else {
            let missing = FlagResolution.failed(.flagNotFound, "there is no flag '\(key)'")
            return OFREP.answer(key, missing, metadata: self.metadata)
        }
        return OFREP.answer(key, flag.resolve(context, timestamp: timestamp), metadata: flag.metadata)
    }

    /// All flags, by key, those that fail among them.
    package func ofrep(_ context: FlagContext, timestamp: Int64) -> [FlagValue] {
        self.keys(context).map { self.ofrep($0, context, timestamp: timestamp).body }
    }
}
