/// How large a head may be.
package struct HeadLimits: Hashable, Sendable {
    /// The request line with its end, in bytes.
    package var requestLine = 8 * 1024
    /// The whole head, in bytes.
    package var head = 32 * 1024
    package var fields = 100
    /// Of a chunked body, in bytes.
    package var trailers = 8 * 1024

    package init() {}
}
