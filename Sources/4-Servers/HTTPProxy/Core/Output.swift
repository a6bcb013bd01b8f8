import NIOCore

/// What goes out on a channel: small parts are copied together, large ones go as they are, and all is flushed at once.
struct Output {
    /// From this size on a part isn't copied. It then keeps alive the buffer that it was read into, so that's not to be
    /// many times larger.
    static let copied = 16 * 1024

    private var pending = ByteBuffer()
    private(set) var isFlushNeeded = false

    /// Lets `body` write into what goes out next.
    @inline(__always)
    mutating func write<Value>(_ body: (inout ByteBuffer) -> Value) -> Value {
        self.isFlushNeeded = true
        return body(&self.pending)
    }

    /// - Parameters:
    ///   - buffer: some of its bytes, `length` from the index `at` on.
    mutating func write(_ buffer: ByteBuffer, at: Int, length: Int, to context: ChannelHandlerContext) {
        self.isFlushNeeded = true
        guard length >= Self.copied, let slice = buffer.getSlice(at: at, length: length) else {
            buffer.withVeryUnsafeBytes { bytes in
                guard at >= 0, length > 0, at + length <= bytes.count else { return }
                self.pending.writeBytes(UnsafeRawBufferPointer(rebasing: bytes[at..<(at + length)]))
            }
            if self.pending.readableBytes >= 4 * Self.copied { self.handOver(to: context) }
            return
        }
        self.handOver(to: context)
        context.write(NIOAny(slice), promise: nil)
    }

    private mutating func handOver(to context: ChannelHandlerContext) {
        guard self.pending.readableBytes > 0 else { return }
        context.write(NIOAny(self.pending), promise: nil)
        // Where the channel has kept it, this is a new one.
        self.pending.clear()
    }

    /// Above this a buffer isn't kept for what goes out next: an idle connection should cost little.
    private static let kept = 8 * 1024

    mutating func flush(to context: ChannelHandlerContext) {
        guard self.isFlushNeeded else { return }
        self.isFlushNeeded = false
        if self.pending.readableBytes > 0 {
            context.writeAndFlush(NIOAny(self.pending), promise: nil)
            if self.pending.capacity > Self.kept {
                self.pending = ByteBuffer()
            } else {
                self.pending.clear()
            }
        } else {
            context.flush()
        }
    }
}
