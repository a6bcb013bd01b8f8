package import GloveboxCore

/// What a lease's statements may be, judged by their syntax trees, never by their text. Closed: what isn't known to be
/// harmless is refused.
///
/// The database's own rights come first, and stay whatever is decided here: a `read` session is a read-only transaction
/// of a role that can't write. These rules are the second wall, and the only one against what a role may do that isn't a
/// write to a table.
package struct StatementRules: Sendable {
    package var capability: Capability
    package var functions: FunctionCatalogue
    package var relations: ClassifiedRelations

    package init(
        capability: Capability, functions: FunctionCatalogue, relations: ClassifiedRelations = ClassifiedRelations()
    ) {
        self.capability = capability
        self.functions = functions
        self.relations = relations
    }

    var writes: Bool { self.capability != .read }

    /// Judges every statement of a text.
    /// - Returns: what its results may show.
    package func judge(_ tree: SyntaxTree) throws(StatementRefusal) -> StatementOutputs {
        var outputs = StatementOutputs()
        let statements = tree.statements
        for (kind, fields) in statements {
            try self.judge(kind, fields)
            var found = Found()
            let hidden = try self.hiddenOutputs(kind, fields, &found)
            outputs.disclosures += found.disclosures
            if hidden != .none || found.disclosures > 0, Self.naming.contains(kind) { outputs.areNamed = true }
            if statements.count == 1 {
                outputs.hidden = hidden
            } else if hidden != .none {
                outputs.hidden = hidden == .named && [.none, .named].contains(outputs.hidden) ? .named : .all
            }
        }
        return outputs
    }

    /// What these make is run or read by its name later.
    private static let naming: Set<String> = ["PrepareStmt", "DeclareCursorStmt"]

    private struct Found {
        var disclosures = 0
        /// It calls what isn't PostgreSQL's own.
        var callsForeign = false
        /// It works something out from classified values.
        var worksOut = false
    }

    private func hiddenOutputs(
        _ kind: String, _ fields: SyntaxNode, _ found: inout Found
    ) throws(StatementRefusal) -> HiddenOutputs {
        guard !self.relations.isEmpty else { return .none }
        switch kind {
        case "SelectStmt", "InsertStmt", "UpdateStmt", "DeleteStmt", "MergeStmt":
            let lineage = self.makeLineage()
            let output =
                kind == "SelectStmt"
                ? try lineage.output(of: fields, in: QueryScope())
                : try lineage.written(kind, fields, in: QueryScope())
            found.disclosures += lineage.memory.disclosures
            found.callsForeign = found.callsForeign || lineage.memory.callsForeign
            found.worksOut = found.worksOut || lineage.memory.worksOut
            if lineage.memory.worksOut, Self.drawsNumbers(fields) {
                // How many were drawn is told by those that come next.
                try lineage.refuse("random() beside what is worked out")
            }
            return HiddenOutputs(output)
        case "CallStmt":
            // No procedure is PostgreSQL's own: nobody knows what it gives, nor where it puts what it's given.
            if self.makeLineage().readsHidden(fields["funccall"]["args"]) { throw .foreignParameter }
            found.disclosures += 1
            return .all
        case "CopyStmt" where fields["is_from"].bool:
            // Which rows are taken is an answer.
            if self.makeLineage().readsHidden(fields["whereClause"]) { throw .foreignParameter }
            return .none
        case "ExplainStmt", "PrepareStmt", "DeclareCursorStmt", "CopyStmt":
            guard let (inner, query) = fields["query"].tagged else { return .none }
            for type in fields["argtypes"].elements {
                let name = type.of("TypeName")["names"].names.last ?? ""
                if self.functions.isForeign(type: name) { throw .foreignParameter }
            }
            let hidden = try self.hiddenOutputs(inner, query, &found)
            guard kind == "ExplainStmt" else { return hidden }
            // A plan shows none of the values, but for what a function gives that says it's IMMUTABLE: that one is called
            // for it. Of what was prepared nobody knows what it calls. How often its parts were run, and how much memory
            // they took, tells of what is worked out.
            let isRun = fields["options"].elements.contains { $0.of("DefElem")["defname"].string == "analyze" }
            return found.callsForeign || (isRun && found.worksOut) ? .all : hidden == .named ? .named : .none
        case "ExecuteStmt":
            // The statement was judged without knowing what its parameters would be.
            if self.makeLineage().readsHidden(fields["params"]) { throw .foreignParameter }
            return .named
        case "FetchStmt": return .named
        default: return .none
        }
    }

    private func makeLineage() -> Lineage { Lineage(relations: self.relations, functions: self.functions) }

    /// Whether it takes numbers from the session's generator, or sets it.
    private static func drawsNumbers(_ fields: SyntaxNode) -> Bool {
        var found = false
        for (kind, names) in [("FuncCall", "funcname"), ("A_Indirection", "indirection")] as [(String, StaticString)] {
            fields.forEachObject(named: kind) { node in
                found = found || node[names].names.contains { ["random", "random_normal", "setseed"].contains($0) }
            }
        }
        return found
    }

    private func judge(_ kind: String, _ fields: SyntaxNode) throws(StatementRefusal) {
        switch kind {
        case "SelectStmt":
            try self.scan(fields)
        case "InsertStmt", "UpdateStmt", "DeleteStmt", "MergeStmt", "TruncateStmt", "CallStmt", "NotifyStmt":
            guard self.writes else { throw .writing(kind) }
            try self.judgePlace(fields["relation"])
            try self.scan(fields)
        case "ExplainStmt", "PrepareStmt", "DeclareCursorStmt":
            guard let (inner, query) = fields["query"].tagged, inner != "CreateTableAsStmt" else {
                throw StatementRefusal(.kind, "\(Self.name(kind)) of this isn't allowed")
            }
            try self.judge(inner, query)
            try self.scan(fields["argtypes"])
        case "ExecuteStmt":
            try self.scan(fields["params"])
        case "CopyStmt": try self.judgeCopy(fields)
        case "TransactionStmt": try self.judgeTransaction(fields)
        case "VariableSetStmt": try self.judgeSetting(fields)
        case "LockStmt":
            // ACCESS SHARE, which every SELECT takes as well.
            guard self.writes || fields["mode"].int == 1 else {
                throw StatementRefusal(.writes, "a read lease locks tables IN ACCESS SHARE MODE only")
            }
        case "VariableShowStmt", "FetchStmt", "ClosePortalStmt", "DeallocateStmt", "DiscardStmt", "ListenStmt",
            "UnlistenStmt":
            break
        default:
            throw StatementRefusal(
                .kind, "\(Self.name(kind)) isn't a statement that a lease allows: it isn't about rows")
        }
    }

    /// `COPY … TO STDOUT`, and `FROM STDIN` for who may write; never a file or a program of the server's.
    private func judgeCopy(_ copy: SyntaxNode) throws(StatementRefusal) {
        guard !copy["is_program"].bool else {
            throw StatementRefusal(.kind, "COPY with a PROGRAM isn't allowed: use STDOUT or STDIN")
        }
        guard !copy["filename"].exists else {
            throw StatementRefusal(.kind, "COPY with a file of the server's isn't allowed: use STDOUT or STDIN")
        }
        if copy["is_from"].bool {
            guard self.writes else { throw .writing("COPY FROM") }
            try self.judgePlace(copy["relation"])
        }
        if let (kind, query) = copy["query"].tagged { try self.judge(kind, query) }
        try self.scan(copy["whereClause"])
    }

    /// The statement's name, as SQL has it.
    static func name(_ kind: String) -> String {
        if let name = Self.names[kind] { return name }
        var words = ""
        for character in kind.hasSuffix("Stmt") ? kind.dropLast(4) : kind[...] {
            if character.isUppercase, !words.isEmpty { words += " " }
            words += character.uppercased()
        }
        return words
    }

    private static let names = [
        "": "this", "CreateTableAsStmt": "CREATE TABLE AS", "DoStmt": "DO", "CallStmt": "CALL",
        "VariableSetStmt": "SET",
        "InsertStmt": "INSERT", "UpdateStmt": "UPDATE", "DeleteStmt": "DELETE", "MergeStmt": "MERGE",
        "TruncateStmt": "TRUNCATE", "CreateStmt": "CREATE TABLE", "DropStmt": "DROP", "GrantStmt": "GRANT",
        "GrantRoleStmt": "GRANT", "VacuumStmt": "VACUUM or ANALYZE", "IndexStmt": "CREATE INDEX",
        "ViewStmt": "CREATE VIEW",
        "AlterSystemStmt": "ALTER SYSTEM", "CheckPointStmt": "CHECKPOINT", "DeclareCursorStmt": "DECLARE CURSOR",
    ]
}

extension StatementRefusal {
    fileprivate static let foreignParameter = StatementRefusal(
        .predicate,
        "what a function or a cast of the database's own gives can't be a parameter of EXECUTE or CALL, nor a condition of COPY: nobody knows what it reads"
    )

    static func writing(_ kind: String) -> StatementRefusal {
        StatementRefusal(
            .writes, "a read lease runs only what can't write, and this would \(StatementRules.name(kind))")
    }
}
