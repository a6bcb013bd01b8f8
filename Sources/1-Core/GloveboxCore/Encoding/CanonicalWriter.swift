/// Writes fields in the one canonical byte form that records and control messages share.
///
/// A message is a run of fields with strictly rising tags, each `varint tag · varint length · bytes`. Varints are
/// LEB128 in their shortest form. An absent field isn't written; there are no default values. The same value thus has
/// exactly one encoding, so that its hash names it.
package struct CanonicalWriter {
    package private(set) var bytes: [UInt8] = []
    private var lastTag = -1

    package init() {}

    /// Tags must rise from call to call.
    package mutating func write(_ tag: Int, bytes value: some Collection<UInt8>) {
        assert(tag > self.lastTag, "tags rise")
        self.lastTag = tag
        Self.append(varint: UInt64(tag), to: &self.bytes)
        Self.append(varint: UInt64(value.count), to: &self.bytes)
        self.bytes.append(contentsOf: value)
    }

    package mutating func write(_ tag: Int, _ value: String?) {
        guard let value else { return }
        self.write(tag, bytes: value.utf8)
    }

    package mutating func write(_ tag: Int, _ value: UInt64?) {
        guard let value else { return }
        var encoded: [UInt8] = []
        Self.append(varint: value, to: &encoded)
        self.write(tag, bytes: encoded)
    }

    /// Signed numbers in zigzag form.
    package mutating func write(_ tag: Int, signed value: Int64?) {
        guard let value else { return }
        self.write(tag, UInt64(bitPattern: (value << 1) ^ (value >> 63)))
    }

    /// A nested message.
    package mutating func write(_ tag: Int, _ body: (inout CanonicalWriter) -> Void) {
        var nested = CanonicalWriter()
        body(&nested)
        self.write(tag, bytes: nested.bytes)
    }

    /// A list: one nested message that holds each element under the tag of its position.
    package mutating func write<Element>(
        _ tag: Int, list: some Sequence<Element>, _ body: (inout CanonicalWriter, Element) -> Void
    ) {
        self.write(tag) { writer in
            for (index, element) in list.enumerated() {
                writer.write(index) { body(&$0, element) }
            }
        }
    }

    package mutating func write(_ tag: Int, strings: [String]) {
        self.write(tag) { writer in
            for (index, element) in strings.enumerated() {
                writer.write(index, element)
            }
        }
    }

    package mutating func write(_ tag: Int, strings: [String: String]) {
        self.write(tag, strings: strings.sorted { $0.key < $1.key }.flatMap { [$0.key, $0.value] })
    }

    private static func append(varint value: UInt64, to bytes: inout [UInt8]) {
        var rest = value
        while rest >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(rest))
    }
}
