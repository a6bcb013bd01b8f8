package import NIOCore

/// One column of a result, as RowDescription says it.
package struct RowField: Hashable, Sendable {
    package var name: String
    /// The table that the column is read from; 0 for anything computed.
    package var tableOID: UInt32
    /// The number of the table's column; 0 for anything computed.
    package var attribute: Int16
    package var type: PostgresType
    package var typeSize: Int16
    package var typeModifier: Int32
    package var format: ValueFormat
    /// What it shows isn't for the client, by the ruling on its statement.
    package var isHidden = false

    package init(
        name: String, tableOID: UInt32 = 0, attribute: Int16 = 0, type: PostgresType = .text, typeSize: Int16 = -1,
        typeModifier: Int32 = -1, format: ValueFormat = .text
    ) {
        self.name = name
        self.tableOID = tableOID
        self.attribute = attribute
        self.type = type
        self.typeSize = typeSize
        self.typeModifier = typeModifier
        self.format = format
    }
}

/// The columns of a result. A reference, so that each row can be handed its description without a copy: what is
/// worked out once for a description can be kept under its identity (`===`).
package final class RowFields: Sendable {
    package let fields: [RowField]

    package init(_ fields: [RowField]) {
        self.fields = fields
    }

    /// - Parameter body: a RowDescription without its header.
    package convenience init(body: ByteBuffer) throws(PostgresWireError) {
        var body = body
        let count = Int(try body.field(UInt16.self, "the columns"))
        guard count * 19 <= body.readableBytes else { throw .malformed("the columns are cut short") }
        var fields: [RowField] = []
        fields.reserveCapacity(count)
        for _ in 0..<count {
            fields.append(
                RowField(
                    name: try body.lenientText("a column's name"), tableOID: try body.field(UInt32.self, "a column"),
                    attribute: try body.field(Int16.self, "a column"),
                    type: PostgresType(oid: try body.field(UInt32.self, "a column")),
                    typeSize: try body.field(Int16.self, "a column"),
                    typeModifier: try body.field(Int32.self, "a column"), format: try body.format("a column's format")))
        }
        try body.finished("a row description")
        self.init(fields)
    }

    /// The same, with what a ruling hides marked: columns that are stored ones are told by their table.
    convenience init(body: ByteBuffer, hiding hidden: HiddenColumns) throws(PostgresWireError) {
        var fields = try RowFields(body: body).fields
        for index in fields.indices where fields[index].tableOID == 0 || fields[index].attribute == 0 {
            fields[index].isHidden =
                switch hidden {
                case .none: false
                case .columns(let columns) where columns.count == fields.count: columns[index]
                case .all, .columns, .named: true
                }
        }
        self.init(fields)
    }

    package var count: Int { self.fields.count }

    /// The same columns with the result formats of a Bind: none is text for all, one holds for all.
    func formatted(_ formats: [ValueFormat]) -> RowFields {
        func format(_ index: Int) -> ValueFormat {
            switch formats.count {
            case 0: .text
            case 1: formats[0]
            default: index < formats.count ? formats[index] : .text
            }
        }
        if self.fields.indices.allSatisfy({ self.fields[$0].format == format($0) }) { return self }
        return RowFields(
            self.fields.enumerated().map { index, field in
                var field = field
                field.format = format(index)
                return field
            })
    }

    package func write(into buffer: inout ByteBuffer) {
        buffer.writeMessage(BackendMessage.Kind.rowDescription.rawValue) { buffer in
            buffer.writeInteger(UInt16(clamping: self.fields.count))
            for field in self.fields {
                buffer.writeCString(field.name)
                buffer.writeMultipleIntegers(
                    field.tableOID, field.attribute, field.type.oid, field.typeSize, field.typeModifier,
                    field.format.rawValue)
            }
        }
    }
}

extension RowFields: Equatable {
    package static func == (a: RowFields, b: RowFields) -> Bool { a === b || a.fields == b.fields }
}

extension RowFields: Hashable {
    package func hash(into hasher: inout Hasher) { hasher.combine(self.fields) }
}
