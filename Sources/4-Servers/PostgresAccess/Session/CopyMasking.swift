import GloveboxCore
import NIOCore
import PostgresWire
import Redaction

/// Masks the data of one COPY … TO STDOUT, value by value. Where the columns aren't known every value is masked whole.
struct CopyMasking {
    private var copied: CopyRows
    private let columns: [ColumnPlan]

    /// - Throws: for data that can't be taken apart.
    init(_ copy: CopyOut, _ results: ResultMasking) throws(PostgresWireError) {
        let format: ValueFormat = if case .binary = copy.format { .binary } else { .text }
        if let fields = copy.columns, fields.count == copy.columnCount {
            self.columns = fields.fields.map { results.plan(for: $0, format) }
        } else if format == .text, let fields = copy.columns, fields.count > copy.columnCount,
            fields.fields.allSatisfy({ results.plan(for: $0, format).kind == nil })
        {
            // COPY leaves out a table's generated columns. Which those are isn't known, but none is classified: detectors
            // look at each value as text.
            let plain = ColumnPlan(kind: nil, form: .itself(.text), scope: .random)
            self.columns = Array(repeating: plain, count: copy.columnCount)
        } else {
            let unknown = ColumnPlan(
                kind: .unknownOrigin, form: .itself(format == .text ? .text : .opaque), scope: .random, isDerived: true)
            self.columns = Array(repeating: unknown, count: copy.columnCount)
        }
        self.copied = try CopyRows(
            format: copy.format, columnCount: copy.columnCount, valueLimit: ResultMasking.longestValue,
            missing: self.columns.map { $0.isDerived ? .asked : $0.kind == nil ? .kept : .askedIfUnsure })
    }

    /// Writes what is whole of `data` as one CopyData message; nothing if no row is. After an error, `out` holds the
    /// beginning of a message that the caller takes back.
    ///
    /// - Returns: how many rows it has.
    mutating func write(
        _ data: ByteBuffer, _ results: inout ResultMasking, into out: inout ByteBuffer
    ) throws -> Int64 {
        let before = self.copied.rows
        let start = out.writerIndex
        out.writeMultipleIntegers(BackendMessage.Kind.copyData.rawValue, UInt32(0))
        try self.copied.feed(data, into: &out) { index, value in
            guard index < self.columns.count else {
                throw GloveboxError(.redactionFailed, "COPY data have another number of values than columns")
            }
            return try results.maskCopied(value, self.columns[index])
        }
        let length = out.writerIndex - start - 1
        if length == 4 {
            out.moveWriterIndex(to: start)
        } else {
            out.setInteger(UInt32(clamping: length), at: start + 1)
        }
        return self.copied.rows - before
    }

    /// The data have ended.
    func finish() throws(PostgresWireError) {
        try self.copied.finish()
    }
}

extension Kind {
    /// A value of which nobody knows which columns it comes from.
    static let unknownOrigin = Self("unknown_origin")
}
