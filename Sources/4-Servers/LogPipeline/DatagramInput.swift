import GloveboxCore
import LogFormats
import NIOPosix

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Syslog by datagrams, one message each (RFC 5426, and as `/dev/log` has it). It's read when there's room: on a Unix
/// socket senders wait meanwhile; what of UDP the system drops is counted and told.
struct DatagramInput: Sendable {
    private static let mostAtOnce = 256
    private static let longest = 256 << 10
    private static let pollMilliseconds: Int32 = 100
    /// SO_RXQ_OVFL of Linux: each datagram comes with how many were dropped before it.
    private static let countsDrops: Int32 = 40

    private struct Batch: Sendable {
        var messages: [[UInt8]]
        var dropped: UInt32?
    }

    private let socket: Descriptor
    private let path: String?

    /// - Throws: `port_taken`, `configuration_invalid`.
    init(path: String) throws(GloveboxError) {
        try removeStaleSocket(path, type: datagramType)
        self.socket = try Self.bound(SocketAddressBytes.of(path: path), path)
        self.path = path
        // Any service of this host may log, as on /dev/log.
        chmod(path, 0o666)
    }

    init(_ place: LoopbackPlace) throws(GloveboxError) {
        self.socket = try Self.bound(SocketAddressBytes.of(place), "\(place)")
        self.path = nil
        var yes: Int32 = 1
        setsockopt(self.socket.number, SOL_SOCKET, Self.countsDrops, &yes, socklen_t(MemoryLayout<Int32>.size))
        var size: Int32 = 4 << 20
        setsockopt(self.socket.number, SOL_SOCKET, SO_RCVBUF, &size, socklen_t(MemoryLayout<Int32>.size))
    }

    private static func bound(
        _ address: (family: Int32, bytes: [UInt8]), _ place: String
    ) throws(GloveboxError) -> Descriptor {
        let descriptor = Descriptor(openSocket(address.family, datagramType))
        guard withAddress(address.bytes, { bind(descriptor.number, $0, $1) }) == 0 else {
            let number = errno
            throw number == EADDRINUSE
                ? GloveboxError(.portTaken, "another program listens on \(place): stop it, or name another place")
                : GloveboxError(.configurationInvalid, "can't listen on \(place): \(systemReason(number))")
        }
        return descriptor
    }

    /// Returns when the task is cancelled, and what had come is taken.
    func run(_ name: String, _ intake: LogIntake, _ threads: NIOThreadPool) async throws {
        let lane = await intake.openLane(name)
        var dropped: UInt32 = 0
        defer { if let path = self.path { unlink(path) } }
        var isLast = false
        while !isLast {
            let batch: Batch
            if let read = try? await threads.runIfActive({ [socket] in
                Self.read(socket, milliseconds: Self.pollMilliseconds)
            }) {
                batch = read
            } else {
                // It's stopped: what had come is taken.
                batch = Self.read(self.socket, milliseconds: 0)
                isLast = batch.messages.count < Self.mostAtOnce
            }
            if let count = batch.dropped, count != dropped {
                intake.drop(Int(count &- dropped), .overrun, name)
                dropped = count
            }
            let records = batch.messages.filter { !$0.isEmpty }.map {
                SyslogMessage.parse($0) ?? LogRecord(text: $0)
            }
            if !records.isEmpty { try await intake.take(records, lane: lane, input: name) }
        }
    }

    private static func read(_ socket: Descriptor, milliseconds: Int32) -> Batch {
        var batch = Batch(messages: [])
        guard socket.isReady(Int32(POLLIN), milliseconds: milliseconds) else { return batch }
        var space = [UInt8](repeating: 0, count: Self.longest)
        var control = [UInt8](repeating: 0, count: 64)
        while batch.messages.count < Self.mostAtOnce {
            var controlCount = 0
            let count = space.withUnsafeMutableBytes { space in
                control.withUnsafeMutableBytes { control in
                    var part = iovec(iov_base: space.baseAddress, iov_len: space.count)
                    return withUnsafeMutablePointer(to: &part) { part in
                        var message = msghdr()
                        message.msg_iov = part
                        message.msg_iovlen = 1
                        message.msg_control = control.baseAddress
                        message.msg_controllen = control.count
                        let count = recvmsg(socket.number, &message, Int32(MSG_DONTWAIT))
                        controlCount = Int(message.msg_controllen)
                        return count
                    }
                }
            }
            guard count >= 0 else { break }
            var message = space.prefix(count)
            // As syslog(3) of some systems ends a message.
            while let last = message.last, last == 0 || last == 0x0A { message.removeLast() }
            batch.messages.append(Array(message))
            if let dropped = Self.drops(control.prefix(controlCount)) { batch.dropped = dropped }
        }
        return batch
    }

    /// The number in a control message of SO_RXQ_OVFL: a length of 64 bits, a level and a type of 32, a value of 32.
    private static func drops(_ control: ArraySlice<UInt8>) -> UInt32? {
        guard control.count >= 20 else { return nil }
        return control.withUnsafeBytes { bytes in
            guard bytes.loadUnaligned(fromByteOffset: 8, as: Int32.self) == SOL_SOCKET,
                bytes.loadUnaligned(fromByteOffset: 12, as: Int32.self) == Self.countsDrops
            else { return nil }
            return bytes.loadUnaligned(fromByteOffset: 16, as: UInt32.self)
        }
    }
}
