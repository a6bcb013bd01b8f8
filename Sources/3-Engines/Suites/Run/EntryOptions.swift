package import Contracts
import HurlFile

/// How one entry of a file is run: what `[Options]` says over the case's defaults.
package struct EntryOptions: Hashable, Sendable {
    package enum Count: Hashable, Sendable {
        case times(Int64)
        case endless

        init(_ value: Int64) { self = value < 0 ? .endless : .times(value) }
    }

    package var settings = ExchangeSettings()
    /// Beside those that the request names.
    package var headers: [ExchangeRequest.Field] = []
    /// Names of those that aren't sent.
    package var withoutHeaders: [String] = []
    package var isSkipped = false
    /// Milliseconds before the request.
    package var delay: Int64 = 0
    package var repetitions = Count.times(1)
    /// How often it's tried again after it failed.
    package var retries = Count.times(0)
    /// In milliseconds.
    package var retryInterval: Int64 = 1_000
    package var coercesJSONPath = true

    package init() {}
}

extension SuiteScope {
    /// Goes through an entry's options in order; a `variable` counts for those behind it, and for all that follows.
    mutating func options(
        of request: HurlRequest, over defaults: EntryOptions
    ) throws(SuiteError) -> EntryOptions {
        var options = defaults
        var identity: (certificate: String?, key: String?) = (nil, nil)
        for option in request.options {
            do throws(SuiteError) {
                switch option.name {
                case .variable:
                    guard case .variable(let definition) = option.value else { break }
                    self.variables[definition.name] = try self.value(definition)
                case .cert:
                    let parts = Self.certificate(try self.text(option))
                    identity.certificate = parts.file
                    if let password = parts.password { options.settings.identity.password = password }
                case .key: identity.key = try self.text(option)
                default: try self.apply(option, to: &options)
                }
            } catch {
                throw error.at(option.nameSpan)
            }
        }
        if let name = identity.certificate { options.settings.identity.certificate = try self.file(name) }
        if let name = identity.key { options.settings.identity.key = try self.file(name) }
        return options
    }

    private func apply(_ option: HurlOption, to options: inout EntryOptions) throws(SuiteError) {
        switch option.name {
        case .skip: options.isSkipped = try self.boolean(option)
        case .delay: options.delay = try self.milliseconds(option)
        case .repeat: options.repetitions = EntryOptions.Count(try self.integer(option))
        case .retry: options.retries = EntryOptions.Count(try self.integer(option))
        case .retryInterval: options.retryInterval = try self.milliseconds(option)
        case .noJSONPathCoercion: options.coercesJSONPath = try !self.boolean(option)
        case .header:
            let text = try self.text(option)
            guard let colon = text.firstIndex(of: ":") else {
                throw SuiteError(.badInput, "a header is written as NAME: VALUE")
            }
            options.headers.append(
                ExchangeRequest.Field(
                    Self.trimmed(text[..<colon]), Self.trimmed(text[text.index(after: colon)...])))
        case .noHeader: options.withoutHeaders.append(Self.trimmed(try self.text(option)[...]))
        case .variable, .cert, .key: break
        case .location, .locationTrusted, .maxRedirs, .compressed, .awsSigV4, .digest, .ntlm, .negotiate, .user:
            try self.applyExchange(option, to: &options.settings)
        case .http10, .http11, .http2, .http2PriorKnowledge, .http3, .ipv4, .ipv6, .proxy, .resolve, .connectTo,
            .unixSocket, .pathAsIs, .connectTimeout, .maxTime, .limitRate, .insecure, .cacert, .pinnedpubkey:
            try self.applyConnection(option, to: &options.settings)
        case .failWithBody, .netrc, .netrcFile, .netrcOptional, .output, .verbose, .verbosity, .veryVerbose:
            let reason = ShellOnlyFeature[.option(option.name)]?.reason ?? "makes sense at hurl's command line only"
            throw SuiteError(.unsupported, "'\(option.name.rawValue)' \(reason)")
        }
    }

    private func applyExchange(_ option: HurlOption, to settings: inout ExchangeSettings) throws(SuiteError) {
        switch option.name {
        case .location: settings.followsRedirects = try self.boolean(option)
        case .locationTrusted:
            settings.trustsRedirects = try self.boolean(option)
            if settings.trustsRedirects { settings.followsRedirects = true }
        case .maxRedirs:
            let count = try self.integer(option)
            settings.mostRedirects = count < 0 ? nil : Int(clamping: count)
        case .compressed: settings.isCompressed = try self.boolean(option)
        case .user: settings.user = try self.text(option)
        case .awsSigV4: settings.scheme = .awsSigV4(try self.text(option))
        case .digest: if try self.boolean(option) { settings.scheme = .digest }
        case .ntlm: if try self.boolean(option) { settings.scheme = .ntlm }
        case .negotiate: if try self.boolean(option) { settings.scheme = .negotiate }
        default: break
        }
    }

    private func applyConnection(_ option: HurlOption, to settings: inout ExchangeSettings) throws(SuiteError) {
        switch option.name {
        case .http10: try self.version(.http10, option, &settings)
        case .http11: try self.version(.http11, option, &settings)
        case .http2: try self.version(.http2, option, &settings)
        case .http2PriorKnowledge: try self.version(.http2PriorKnowledge, option, &settings)
        case .http3: try self.version(.http3, option, &settings)
        case .ipv4: settings.addressFamily = try self.boolean(option) ? .ipv4 : .any
        case .ipv6: settings.addressFamily = try self.boolean(option) ? .ipv6 : .any
        case .proxy: settings.proxy = try self.text(option)
        case .resolve: settings.resolve.append(try self.text(option))
        case .connectTo: settings.connectTo.append(try self.text(option))
        case .unixSocket: settings.unixSocket = try self.text(option)
        case .pathAsIs: settings.keepsPathAsIs = try self.boolean(option)
        case .connectTimeout: settings.connectTimeout = try self.milliseconds(option)
        case .maxTime: settings.timeout = try self.milliseconds(option)
        case .limitRate: settings.rateLimit = try self.integer(option)
        case .insecure: settings.isInsecure = try self.boolean(option)
        case .cacert: settings.authorities = try self.file(try self.text(option))
        case .pinnedpubkey: settings.pinnedKeys = try self.text(option)
        default: break
        }
    }

    /// Turned off, it's back to whatever both sides like best.
    private func version(
        _ version: ExchangeSettings.Version, _ option: HurlOption, _ settings: inout ExchangeSettings
    ) throws(SuiteError) {
        settings.version = try self.boolean(option) ? version : .any
    }

    static func trimmed(_ text: Substring) -> String {
        String(text.drop(while: \.isWhitespace).reversed().drop(while: \.isWhitespace).reversed())
    }

    /// `FILE[:PASSWORD]`, in which `\:` is a colon of the file's name.
    package static func certificate(_ text: String) -> (file: String, password: String?) {
        var file = ""
        var rest = Substring(text)
        while let next = rest.first {
            rest.removeFirst()
            if next == "\\", let escaped = rest.first, escaped == ":" || escaped == "\\" {
                file.append(escaped)
                rest.removeFirst()
            } else if next == ":" {
                return (file, String(rest))
            } else {
                file.append(next)
            }
        }
        return (file, nil)
    }
}
