/// One line of `[Options]`.
package struct HurlOption: Hashable, Sendable {
    package var name: HurlOptionName
    package var nameSpan: SourceSpan
    package var gapBeforeColon: String
    package var gapAfterColon: String
    package var value: HurlOptionValue
}

package enum HurlOptionName: String, Hashable, Sendable, CaseIterable {
    case awsSigV4 = "aws-sigv4"
    case cacert
    case cert
    case key
    case compressed
    case connectTo = "connect-to"
    case connectTimeout = "connect-timeout"
    case delay
    case digest
    case failWithBody = "fail-with-body"
    case header
    case http10 = "http1.0"
    case http11 = "http1.1"
    case http2
    case http2PriorKnowledge = "http2-prior-knowledge"
    case http3
    case insecure
    case ipv4
    case ipv6
    case limitRate = "limit-rate"
    case location
    case locationTrusted = "location-trusted"
    case maxRedirs = "max-redirs"
    case maxTime = "max-time"
    case negotiate
    case netrc
    case netrcFile = "netrc-file"
    case netrcOptional = "netrc-optional"
    case noHeader = "no-header"
    case noJSONPathCoercion = "no-jsonpath-coercion"
    case ntlm
    case output
    case pathAsIs = "path-as-is"
    case pinnedpubkey
    case proxy
    case `repeat`
    case resolve
    case retry
    case retryInterval = "retry-interval"
    case skip
    case unixSocket = "unix-socket"
    case user
    case variable
    case verbose
    case verbosity
    case veryVerbose = "very-verbose"

    enum Shape {
        case boolean
        /// 0 and up.
        case natural
        /// -1, which is without end, and up.
        case count
        case duration
        case text
        case filename
        /// A filename, with a password behind a `:` that isn't escaped.
        case filenameAndPassword
        case variable
        case verbosity
    }

    var shape: Shape {
        switch self {
        case .compressed, .digest, .failWithBody, .http10, .http11, .http2, .http2PriorKnowledge, .http3, .insecure,
            .ipv4, .ipv6, .location, .locationTrusted, .negotiate, .netrc, .netrcOptional, .noJSONPathCoercion, .ntlm,
            .pathAsIs, .skip, .verbose, .veryVerbose:
            .boolean
        case .limitRate: .natural
        case .maxRedirs, .repeat, .retry: .count
        case .connectTimeout, .delay, .maxTime, .retryInterval: .duration
        case .cacert, .key, .output: .filename
        case .cert: .filenameAndPassword
        case .variable: .variable
        case .verbosity: .verbosity
        case .awsSigV4, .connectTo, .header, .netrcFile, .noHeader, .pinnedpubkey, .proxy, .resolve, .unixSocket, .user:
            .text
        }
    }
}

package enum HurlOptionValue: Hashable, Sendable {
    case boolean(Bool)
    /// A natural number or a count.
    case number(HurlNumber)
    case duration(HurlDuration)
    case text(HurlTemplate)
    case variable(HurlVariableDefinition)
    case word(String)
    /// In place of a boolean, a number or a duration.
    case placeholder(HurlPlaceholder)
}

package struct HurlDuration: Hashable, Sendable {
    package enum Unit: String, Hashable, Sendable, CaseIterable {
        case milliseconds = "ms"
        case seconds = "s"
        case minutes = "m"
        case hours = "h"

        var milliseconds: Int64 {
            switch self {
            case .milliseconds: 1
            case .seconds: 1_000
            case .minutes: 60_000
            case .hours: 3_600_000
            }
        }
    }

    package var number: HurlNumber
    /// Nil where none is written, which means milliseconds.
    package var unit: Unit?

    /// The largest there is where it's beyond.
    package var milliseconds: Int64 {
        guard case .integer(let count) = self.number.value else { return .max }
        let (product, overflow) = count.multipliedReportingOverflow(by: (self.unit ?? .milliseconds).milliseconds)
        return overflow ? .max : product
    }
}

/// `name=value`, for this request and those that follow.
package struct HurlVariableDefinition: Hashable, Sendable {
    package enum Value: Hashable, Sendable {
        case null
        case boolean(Bool)
        case number(HurlNumber)
        case text(HurlTemplate)
    }

    package var name: String
    package var nameSpan: SourceSpan
    package var before: String
    package var after: String
    package var value: Value
}
