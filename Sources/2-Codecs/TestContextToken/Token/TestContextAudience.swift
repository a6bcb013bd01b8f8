/// Whom a token is for.
package enum TestContextAudience: UInt8, Hashable, Sendable, CaseIterable {
    /// An edge, from whoever runs a suite.
    case ingress = 1
    /// The services behind an edge, from the edge.
    case `internal` = 2

    /// The longest that a token may be valid.
    package var longestLifetime: Duration {
        switch self {
        case .ingress: .seconds(60)
        // What a request sets off behind the edge may take longer than the request.
        case .internal: .seconds(300)
        }
    }

    /// What stands before the payload where it's signed, so that no signature made for another end holds here.
    var signedPrefix: [UInt8] {
        switch self {
        case .ingress: Array("glovebox test context: ingress 1\0".utf8)
        case .internal: Array("glovebox test context: internal 1\0".utf8)
        }
    }
}
