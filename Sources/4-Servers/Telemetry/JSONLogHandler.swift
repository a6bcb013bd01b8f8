package import Logging

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif
#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Writes each event as one line of JSON to standard error, in one write, so that lines of several threads don't mix.
package struct JSONLogHandler: LogHandler {
    package var logLevel = Logger.Level.info
    package var metadata: Logger.Metadata = [:]
    package var metadataProvider: Logger.MetadataProvider?
    private let label: String
    private let write: @Sendable (String) -> Void

    /// - Parameter write: gets each line with its line break.
    package init(label: String, write: @escaping @Sendable (String) -> Void = Self.toStandardError) {
        self.label = label
        self.write = write
    }

    package subscript(metadataKey key: String) -> Logger.MetadataValue? {
        get { self.metadata[key] }
        set { self.metadata[key] = newValue }
    }

    package func log(event: LogEvent) {
        var metadata = self.metadata
        if let provided = self.metadataProvider?.get() { metadata.merge(provided) { $1 } }
        if let own = event.metadata { metadata.merge(own) { $1 } }
        if let error = event.error { metadata["error"] = "\(error)" }
        var line = "{\"time\":\(Self.quoted(Date().formatted(Self.moment)))"
        line += ",\"level\":\(Self.quoted(event.level.rawValue)),\"label\":\(Self.quoted(self.label))"
        line += ",\"message\":\(Self.quoted(event.message.description))"
        if !metadata.isEmpty { line += ",\"metadata\":\(Self.object(metadata))" }
        self.write(line + "}\n")
    }

    private static let moment = Date.ISO8601FormatStyle(includingFractionalSeconds: true)

    private static func object(_ metadata: Logger.Metadata) -> String {
        let members = metadata.sorted { $0.key < $1.key }.map { "\(Self.quoted($0.key)):\(Self.value($0.value))" }
        return "{\(members.joined(separator: ","))}"
    }

    private static func value(_ value: Logger.MetadataValue) -> String {
        switch value {
        case .string(let text): Self.quoted(text)
        case .stringConvertible(let convertible): Self.quoted(convertible.description)
        case .dictionary(let members): Self.object(members)
        case .array(let elements): "[\(elements.map(Self.value).joined(separator: ","))]"
        }
    }

    /// A JSON string (RFC 8259, section 7).
    private static func quoted(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case "\n": result += "\\n"
            case "\r": result += "\\r"
            case "\t": result += "\\t"
            // C1 controls and line separators too, which terminals and viewers act on.
            case "\u{0}"..."\u{1F}", "\u{7F}"..."\u{9F}", "\u{2028}", "\u{2029}":
                let digits = String(scalar.value, radix: 16)
                result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result + "\""
    }

    package static let toStandardError: @Sendable (String) -> Void = { line in
        let bytes = Array(line.utf8)
        bytes.withUnsafeBytes { unsafe in
            #if canImport(Glibc)
                _ = Glibc.write(STDERR_FILENO, unsafe.baseAddress, unsafe.count)
            #else
                _ = Darwin.write(STDERR_FILENO, unsafe.baseAddress, unsafe.count)
            #endif
        }
    }
}
