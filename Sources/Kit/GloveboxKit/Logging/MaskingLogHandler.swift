public import Logging

/// A log handler that masks secrets and personal data by the names they stand under, and hands what's left to another
/// handler.
///
/// A value under a sensitive name is masked whatever it looks like: `dbPassword`, `user_password`, `AWS_SECRET_ACCESS_KEY`,
/// `x-api-key`, `card-number`, in metadata at any depth. In the message, in the text of metadata and in an error's
/// description, what stands behind such a name is masked: `password=hunter2`, `"apiKey": "…"`. Values without a name, such
/// as a token in the middle of a sentence, aren't looked for: for those, let the output run through `glovebox redact`.
///
/// ```swift
/// LoggingSystem.bootstrap { label in
///     MaskingLogHandler(StreamLogHandler.standardOutput(label: label))
/// }
/// let logger = Logger(label: "shop")
/// logger.info("signed in", metadata: ["user": "anna", "session": ["accessToken": "\(token)"]])
/// // info shop: session=["accessToken": "‹token›"] user=anna [Shop] signed in
/// ```
public struct MaskingLogHandler: LogHandler {
    private var handler: any LogHandler
    private let fields: FieldMask
    /// As it was set; the wrapped handler has one that masks what this gives.
    private var provider: Logger.MetadataProvider?

    /// - Parameters:
    ///   - handler: takes what's masked. Metadata and a provider that it has already are masked, too.
    ///   - fields: which names are sensitive.
    public init(_ handler: any LogHandler, fields: FieldMask = FieldMask()) {
        self.handler = handler
        self.fields = fields
        self.provider = handler.metadataProvider
        self.handler.metadata = fields.mask(handler.metadata)
        self.wrapProvider()
    }

    /// Wraps what a factory makes, for `LoggingSystem.bootstrap`.
    ///
    /// ```swift
    /// LoggingSystem.bootstrap(MaskingLogHandler.wrapping { StreamLogHandler.standardOutput(label: $0) })
    /// ```
    public static func wrapping(
        fields: FieldMask = FieldMask(), _ factory: @escaping @Sendable (_ label: String) -> any LogHandler
    ) -> @Sendable (_ label: String) -> any LogHandler {
        { label in MaskingLogHandler(factory(label), fields: fields) }
    }

    public func log(event: LogEvent) {
        var event = event
        let message = event.message.description
        if let masked = self.fields.mask(inText: message) { event.message = Logger.Message(stringLiteral: masked) }
        event.metadata = event.metadata.map(self.fields.mask)
        if let error = event.error, let masked = self.fields.mask(inText: "\(error)") {
            event.error = MaskedError(description: masked)
        }
        self.handler.log(event: event)
    }

    public subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { self.handler[metadataKey: key] }
        set { self.handler[metadataKey: key] = newValue.map { self.fields.mask($0, under: key) } }
    }

    public var metadata: Logger.Metadata {
        get { self.handler.metadata }
        set { self.handler.metadata = self.fields.mask(newValue) }
    }

    public var metadataProvider: Logger.MetadataProvider? {
        get { self.provider }
        set {
            self.provider = newValue
            self.wrapProvider()
        }
    }

    public var logLevel: Logger.Level {
        get { self.handler.logLevel }
        set { self.handler.logLevel = newValue }
    }

    private mutating func wrapProvider() {
        guard self.provider != nil || self.handler.metadataProvider != nil else { return }
        let fields = self.fields
        self.handler.metadataProvider = self.provider.map { provider in
            Logger.MetadataProvider { fields.mask(provider.get()) }
        }
    }
}

/// In place of an error whose description had something to mask.
private struct MaskedError: Error, CustomStringConvertible {
    var description: String
}
