import GloveboxCore
import Redaction
import SensitiveNames
import Statements

/// What the catalogue says of a target, as it was read once: by what its statements are judged, and which of its columns
/// are masked. All sessions that open within a minute share it; what has been made since isn't in it, and is treated as
/// what nobody knows.
final class TargetKnowledge: Sendable {
    let columns: ClassifiedColumns
    let judge: StatementJudge

    init(columns: ClassifiedColumns, judge: StatementJudge) {
        self.columns = columns
        self.judge = judge
    }

    /// Whether nothing has changed between the readings.
    func says(theSameAs other: TargetKnowledge) -> Bool {
        self.columns.says(theSameAs: other.columns) && self.judge.rules.functions == other.judge.rules.functions
            && self.judge.rules.relations == other.judge.rules.relations
    }

    /// Reads what a preparation was answered.
    ///
    /// - Throws: `ceiling_denied` for a role for reading that could write; `configuration_invalid` for a classified column
    ///   that the database doesn't have; `target_refused` for an answer that can't be read.
    init(_ preparation: Preparation, _ answers: [[[String?]]], parser: StatementParser) async throws(GloveboxError) {
        guard answers.count == 7 else { throw preparation.unreadable("catalogue") }
        try preparation.judgeWritable(answers[1].first.map { ($0.first ?? nil) ?? "write" })
        let names = CatalogueNames(answers[4].compactMap { $0.first ?? nil }, preparation.target)
        var (known, relations) = try Self.relations(preparation, answers[2])
        let functions = try Self.functions(preparation, answers[3])
        let (kinds, hints, titles) = try Self.columns(preparation, names, answers[5], &relations)
        var columns = kinds
        let views = try Self.views(preparation, answers[6])
        let classified = await parser.classifiedColumns(
            of: views.map(\.view), functions: functions, relations: &relations)
        for ((table, view), classified) in zip(views, classified) {
            for (index, column) in view.columns.enumerated() where classified.contains(column) {
                let id = ColumnID(table: table, attribute: Int16(clamping: index + 1))
                columns[id] = columns[id] ?? hints[id] ?? .classified
            }
        }
        known.kinds = columns
        known.names = titles
        self.columns = known
        self.judge = StatementJudge(
            parser: parser,
            rules: StatementRules(capability: preparation.capability, functions: functions, relations: relations))
    }

    // MARK: Answers

    private static func relations(
        _ preparation: Preparation, _ rows: [[String?]]
    ) throws(GloveboxError) -> (ClassifiedColumns, ClassifiedRelations) {
        var widths: [UInt32: Int16] = [:]
        var relations = ClassifiedRelations()
        for row in rows {
            guard row.count == 4, let schema = row[0] else { throw preparation.unreadable("relations") }
            let tables = (row[1] ?? "").split(separator: ",").compactMap { UInt32($0) }
            let counts = (row[2] ?? "").split(separator: ",").compactMap { Int16($0) }
            let names = (row[3] ?? "").split(separator: "\u{1}").map(String.init)
            guard tables.count == counts.count, tables.count == names.count else {
                throw preparation.unreadable("relations")
            }
            for (table, count) in zip(tables, counts) { widths[table] = count }
            relations.addKnown(names, schema: schema)
        }
        return (ClassifiedColumns(kinds: [:], widths: widths), relations)
    }

    /// - Returns: the kinds of columns that are classified for themselves, which `relations` knows afterwards, and of those
    ///   that a view may show them as.
    private static func columns(
        _ preparation: Preparation, _ names: CatalogueNames, _ rows: [[String?]], _ relations: inout ClassifiedRelations
    ) throws(GloveboxError) -> (
        kinds: [ColumnID: Kind], hints: [ColumnID: Kind], names: [ColumnID: MaskingProfile.ColumnName]
    ) {
        var titles: [ColumnID: MaskingProfile.ColumnName] = [:]
        var found: [[String]: (columns: [String], classified: Set<String>)] = [:]
        var kinds: [Bool: [ColumnID: (number: Int, kind: Kind)]] = [:]
        var missing = Set(0..<names.configured)
        var missingShown = Set(preparation.target.shown.indices)
        for row in rows {
            guard row.count == 8, let number = row[0].flatMap({ Int($0) }), let table = row[1].flatMap({ UInt32($0) }),
                let attribute = row[2].flatMap({ Int16($0) }), let schema = row[3], let name = row[4],
                let column = row[5]
            else { throw preparation.unreadable("classified columns") }
            if number < 0 {
                missingShown.remove(-1 - number)
                guard row[6] != nil || NameSegments.judge(column) != nil else {
                    throw GloveboxError(
                        .configurationInvalid,
                        "\(schema).\(name).\(column) is shown in any case, since its name doesn't say that it's sensitive: leave it out of the configuration of '\(preparation.target.name)' and its ceiling"
                    )
                }
                continue
            }
            guard let kind = names.kind(number) else { throw preparation.unreadable("classified columns") }
            missing.remove(number)
            let id = ColumnID(table: table, attribute: attribute)
            let isDirect = row[7] != "f"
            if isDirect { titles[id] = MaskingProfile.ColumnName(schema: schema, table: name, column: column) }
            // Where several classifications reach one column, the first in the configuration names it.
            if (kinds[isDirect]?[id]?.number ?? .max) > number { kinds[isDirect, default: [:]][id] = (number, kind) }
            guard isDirect else { continue }
            let columns = (row[6] ?? "").split(separator: "\u{1}").map(String.init)
            found[[schema, name], default: (columns, [])].classified.insert(column)
        }
        if let number = missing.min() {
            let classification = names.classifications[number]
            throw GloveboxError(
                .configurationInvalid,
                "'\(preparation.target.name)' has no column \(classification.schema).\(classification.table).\(classification.column), which the agent's configuration classifies"
            )
        }
        if let index = missingShown.min() {
            let shown = preparation.target.shown[index]
            throw GloveboxError(
                .configurationInvalid,
                "'\(preparation.target.name)' has no column \(shown.schema).\(shown.table).\(shown.column), which the agent's configuration or its ceiling shows: leave it out, or write the name that it has now"
            )
        }
        for (name, relation) in found {
            relations.add(schema: name[0], name: name[1], columns: relation.columns, classified: relation.classified)
        }
        return ((kinds[true] ?? [:]).mapValues(\.kind), (kinds[false] ?? [:]).mapValues(\.kind), titles)
    }

    /// The views over classified relations, and which relation each is.
    private static func views(
        _ preparation: Preparation, _ rows: [[String?]]
    ) throws(GloveboxError) -> [(table: UInt32, view: ViewDefinition)] {
        var views: [(UInt32, ViewDefinition)] = []
        for row in rows {
            guard row.count == 5, let table = row[0].flatMap({ UInt32($0) }), let schema = row[1], let name = row[2]
            else { throw preparation.unreadable("views") }
            let columns = (row[4] ?? "").split(separator: "\u{1}").map(String.init)
            // Without a definition it's a view that can't be followed.
            views.append((table, ViewDefinition(schema: schema, name: name, columns: columns, query: row[3] ?? "")))
        }
        return views
    }

    private static func functions(
        _ preparation: Preparation, _ rows: [[String?]]
    ) throws(GloveboxError) -> FunctionCatalogue {
        var catalogue = FunctionCatalogue()
        for row in rows {
            guard row.count == 6, let kind = row[0] else { throw preparation.unreadable("functions") }
            let names = (row[4] ?? "").split(separator: "\u{1}").map(String.init)
            let isVolatile = row[2] != "f"
            switch kind {
            case "function":
                guard let schema = row[1] else { throw preparation.unreadable("functions") }
                if row[3] != "f" { catalogue.addSetReturning(names) }
                catalogue.addFunctions(names, schema: schema, isVolatile: isVolatile)
            case "operator": catalogue.addVolatileOperators(names)
            case "foreign operator": catalogue.addForeignOperators(names)
            case "foreign attribute": catalogue.addForeignAttributes(names, takeRows: isVolatile)
            case "type":
                if isVolatile {
                    let ids = (row[5] ?? "").split(separator: ",").compactMap { UInt32($0) }
                    catalogue.addVolatileTypes(names, ids: ids)
                } else {
                    catalogue.addForeignTypes(names)
                }
            default: throw preparation.unreadable("functions")
            }
        }
        return catalogue
    }
}

/// Which stored columns are masked whole, whatever is in them.
struct ClassifiedColumns: Sendable {
    var kinds: [ColumnID: Kind]
    /// What the classified ones are called.
    var names: [ColumnID: MaskingProfile.ColumnName] = [:]
    /// How many columns each relation had when the catalogue was read; nil where every relation is known.
    var widths: [UInt32: Int16]?

    /// What stands for a value of the column; nil where it's shown. Of what is new nobody knows what it holds.
    subscript(_ id: ColumnID) -> Kind? {
        if let kind = self.kinds[id] { return kind }
        guard let widths = self.widths, id.attribute > 0 else { return nil }
        guard let width = widths[id.table], id.attribute <= width else { return .unknownOrigin }
        return nil
    }

    /// PostgreSQL's own relations have lower numbers (FirstNormalObjectId).
    private static let firstOwnTable: UInt32 = 16_384

    /// Whether anything of the database's own is classified.
    var hasOwn: Bool { self.kinds.keys.contains { $0.table >= Self.firstOwnTable } }

    func says(theSameAs other: Self) -> Bool {
        self.kinds == other.kinds && self.widths == other.widths && self.names == other.names
    }
}
