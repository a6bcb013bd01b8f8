import NIOCore
import NIOPosix

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// The sockets of the tunnel, the same at both ends.
enum TunnelSockets {
    /// Reads between 2 KiB and 256 KiB, as the traffic asks for.
    static let reads = AdaptiveRecvByteBufferAllocator(minimum: 2048, initial: 65_536, maximum: 262_144)
    /// A writer is told to stop at 512 KiB and to go on below 128 KiB.
    static let watermarks = ChannelOptions.Types.WriteBufferWaterMark(low: 128 << 10, high: 512 << 10)

    /// How long what was sent may stay unacknowledged while a connection is for control, or waits in the pool.
    private static let unacknowledged: Int = 9000

    /// No delay for small writes, and keepalives that find a dead peer in about 10 s.
    static func prepare(_ channel: any Channel) throws {
        guard let options = channel.syncOptions else { return }
        try options.setOption(.recvAllocator, value: self.reads)
        try options.setOption(.writeBufferWaterMark, value: self.watermarks)
        try options.setOption(.tcpOption(.tcp_nodelay), value: 1)
        try options.setOption(.socketOption(.so_keepalive), value: 1)
        #if canImport(Glibc)
            try options.setOption(.tcpOption(.init(rawValue: TCP_KEEPIDLE)), value: 5)
            try options.setOption(.tcpOption(.init(rawValue: TCP_KEEPINTVL)), value: 2)
            try options.setOption(.tcpOption(.init(rawValue: TCP_KEEPCNT)), value: 3)
        #endif
        self.boundUnacknowledged(channel, self.unacknowledged)
    }

    /// Before a session takes the connection over: a client that stops reading for a while (a pager) closes the
    /// window, and `TCP_USER_TIMEOUT` counts that too. The control connection tells whether the peer lives.
    static func leaveToSession(_ channel: any Channel) {
        self.boundUnacknowledged(channel, 0)
    }

    private static func boundUnacknowledged(_ channel: any Channel, _ milliseconds: Int) {
        #if canImport(Glibc)
            // The connection works without it, as on sockets that aren't TCP.
            try? channel.syncOptions?.setOption(
                .tcpOption(.init(rawValue: TCP_USER_TIMEOUT)), value: .init(milliseconds))
        #endif
    }
}
