import GloveboxCore
import LogFormats
import NIOPosix
import Synchronization

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Syslog to a receiver on this host: datagrams, or a stream of counted messages (RFC 6587). Syslog acknowledges nothing:
/// delivered is what the system has taken.
final class SyslogOutput: LogOutput {
    /// What a datagram that's too long is cut to (RFC 5426, section 3.2, wants receivers to take 2,048).
    private static let shortened = 8192
    private static let sendSeconds = 5

    private let target: PipelineConfiguration.SyslogTarget
    private let threads: NIOThreadPool
    private let socket = Mutex<Descriptor?>(nil)

    init(_ target: PipelineConfiguration.SyslogTarget, _ threads: NIOThreadPool) {
        self.target = target
        self.threads = threads
    }

    private var isDatagram: Bool {
        switch self.target {
        case .datagram, .udp: true
        case .stream, .tcp: false
        }
    }

    private var place: String {
        switch self.target {
        case .datagram(let path), .stream(let path): path
        case .udp(let place), .tcp(let place): "\(place)"
        }
    }

    func deliver(_ records: [LogRecord]) async throws -> Int {
        let messages = records.map { SyslogMessage.write($0) }
        try await self.threads.runIfActive {
            try self.socket.withLock { socket in
                do throws(DeliveryFailure) {
                    try self.send(messages, &socket)
                } catch {
                    socket = nil
                    throw error
                }
            }
        }
        return 0
    }

    func close() async {
        self.socket.withLock { $0 = nil }
    }

    private func failure(_ number: Int32) -> DeliveryFailure {
        .later("\(self.place) doesn't take syslog: \(systemReason(number))", after: nil)
    }

    private func send(_ messages: [[UInt8]], _ socket: inout Descriptor?) throws(DeliveryFailure) {
        if let open = socket, !self.isDatagram, Self.isClosed(open) { socket = nil }
        let open: Descriptor
        if let connected = socket { open = connected } else { open = try self.connected() }
        socket = open
        if self.isDatagram {
            for message in messages {
                var number = Self.send(message, open)
                if number == EMSGSIZE { number = Self.send(Array(message.prefix(Self.shortened)), open) }
                guard number == 0 else { throw self.failure(number) }
            }
            return
        }
        let bytes = messages.flatMap { Array("\($0.count) ".utf8) + $0 }
        let number = Self.send(bytes, open)
        guard number == 0 else { throw self.failure(number) }
    }

    private func connected() throws(DeliveryFailure) -> Descriptor {
        let address =
            switch self.target {
            case .datagram(let path), .stream(let path): SocketAddressBytes.of(path: path)
            case .udp(let place), .tcp(let place): SocketAddressBytes.of(place)
            }
        let open = Descriptor(openSocket(address.family, self.isDatagram ? datagramType : streamType))
        var limit = timeval(tv_sec: Self.sendSeconds, tv_usec: 0)
        setsockopt(open.number, SOL_SOCKET, SO_SNDTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        guard withAddress(address.bytes, { connect(open.number, $0, $1) }) == 0 else { throw self.failure(errno) }
        return open
    }

    /// Whether the other side has closed a stream: it sends nothing else.
    private static func isClosed(_ socket: Descriptor) -> Bool {
        var byte: UInt8 = 0
        let count = recv(socket.number, &byte, 1, Int32(MSG_DONTWAIT | MSG_PEEK))
        return count == 0 || count < 0 && errno != EAGAIN && errno != EWOULDBLOCK
    }

    /// - Returns: an error number, 0 when all was taken.
    private static func send(_ bytes: [UInt8], _ socket: Descriptor) -> Int32 {
        var done = 0
        repeat {
            let count = bytes.withUnsafeBytes { space in
                systemSend(
                    socket.number, space.baseAddress?.advanced(by: done), space.count - done,
                    Int32(MSG_NOSIGNAL))
            }
            if count >= 0 {
                done += count
            } else if errno != EINTR {
                return errno
            }
        } while done < bytes.count
        return 0
    }
}

/// `send(2)`, by a name that methods don't hide.
private func systemSend(_ socket: Int32, _ bytes: UnsafeRawPointer?, _ count: Int, _ flags: Int32) -> Int {
    send(socket, bytes, count, flags)
}
