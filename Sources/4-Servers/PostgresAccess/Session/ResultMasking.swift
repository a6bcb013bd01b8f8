import GloveboxCore
import NIOCore
import PostgresWire
import Redaction

/// Masks what a target answers: rows, errors, notices, notifications. Throws rather than let anything pass unjudged.
struct ResultMasking {
    let masker: any SessionMasking
    private let classified: ClassifiedColumns
    private let isLinkable: Bool
    private var plans: [ObjectIdentifier: RowPlan] = [:]
    /// The one of the row before.
    private var lastPlan: RowPlan?
    /// Values looked at.
    private(set) var valuesSeen: Int64 = 0

    /// Plans that are kept; a session that alternates between more results works them out again.
    private static let planLimit = 64

    init(masker: any SessionMasking, classified: ClassifiedColumns, isLinkable: Bool) {
        self.masker = masker
        self.classified = classified
        self.isLinkable = isLinkable
    }

    // MARK: Rows

    mutating func plan(for fields: RowFields) -> RowPlan {
        if let plan = self.lastPlan, plan.fields === fields { return plan }
        let identity = ObjectIdentifier(fields)
        if let plan = self.plans[identity] {
            self.lastPlan = plan
            return plan
        }
        if self.plans.count >= Self.planLimit { self.plans.removeAll(keepingCapacity: true) }
        let plan = RowPlan(fields: fields, columns: fields.fields.map { self.plan(for: $0, $0.format) })
        self.plans[identity] = plan
        self.lastPlan = plan
        return plan
    }

    func plan(for field: RowField, _ format: ValueFormat) -> ColumnPlan {
        let id = ColumnID(table: field.tableOID, attribute: field.attribute)
        let isStored = field.tableOID != 0 && field.attribute != 0
        return ColumnPlan(
            kind: isStored ? self.classified[id] : field.isHidden ? .classified : nil,
            name: isStored ? self.classified.names[id] : nil,
            form: ValueForm(field.type, format),
            scope: isStored && self.isLinkable ? .column(table: id.table, attribute: id.attribute) : .random,
            general: GeneralForm(field.type, format), isDerived: !isStored && field.isHidden)
    }

    /// Writes a RowDescription into `out`. Names pass as they are, but for what detectors find in them: whoever chooses a
    /// name can put a value there.
    func write(description frame: Frame, _ fields: RowFields, into out: inout ByteBuffer) throws(GloveboxError) {
        var named = fields.fields
        var isChanged = false
        for index in named.indices {
            let name = try self.masker.maskText(named[index].name)
            guard name != named[index].name else { continue }
            named[index].name = name
            isChanged = true
        }
        if isChanged {
            RowFields(named).write(into: &out)
        } else {
            out.writeImmutableBuffer(frame.bytes)
        }
    }

    /// Writes a DataRow into `out`, masked. After an error `out` is as it was before.
    mutating func write(row frame: Frame, _ fields: RowFields, into out: inout ByteBuffer) throws {
        let plan = self.plan(for: fields)
        self.valuesSeen += Int64(plan.columns.count)
        if plan.isPlain {
            out.writeImmutableBuffer(frame.bytes)
            return
        }
        var cells = try DataRowCells(body: frame.body)
        guard cells.count == plan.columns.count else {
            throw GloveboxError(.redactionFailed, "a row has another number of values than columns")
        }
        let start = out.writerIndex
        do {
            // What isn't changed is copied in runs.
            var rest = frame.bytes
            var index = 0
            while let cell = try cells.next() {
                let (result, length) = try self.mask(cell, plan.columns[index])
                index += 1
                if case .clean = result { continue }
                if let run = rest.readSlice(length: rest.readableBytes - cells.unreadBytes - length) {
                    out.writeImmutableBuffer(run)
                }
                rest.moveReaderIndex(forwardBy: length)
                if case .masked(let value) = result { out.writeValue(value) } else { out.writeValue(nil) }
            }
            out.writeImmutableBuffer(rest)
            out.setInteger(UInt32(clamping: out.writerIndex - start - 1), at: start + 1)
        } catch {
            out.moveWriterIndex(to: start)
            throw error
        }
    }

    /// - Returns: also how many bytes the cell takes in its row.
    private func mask(_ cell: DataRowCells.Cell, _ column: ColumnPlan) throws -> (MaskResult, length: Int) {
        switch cell {
        case .value(let value): (try self.mask(value, column), 4 + value.readableBytes)
        case .null where column.isDerived: (try self.placeholder(column), 4)
        case .null: (.clean, 4)
        }
    }

    /// In bytes; a longer one is masked whole.
    static let longestValue = 1 << 20
    /// Of a message's field.
    private static let longestField = 64 << 10

    /// One value of a column.
    func mask(_ value: ByteBuffer, _ column: ColumnPlan) throws -> MaskResult {
        // Looking through it would keep everybody else on this event loop waiting.
        if value.readableBytes > Self.longestValue || (column.isDerived && value.readableBytes == 0) {
            return try self.placeholder(column)
        }
        switch column.form {
        case .plain:
            guard let kind = column.kind else { return .clean }
            return try self.masker.maskWhole(
                value, kind: kind, column: column.name, as: .opaque, scope: column.scope,
                general: { column.general?.general(of: value) })
        case .itself(let shape):
            return try self.judge(value, shape, column, of: value)
        case .converted(let type, let format, let shape):
            let text = try BinaryValue.textualForm(of: value, type: type, format: format)
            let result = try self.judge(text, shape, column, of: value)
            // In its type's own form already.
            if shape == .opaque { return result }
            guard case .masked(let masked) = result else { return result }
            return .masked(BinaryValue.wireForm(ofText: masked, type: type, format: format))
        }
    }

    /// What stands for a value that is too long to be looked through, or for none where that would tell something: it tells
    /// of what column it is, and nothing else.
    func placeholder(_ column: ColumnPlan) throws(GloveboxError) -> MaskResult {
        let result = try self.masker.maskWhole(
            ByteBuffer(integer: UInt8(0)), kind: column.kind ?? .tooLong, column: nil, as: column.form.shape ?? .opaque,
            scope: .random)
        guard case .masked(let text) = result, case .converted(let type, let format, _) = column.form else {
            return result
        }
        return .masked(BinaryValue.wireForm(ofText: text, type: type, format: format))
    }

    /// A row begins that is too long to be kept.
    mutating func longRow(_ fields: RowFields, rest: Int, pay: @escaping (Int) throws -> Void) -> LongRow {
        let plan = self.plan(for: fields)
        self.valuesSeen += Int64(plan.columns.count)
        return LongRow(plan, rest: rest, self.masker, pay: pay)
    }

    /// - Parameter wire: the value as it is on the wire.
    private func judge(
        _ value: ByteBuffer, _ shape: ValueShape, _ column: ColumnPlan, of wire: ByteBuffer
    ) throws(GloveboxError) -> MaskResult {
        let general = { column.general?.general(of: wire) }
        if let kind = column.kind {
            return try self.masker.maskWhole(
                value, kind: kind, column: column.name, as: shape, scope: column.scope, general: general)
        }
        return try self.masker.mask(value, as: shape, scope: column.scope, general: general)
    }

    /// One value of COPY data; nil for one that is too long to be looked through, or may be none.
    mutating func maskCopied(_ value: ByteBuffer?, _ column: ColumnPlan) throws -> CopyReplacement {
        self.valuesSeen += 1
        return switch try value.map({ try self.mask($0, column) }) ?? self.placeholder(column) {
        case .clean: .keep
        case .masked(let bytes): .bytes(bytes)
        case .null: .null
        }
    }

    // MARK: Texts

    /// Masks the fields that quote data. What PostgreSQL puts in quotes when a value is wrong (class 22), and the
    /// details of these and of violated constraints (class 23), are values themselves: they're hidden whole.
    func mask(_ error: ErrorFields) throws(GloveboxError) -> ErrorFields {
        if error.mayQuoteHidden, !error.isOfText { return error.concealed }
        var masked = error
        let isAboutValue = error.sqlState.hasPrefix("22")
        let isAboutConstraint = error.sqlState.hasPrefix("23")
        for (index, field) in error.fields.enumerated() {
            if field.value.utf8.count > Self.longestField {
                masked.fields[index].value = "‹hidden: \(field.value.utf8.count) bytes›"
                continue
            }
            switch Unicode.Scalar(field.code) {
            case "D" where isAboutValue || isAboutConstraint:
                masked.fields[index].value = "‹hidden: it may quote values›"
            case "M" where isAboutValue, "W" where isAboutValue, "H" where isAboutValue:
                masked.fields[index].value = try self.masker.maskText(Self.hidingQuoted(field.value))
            case "V": masked.fields[index].value = error.knownSeverity
            case "C": masked.fields[index].value = error.knownState
            case "S", "P", "p", "L":
                if !ErrorFields.isKnown(field.value, of: field.code) {
                    masked.fields[index].value = try self.masker.maskText(field.value)
                }
            default:
                masked.fields[index].value = try self.masker.maskText(field.value)
            }
        }
        return masked
    }

    /// Everything from the first double quote to the last, as a value may hold quotes itself.
    private static func hidingQuoted(_ text: String) -> String {
        guard let first = text.firstIndex(of: "\""), let last = text.lastIndex(of: "\""), first < last else {
            return text
        }
        return text[...first] + "‹hidden›" + text[last...]
    }

    /// A setting that the server reports as changed. `set_config('application_name', email, false)` puts a value into
    /// one, so that only those pass whose values are words that PostgreSQL itself knows.
    ///
    /// - Throws: `redaction_failed` for a time zone that isn't one of those: clients read times by it, so it can't be
    ///   replaced; for an encoding in which detectors read nothing; and for strings that are read otherwise than the statement
    ///   was judged.
    func parameter(_ name: String, _ value: String) throws(GloveboxError) -> BackendMessage {
        if name == "client_encoding" {
            guard value == "UTF8" else {
                throw GloveboxError(.redactionFailed, "the database speaks another encoding than UTF8 in the session")
            }
        } else if name == "standard_conforming_strings" {
            // Statements are judged as they are read with it on.
            guard value == "on" else {
                throw GloveboxError(
                    .redactionFailed, "the database reads strings otherwise than Glovebox in the session")
            }
        } else if name == "TimeZone" {
            guard Self.isTimeZone(value) else {
                throw GloveboxError(
                    .redactionFailed, "this time zone could hide a value: use a name such as Europe/Vienna")
            }
        } else if !Self.wordParameters.contains(name) {
            return .parameterStatus(name: try self.masker.maskText(name), value: "‹hidden›")
        }
        return .parameterStatus(name: name, value: try self.masker.maskText(value))
    }

    private static let wordParameters: Set<String> = [
        "server_encoding", "server_version", "DateStyle", "IntervalStyle", "integer_datetimes",
        "is_superuser", "session_authorization", "standard_conforming_strings", "in_hot_standby",
        "default_transaction_read_only", "scram_iterations",
    ]

    /// A zone's name has no digit, and PostgreSQL takes only those there are; what has digits may be a zone that
    /// somebody made up (`Ivo4711`), except for offsets, which `SET TIME ZONE` also makes `<+02>-02` of.
    private static func isTimeZone(_ value: String) -> Bool {
        let name = #/[A-Za-z_\/\-]{1,64}|Etc/GMT[+\-]1?[0-9]/#
        let offset = #/(<[+\-][01][0-9](:[0-5][0-9])?>)?[+\-][01]?[0-9](:[0-5][0-9])?/#
        return value.wholeMatch(of: name) != nil || value.wholeMatch(of: offset) != nil
    }

    /// What an application's triggers put into a payload, nobody knows: where columns of the database's own are
    /// classified, it's hidden whole, and otherwise left to the detectors.
    func notification(
        processID: UInt32, channel: String, payload: String
    ) throws(GloveboxError) -> BackendMessage {
        var payload = try self.masker.maskText(payload)
        if !payload.isEmpty, self.classified.hasOwn {
            let masked = try self.masker.maskWhole(
                ByteBuffer(string: payload), kind: .unknownOrigin, column: nil, as: .text, scope: .random)
            if case .masked(let text) = masked { payload = String(buffer: text) } else { payload = "‹hidden›" }
        }
        return .notificationResponse(
            processID: processID, channel: try self.masker.maskText(channel), payload: payload)
    }
}

/// What is done with the values of one result, worked out once.
final class RowPlan {
    /// Kept, so that its identity isn't given to another.
    let fields: RowFields
    let columns: [ColumnPlan]
    /// No column has anything to look at.
    let isPlain: Bool

    init(fields: RowFields, columns: [ColumnPlan]) {
        self.fields = fields
        self.columns = columns
        self.isPlain = columns.allSatisfy { column in
            if case .plain = column.form { column.kind == nil } else { false }
        }
    }
}

/// What is done with the values of one column.
struct ColumnPlan: Hashable {
    /// Masked whole as this, whatever it looks like.
    var kind: Kind?
    /// Of a stored and classified one.
    var name: MaskingProfile.ColumnName? = nil
    var form: ValueForm
    var scope: PseudonymScope
    /// Of a type whose values can be made less exact.
    var general: GeneralForm? = nil
    /// Worked out from classified values. Whoever asks chooses what it comes to, so that not even whether it's NULL or empty,
    /// or how long it is, may be seen.
    var isDerived = false
}

/// How values of dates and addresses are written, so that what's left of one is written alike.
struct GeneralForm: Hashable {
    private var type: PostgresType
    private var format: ValueFormat

    init?(_ type: PostgresType, _ format: ValueFormat) {
        guard [.date, .timestamp, .timestamptz, .inet, .cidr].contains(type) else { return nil }
        self.type = type
        self.format = format
    }

    func general(of value: ByteBuffer) -> ByteBuffer? {
        GeneralValue.general(of: value, type: self.type, format: self.format)
    }
}

/// Where in a value's bytes its text is.
enum ValueForm: Hashable {
    /// A type too narrow to hold anything that detectors look for.
    case plain
    /// The bytes are the text.
    case itself(ValueShape)
    /// The type's own form, to be read as text first.
    case converted(PostgresType, ValueFormat, ValueShape)

    init(_ type: PostgresType, _ format: ValueFormat) {
        if Self.plainTypes.contains(type.oid) {
            self = .plain
        } else if type.isText {
            self = .itself(.text)
        } else if type.isJSON {
            self = type == .jsonb && format == .binary ? .converted(type, format, .json) : .itself(.json)
        } else if format == .binary || type == .bytea {
            self = .converted(type, format, .opaque)
        } else {
            self = .itself(.opaque)
        }
    }

    /// A byte that tells the version comes before the text.
    var hasVersion: Bool {
        if case .converted(.jsonb, .binary, _) = self { true } else { false }
    }

    /// Of the value as text; nil where there's nothing to look for.
    var shape: ValueShape? {
        switch self {
        case .plain: nil
        case .itself(let shape), .converted(_, _, let shape): shape
        }
    }

    /// bool, int2, int4, oid, float4, date, time, timestamp, timestamptz, interval, timetz, void.
    private static let plainTypes: Set<UInt32> = [16, 21, 23, 26, 700, 1082, 1083, 1114, 1184, 1186, 1266, 2278]
}

extension Kind {
    /// Stands for what was worked out from a classified column.
    static let classified = Kind("classified")
    /// Stands for a value that is too long to be looked through.
    static let tooLong = Kind("too_long")
}
