package import GloveboxCore
package import Logging
package import YAMLDocument

/// How a role logs. What isn't said here the program decides.
package struct LogSettings: Hashable, Sendable {
    /// Of a line on standard error.
    package enum Format: String, CaseIterable, Hashable, Sendable {
        case text
        /// One JSON object a line: `time`, `level`, `label`, `message`, and `metadata` where there is some.
        case json
    }

    package var format: Format?
    package var level: Logger.Level?

    package init(format: Format? = nil, level: Logger.Level? = nil) {
        self.format = format
        self.level = level
    }

    /// `{format: json, level: info}`
    /// - Throws: `configuration_invalid` with line and column.
    package init(node: YAMLNode) throws(GloveboxError) {
        let fields = try node.mapping("format", "level")
        self.format = try fields["format"].map { (node) throws(GloveboxError) in try node.choice() }
        self.level = try fields["level"].map { (node) throws(GloveboxError) in try node.choice() }
    }

    /// These settings, and where they say nothing those of `other`.
    package func orElse(_ other: LogSettings) -> LogSettings {
        LogSettings(format: self.format ?? other.format, level: self.level ?? other.level)
    }

    package func logger(_ label: String, standardLevel: Logger.Level) -> Logger {
        var logger = Logger(label: label) { label in
            switch self.format ?? .text {
            case .text: StreamLogHandler.standardError(label: label)
            case .json: JSONLogHandler(label: label)
            }
        }
        logger.logLevel = self.level ?? standardLevel
        return logger
    }
}
