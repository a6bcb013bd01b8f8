package import NIOCore

/// Follows a stream of messages by their lengths alone, as far as to know whether one of them is under way (PostgreSQL
/// manual, "Message Flow": each is a byte of its kind, then an Int32 that counts itself and the body).
///
/// It looks at five bytes of each message and holds none, so that a relay can afford it. A length below 4 is no
/// message's: from there on nothing is known any more.
package struct MessageBoundary: Sendable {
    private static let headerLength = 5

    /// Bytes of the body that are still to come; -1 after a length that can't be.
    private var left = 0
    private var length: UInt32 = 0
    /// Of the header that's under way; 0 between messages and in a body.
    private var headerBytes = 0
    /// Of the message that's under way, or the last one; nil before the first.
    package private(set) var kind: UInt8?

    package init() {}

    /// Whether all messages so far are whole.
    package var isBetweenMessages: Bool { self.left == 0 && self.headerBytes == 0 }

    /// Takes the next bytes of the stream.
    package mutating func pass(_ bytes: ByteBuffer) {
        bytes.withUnsafeReadableBytes { self.pass($0) }
    }

    private mutating func pass(_ bytes: UnsafeRawBufferPointer) {
        var place = 0
        while self.left >= 0 {
            let skipped = min(self.left, bytes.count - place)
            self.left -= skipped
            place += skipped
            guard place < bytes.count else { return }
            if self.headerBytes == 0, bytes.count - place >= Self.headerLength {
                self.kind = bytes[place]
                self.length = UInt32(bigEndian: bytes.loadUnaligned(fromByteOffset: place + 1, as: UInt32.self))
                place += Self.headerLength
            } else {
                self.take(bytes[place])
                place += 1
                if self.headerBytes < Self.headerLength { continue }
                self.headerBytes = 0
            }
            self.left = Int(Int32(truncatingIfNeeded: self.length)) - 4
            if self.left < 0 { self.left = -1 }
        }
    }

    /// One byte of a header that two pieces share.
    private mutating func take(_ byte: UInt8) {
        if self.headerBytes == 0 {
            self.kind = byte
            self.length = 0
        } else {
            self.length = self.length << 8 | UInt32(byte)
        }
        self.headerBytes += 1
    }
}
