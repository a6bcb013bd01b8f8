package import NIOCore

/// A message from a server.
package enum BackendMessage: Hashable, Sendable {
    package enum Kind: UInt8, Hashable, Sendable, CaseIterable {
        case authentication = 0x52  // R
        case parameterStatus = 0x53  // S
        case backendKeyData = 0x4B  // K
        case readyForQuery = 0x5A  // Z
        case rowDescription = 0x54  // T
        case dataRow = 0x44  // D
        case commandComplete = 0x43  // C
        case emptyQueryResponse = 0x49  // I
        case errorResponse = 0x45  // E
        case noticeResponse = 0x4E  // N
        case noData = 0x6E  // n
        case parameterDescription = 0x74  // t
        case parseComplete = 0x31  // 1
        case bindComplete = 0x32  // 2
        case closeComplete = 0x33  // 3
        case portalSuspended = 0x73  // s
        case copyInResponse = 0x47  // G
        case copyOutResponse = 0x48  // H
        case copyBothResponse = 0x57  // W
        case copyData = 0x64  // d
        case copyDone = 0x63  // c
        case notificationResponse = 0x41  // A
        case negotiateProtocolVersion = 0x76  // v
        case functionCallResponse = 0x56  // V
    }

    package enum Authentication: Hashable, Sendable {
        case ok
        case cleartextPassword
        case md5Password(salt: [UInt8])
        /// The mechanisms that the server offers.
        case sasl([String])
        case saslContinue(ByteBuffer)
        case saslFinal(ByteBuffer)
        /// Kerberos, GSSAPI, SSPI: methods that we don't do.
        case other(UInt32)
    }

    /// The formats of a CopyInResponse, CopyOutResponse or CopyBothResponse.
    package struct CopyResponse: Hashable, Sendable {
        package var format: ValueFormat
        package var columns: [ValueFormat]

        package init(format: ValueFormat, columns: [ValueFormat]) {
            self.format = format
            self.columns = columns
        }

        init(body: ByteBuffer) throws(PostgresWireError) {
            var body = body
            guard let format = ValueFormat(rawValue: UInt16(try body.field(UInt8.self, "a copy's format"))) else {
                throw .malformed("a copy's format is neither text nor binary")
            }
            self.format = format
            self.columns = try body.formats("a copy's column format")
            try body.finished("a copy response")
        }
    }

    case authentication(Authentication)
    case parameterStatus(name: String, value: String)
    case backendKeyData(CancelKey)
    case readyForQuery(TransactionStatus)
    case rowDescription(RowFields)
    case dataRow(DataRowCells)
    case commandComplete(String)
    case emptyQueryResponse
    case errorResponse(ErrorFields)
    case noticeResponse(ErrorFields)
    case noData
    case parameterDescription([UInt32])
    case parseComplete
    case bindComplete
    case closeComplete
    case portalSuspended
    case copyInResponse(CopyResponse)
    case copyOutResponse(CopyResponse)
    case copyBothResponse(CopyResponse)
    case copyData(ByteBuffer)
    case copyDone
    case notificationResponse(processID: UInt32, channel: String, payload: String)
    case negotiateProtocolVersion(newest: ProtocolVersion, unknownOptions: [String])
    case functionCallResponse(ByteBuffer?)
}

/// Where a session is in its transaction, as ReadyForQuery says it.
package enum TransactionStatus: UInt8, Hashable, Sendable {
    case idle = 0x49  // I
    case inTransaction = 0x54  // T
    case failed = 0x45  // E

    init(body: ByteBuffer) throws(PostgresWireError) {
        var body = body
        guard let status = Self(rawValue: try body.field(UInt8.self, "a transaction's status")) else {
            throw .malformed("a transaction's status doesn't exist")
        }
        try body.finished("a ReadyForQuery")
        self = status
    }
}

extension BackendMessage {
    package init(_ frame: Frame) throws(PostgresWireError) {
        guard let kind = Kind(rawValue: frame.kind) else {
            throw PostgresWireError(
                .unknownMessage, "a PostgreSQL message has a kind that doesn't exist: \(frame.kind)")
        }
        var body = frame.body
        switch kind {
        case .authentication:
            self = .authentication(try Authentication(reading: body))
            return
        case .parameterStatus:
            let name = try body.lenientText("a parameter's name")
            self = .parameterStatus(name: name, value: try body.lenientText("a parameter's value"))
        case .backendKeyData:
            let processID = try body.field(UInt32.self, "a process id")
            guard (4...256).contains(body.readableBytes) else { throw .malformed("a cancel key has no such length") }
            self = .backendKeyData(CancelKey(processID: processID, secret: Array(body.readableBytesView)))
            return
        case .readyForQuery:
            self = .readyForQuery(try TransactionStatus(body: body))
            return
        case .rowDescription:
            self = .rowDescription(try RowFields(body: body))
            return
        case .dataRow:
            self = .dataRow(try DataRowCells(body: body))
            return
        case .commandComplete: self = .commandComplete(try body.lenientText("a command's tag"))
        case .emptyQueryResponse: self = .emptyQueryResponse
        case .errorResponse:
            self = .errorResponse(try ErrorFields(body: body))
            return
        case .noticeResponse:
            self = .noticeResponse(try ErrorFields(body: body))
            return
        case .noData: self = .noData
        case .parameterDescription:
            let count = Int(try body.field(UInt16.self, "the parameter types"))
            guard count * 4 <= body.readableBytes else { throw .malformed("the parameter types are cut short") }
            var types: [UInt32] = []
            for _ in 0..<count { types.append(try body.field(UInt32.self, "a parameter type")) }
            self = .parameterDescription(types)
        case .parseComplete: self = .parseComplete
        case .bindComplete: self = .bindComplete
        case .closeComplete: self = .closeComplete
        case .portalSuspended: self = .portalSuspended
        case .copyInResponse:
            self = .copyInResponse(try CopyResponse(body: body))
            return
        case .copyOutResponse:
            self = .copyOutResponse(try CopyResponse(body: body))
            return
        case .copyBothResponse:
            self = .copyBothResponse(try CopyResponse(body: body))
            return
        case .copyData:
            self = .copyData(body)
            return
        case .copyDone: self = .copyDone
        case .notificationResponse:
            let processID = try body.field(UInt32.self, "a process id")
            let channel = try body.lenientText("a channel")
            self = .notificationResponse(
                processID: processID, channel: channel, payload: try body.lenientText("a payload"))
        case .negotiateProtocolVersion:
            let major = try body.field(UInt16.self, "a version")
            let minor = try body.field(UInt16.self, "a version")
            let count = try body.field(UInt32.self, "the options")
            guard count <= body.readableBytes else { throw .malformed("the options are cut short") }
            var options: [String] = []
            for _ in 0..<count { options.append(try body.lenientText("an option")) }
            self = .negotiateProtocolVersion(
                newest: ProtocolVersion(major: major, minor: minor), unknownOptions: options)
        case .functionCallResponse: self = .functionCallResponse(try body.value("a function's result"))
        }
        try body.finished("a \(kind)")
    }
}

extension BackendMessage.Authentication {
    init(reading body: ByteBuffer) throws(PostgresWireError) {
        var body = body
        switch try body.field(UInt32.self, "an authentication request") {
        case 0: self = .ok
        case 3: self = .cleartextPassword
        case 5:
            guard let salt = body.readBytes(length: 4) else { throw .malformed("a salt is cut short") }
            self = .md5Password(salt: salt)
        case 10:
            var mechanisms: [String] = []
            while true {
                let mechanism = try body.lenientText("a mechanism")
                if mechanism.isEmpty { break }
                mechanisms.append(mechanism)
            }
            self = .sasl(mechanisms)
        case 11:
            self = .saslContinue(body)
            return
        case 12:
            self = .saslFinal(body)
            return
        case let other:
            self = .other(other)
            return
        }
        try body.finished("an authentication request")
    }
}
