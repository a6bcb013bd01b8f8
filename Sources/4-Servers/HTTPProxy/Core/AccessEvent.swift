/// One request and what became of it: handed to whoever keeps an access log. Nothing in it is redacted yet.
package struct AccessEvent: Hashable, Sendable {
    /// Uptime in nanoseconds at which its head was whole.
    package var began: UInt64
    /// Until its response's last byte was written, in nanoseconds.
    package var duration: UInt64
    package var client: String
    /// `HTTP/1.1`, `HTTP/1.0` or `HTTP/2`.
    package var version: String
    package var method: String
    package var target: String
    package var host: String
    /// 0: the client had gone before there was one.
    package var status: Int
    package var requestBytes: UInt64
    package var responseBytes: UInt64
    package var route: String?
    package var service: String?
    package var serviceVersion: String?
    package var upstream: String?
    package var attempts: Int
    /// Of a marked request.
    package var mark: String?
    /// Why the proxy answered by itself, or cut the response short.
    package var refusal: String?
    package var epoch: UInt64
}
