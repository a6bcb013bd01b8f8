package import NIOCore

/// What takes a value's place in COPY data.
package enum CopyReplacement: Hashable, Sendable {
    case keep
    case bytes(ByteBuffer)
    case null
}

/// What becomes of a column's NULLs.
package enum CopyMissing: Hashable, Sendable {
    /// They stay.
    case kept
    /// As `asked`, where what stands for NULL may as well be a value: the text format writes both alike, and the statement
    /// says what that is. Only `\N` is never a value.
    case askedIfUnsure
    /// The closure gets nil.
    case asked
}

/// Takes COPY OUT data apart into values and puts them together again (PostgreSQL manual, COPY, "File Formats").
///
/// Pieces may be split anywhere. Each value that isn't NULL is handed to a closure, unescaped (text, csv) or as bytes
/// of its type (binary), with the index of its column; its answer is escaped again. For a value of more than
/// `valueLimit` bytes the closure gets nil, and says what stands for it; its bytes are dropped as they come. So it does
/// for a NULL of a column where ``CopyMissing`` says so. A row is written once it is whole, so at most one is kept, of
/// `rowLimit` bytes as it's written. A header line passes as it is: it holds names, no values.
///
/// Throws `malformed_copy`, `row_too_long`, and whatever the closure throws; after that it must not be fed any more.
package struct CopyRows {
    /// The most bytes of a row unless told otherwise.
    package static let standardRowLimit = 16 << 20
    /// The most bytes of a value that is looked at unless told otherwise.
    package static let standardValueLimit = 1 << 20

    package typealias Value = (Int, ByteBuffer?) throws -> CopyReplacement

    enum Form {
        case text(CopyLineForm<CopyTextSyntax>)
        case csv(CopyLineForm<CopyCSVSyntax>)
        case binary(CopyBinaryForm)
    }

    private var form: Form
    private let rowLimit: Int
    private var pending = ByteBuffer()
    /// What is masked of a row that isn't whole.
    private var partial = ByteBuffer()
    /// Rows that were written, without the header.
    package private(set) var rows: Int64 = 0

    /// - Throws: `malformed_copy` for a format that isn't known.
    package init(
        format: CopyFormat, columnCount: Int, valueLimit: Int = CopyRows.standardValueLimit,
        rowLimit: Int = CopyRows.standardRowLimit, missing: [CopyMissing] = []
    ) throws(PostgresWireError) {
        switch format {
        case .text(let options):
            self.form = .text(CopyLineForm(CopyTextSyntax(options), columnCount, valueLimit, missing))
        case .csv(let options):
            self.form = .csv(CopyLineForm(CopyCSVSyntax(options), columnCount, valueLimit, missing))
        case .binary: self.form = .binary(CopyBinaryForm(columnCount, valueLimit, missing))
        case .unrecognised:
            throw PostgresWireError(
                .malformedCopy,
                "the COPY statement wasn't understood, so its data can't be masked: send it as one plain statement")
        }
        self.rowLimit = rowLimit
    }

    /// Takes a piece of data; appends to `output` what may go on, which can be nothing.
    package mutating func feed(_ data: ByteBuffer, into output: inout ByteBuffer, _ value: Value) throws {
        if self.pending.readableBytes == 0 {
            self.pending = data
        } else {
            self.pending.discardReadBytes()
            self.pending.writeImmutableBuffer(data)
        }
        switch self.form {
        case .text(var form):
            defer { self.form = .text(form) }
            try self.rewrite(into: &output) { try form.step(in: &$0, into: &$1, value) }
        case .csv(var form):
            defer { self.form = .csv(form) }
            try self.rewrite(into: &output) { try form.step(in: &$0, into: &$1, value) }
        case .binary(var form):
            defer { self.form = .binary(form) }
            try self.rewrite(into: &output) { try form.step(in: &$0, into: &$1, value) }
        }
    }

    private mutating func rewrite(
        into output: inout ByteBuffer, _ step: (inout ByteBuffer, inout ByteBuffer) throws -> CopyStep?
    ) throws {
        var rowStart = output.writerIndex
        while true {
            // Only what an earlier piece has begun is put together elsewhere.
            let isBegun = self.partial.readableBytes > 0
            let done = isBegun ? try step(&self.pending, &self.partial) : try step(&self.pending, &output)
            guard let done else { break }
            if isBegun, self.partial.readableBytes > self.rowLimit { throw self.tooLong() }
            if case .value = done { continue }
            if case .row = done { self.rows += 1 }
            if isBegun {
                output.writeBuffer(&self.partial)
                self.partial.clear()
            }
            rowStart = output.writerIndex
        }
        if output.writerIndex > rowStart {
            self.partial = Self.copy(output, from: rowStart)
            output.moveWriterIndex(to: rowStart)
        }
        guard max(self.partial.readableBytes, self.pending.readableBytes) <= self.rowLimit else { throw self.tooLong() }
    }

    /// Of its own storage, as `output` is written on.
    private static func copy(_ output: ByteBuffer, from start: Int) -> ByteBuffer {
        var copy = ByteBuffer()
        if let view = output.viewBytes(at: start, length: output.writerIndex - start) { copy.writeBytes(view) }
        return copy
    }

    private func tooLong() -> PostgresWireError {
        PostgresWireError(.rowTooLong, "a row of COPY data is longer than the \(self.rowLimit) bytes that are kept")
    }

    /// The data have ended (CopyDone).
    package func finish() throws(PostgresWireError) {
        let isBetweenRows =
            switch self.form {
            case .text(let form): form.isBetweenRows
            case .csv(let form): form.isBetweenRows
            case .binary(let form): form.isEnded
            }
        guard self.pending.readableBytes == 0, self.partial.readableBytes == 0, isBetweenRows else {
            throw .copy("the data end inside a row, or without a trailer")
        }
    }
}

/// How far a step went.
enum CopyStep {
    /// A value of a row, or where a row begins.
    case value
    /// The last of a row.
    case row
    /// A header or a trailer.
    case frame
}

extension PostgresWireError {
    static func copy(_ what: String) -> Self {
        Self(.malformedCopy, "COPY data are malformed: \(what)")
    }

    static let otherColumns = Self.copy("a row has another number of values than columns")
}
