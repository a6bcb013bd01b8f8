import GloveboxCore
import NIOCore
import PostgresWire
import Redaction

/// Masks a row that is too long to be kept, as its bytes come.
///
/// A DataRow says its length before its cells. Up to ``keptLimit`` bytes of masked cells are kept, as a short row's are;
/// a row that ends within them is written with the length it came to. Beyond that, and before a cell that passes in
/// pieces, the row is *committed*: its length is written, and from then on each cell keeps its own. What is masked then is
/// filled up with spaces, or becomes asterisks.
///
/// A cell of up to ``ResultMasking/longestValue`` bytes is judged whole. A longer one passes in pieces, masked in place,
/// if it is of a text or of `bytea`, its column isn't classified, and nothing behind it was worked out from classified
/// values; any other becomes a placeholder. A committed row has no value that was worked out, as its length would be told.
///
/// Throws `redaction_failed` and `malformed_message`, and what the payment throws. After that nothing of the row may pass.
final class LongRow {
    /// Bytes of masked cells that are kept so that the row's length can be told.
    static let keptLimit = 4 << 20

    private enum State {
        /// A cell's length comes next.
        case length
        /// A cell of so many bytes, that is judged once it's whole.
        case whole(Int)
        /// So many bytes of a cell whose placeholder is written.
        case dropped(Int)
        /// So many bytes of a cell, each of which becomes this one; so many of these are written already.
        case filled(Int, UInt8, ahead: Int)
        /// So many bytes of a cell that passes in pieces.
        case passing(Int)
    }

    private let plan: RowPlan
    private let masker: any SessionMasking
    /// Reserves bytes of the row against the lease, once, before the first byte passes.
    private let pay: (Int) throws -> Void
    private var state = State.length
    private var column = 0
    /// Of the row, not taken yet.
    private var rest: Int
    private var pending = ByteBuffer()
    /// The masked cells, until the row is committed.
    private var kept = ByteBuffer()
    private var stream: PassingValue?
    /// The header is written.
    private(set) var isCommitted = false

    /// - Parameter rest: bytes of the row behind the number of its cells.
    init(_ plan: RowPlan, rest: Int, _ masker: any SessionMasking, pay: @escaping (Int) throws -> Void) {
        self.plan = plan
        self.rest = rest
        self.masker = masker
        self.pay = pay
    }

    /// Takes the next bytes, and writes into `out` what may pass.
    func take(_ bytes: ByteBuffer, _ results: ResultMasking, into out: inout ByteBuffer) throws {
        if self.pending.readableBytes == 0 {
            self.pending = bytes
        } else {
            self.pending.discardReadBytes()
            self.pending.writeImmutableBuffer(bytes)
        }
        while try self.step(results, into: &out) {}
    }

    /// All of the row was taken.
    func finish(into out: inout ByteBuffer) throws {
        guard case .length = self.state, self.column == self.plan.columns.count, self.pending.readableBytes == 0,
            self.rest == 0
        else { throw PostgresWireError.malformed("a row is cut short") }
        try self.commit(0, into: &out)
    }

    /// - Returns: whether there may be more to do with the bytes at hand.
    private func step(_ results: ResultMasking, into out: inout ByteBuffer) throws -> Bool {
        switch self.state {
        case .length:
            guard self.column < self.plan.columns.count else {
                guard self.pending.readableBytes == 0, self.rest == 0 else {
                    throw PostgresWireError.malformed("a row has more bytes than cells")
                }
                return false
            }
            guard let length = self.pending.readInteger(as: Int32.self) else { return false }
            self.rest -= 4
            guard length >= -1, Int(length) <= self.rest else {
                throw PostgresWireError.malformed("a row is cut short")
            }
            let column = self.plan.columns[self.column]
            guard !self.isCommitted || !column.isDerived else { throw Self.cannotFill }
            if length >= 0 {
                try self.begin(Int(length), results, into: &out)
            } else if column.isDerived {
                self.keep(try results.placeholder(column))
                self.column += 1
            } else {
                if self.isCommitted { out.writeInteger(length) } else { self.kept.writeInteger(length) }
                self.column += 1
            }
            return true
        case .whole(let length):
            guard let value = self.pending.readSlice(length: length) else { return false }
            self.rest -= length
            let column = self.plan.columns[self.column]
            try self.write(results.mask(value, column), of: value, column.form, into: &out)
            self.ended()
            if self.kept.readableBytes > Self.keptLimit { try self.commit(self.rest, into: &out) }
            return true
        case .dropped(let left):
            guard let piece = self.piece(of: left) else { return false }
            self.advanced(piece, left) { .dropped($0) }
        case .filled(let left, let byte, let ahead):
            guard let piece = self.piece(of: left) else { return false }
            out.writeRepeatingByte(byte, count: max(0, piece.readableBytes - ahead))
            self.advanced(piece, left) { .filled($0, byte, ahead: max(0, ahead - piece.readableBytes)) }
        case .passing(let left):
            guard let piece = self.piece(of: left) else { return false }
            guard let stream = self.stream else { throw GloveboxError(.redactionFailed, "a long value has no stream") }
            try stream.take(piece, isLast: piece.readableBytes == left, into: &out)
            self.advanced(piece, left) { .passing($0) }
            if case .length = self.state { self.stream = nil }
        }
        return true
    }

    /// What is at hand of a long cell.
    private func piece(of left: Int) -> ByteBuffer? {
        let count = min(left, self.pending.readableBytes)
        return count > 0 ? self.pending.readSlice(length: count) : nil
    }

    private func advanced(_ piece: ByteBuffer, _ left: Int, _ next: (Int) -> State) {
        self.rest -= piece.readableBytes
        if piece.readableBytes == left { self.ended() } else { self.state = next(left - piece.readableBytes) }
    }

    private func ended() {
        self.state = .length
        self.column += 1
    }

    // MARK: Cells

    private func begin(_ length: Int, _ results: ResultMasking, into out: inout ByteBuffer) throws {
        guard length > ResultMasking.longestValue else {
            self.state = .whole(length)
            return
        }
        let column = self.plan.columns[self.column]
        // A row that passes in pieces tells how long what's masked is.
        let mayPass = column.kind == nil && !self.plan.columns[self.column...].contains(where: \.isDerived)
        if mayPass, let stream = try PassingValue(column.form, self.masker) {
            try self.commit(4 + self.rest, into: &out)
            out.writeInteger(Int32(length))
            self.stream = stream
            self.state = .passing(length)
            return
        }
        let placeholder = try results.placeholder(column)
        guard self.isCommitted else {
            self.keep(placeholder)
            self.state = .dropped(length)
            return
        }
        out.writeInteger(Int32(length))
        let (start, filling) = try Self.fitting(placeholder, length, column.form)
        out.writeImmutableBuffer(start)
        self.state = .filled(length, filling, ahead: start.readableBytes)
    }

    private func write(_ result: MaskResult, of value: ByteBuffer, _ form: ValueForm, into out: inout ByteBuffer) throws
    {
        guard self.isCommitted else {
            if case .clean = result { self.keep(.masked(value)) } else { self.keep(result) }
            return
        }
        out.writeInteger(Int32(clamping: value.readableBytes))
        if case .clean = result {
            out.writeImmutableBuffer(value)
        } else {
            let (start, filling) = try Self.fitting(result, value.readableBytes, form)
            out.writeImmutableBuffer(start)
            out.writeRepeatingByte(filling, count: value.readableBytes - start.readableBytes)
        }
    }

    private func keep(_ result: MaskResult) {
        if case .masked(let value) = result {
            self.kept.writeInteger(Int32(clamping: value.readableBytes))
            self.kept.writeImmutableBuffer(value)
        } else {
            self.kept.writeInteger(Int32(-1))
        }
    }

    /// What stands for a masked value of `length` bytes in a committed row: how it begins, and the byte that fills it up.
    private static func fitting(
        _ result: MaskResult, _ length: Int, _ form: ValueForm
    ) throws(GloveboxError) -> (start: ByteBuffer, filling: UInt8) {
        let space = UInt8(ascii: " ")
        if case .masked(let value) = result {
            if value.readableBytes <= length { return (value, space) }
            let asterisk = UInt8(ascii: "*")
            guard form.shape == .json else { return (ByteBuffer(), asterisk) }
            let version: [UInt8] = form.hasVersion ? [1] : []
            let inside = length - version.count - 2
            return (
                ByteBuffer(
                    bytes: inside < 0
                        ? version + [UInt8(ascii: "0")]
                        : version + [0x22] + Array(repeating: asterisk, count: inside) + [0x22]), space
            )
        }
        guard case .converted(.bytea, let format, _) = form else {
            throw Self.cannotFill
        }
        return format == .text ? (ByteBuffer(string: "\\x"), UInt8(ascii: "0")) : (ByteBuffer(), 0)
    }

    private static var cannotFill: GloveboxError {
        GloveboxError(
            .redactionFailed,
            "a row of over \(Self.keptLimit >> 20) MiB has a masked value that can't be filled up, or was worked out: select fewer columns"
        )
    }

    /// Writes the row's header and what was kept of it.
    ///
    /// - Parameter following: bytes of cells that are still to be written.
    private func commit(_ following: Int, into out: inout ByteBuffer) throws {
        guard !self.isCommitted else { return }
        let length = 6 + self.kept.readableBytes + following
        guard length <= MessageDecoder.sessionLimit else {
            throw PostgresWireError(
                .messageTooLong, "a masked row is longer than PostgreSQL allows: select fewer columns")
        }
        try self.pay(1 + length)
        out.writeMultipleIntegers(
            BackendMessage.Kind.dataRow.rawValue, UInt32(length), UInt16(clamping: self.plan.columns.count))
        out.writeImmutableBuffer(self.kept)
        self.kept = ByteBuffer()
        self.isCommitted = true
    }
}
