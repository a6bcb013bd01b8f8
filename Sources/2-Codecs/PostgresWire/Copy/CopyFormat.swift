/// How COPY data are written (PostgreSQL manual, COPY, "File Formats").
package enum CopyFormat: Hashable, Sendable {
    case text(Text)
    case csv(CSV)
    case binary
    /// The statement wasn't understood, so the data can't be taken apart: they mustn't pass.
    case unrecognised

    package struct Text: Hashable, Sendable {
        package var delimiter = UInt8(ascii: "\t")
        package var null: [UInt8] = Array("\\N".utf8)
        package var header = false

        package init() {}
    }

    package struct CSV: Hashable, Sendable {
        package var delimiter = UInt8(ascii: ",")
        package var null: [UInt8] = []
        package var quote = UInt8(ascii: "\"")
        package var escape = UInt8(ascii: "\"")
        package var header = false

        package init() {}
    }
}
