package import GloveboxCore
package import YAMLDocument

extension CeilingDocument {
    /// Reads a ceiling file.
    ///
    ///     version: 1
    ///     targets:
    ///       shop-db:
    ///         capabilities: [read]
    ///         longest: 2h
    ///         limits: {rows: 1000000, bytes: 1GB, seconds: 60, sessions: 10}
    ///         columns:                       # always masked: SCHEMA.TABLE.COLUMN: KIND
    ///           public.customers.email: email
    ///           '"Odd.Schema".t.c': name     # a part with dots stands in double quotes
    ///           # a column whose name says that it's sensitive (password, phone, …) is masked, unless it's shown
    ///           public.shops.phone: {show: the shops' own numbers are on their website}
    ///         disclosures: 50                # answers about masked values that a holder may have in a day
    ///         superuser: false               # may the agent's role be a superuser?
    ///         writable_read_role: false      # may a read lease use a role that could write?
    ///       shop-host:                       # a host that's changed
    ///         capabilities: [change]
    ///         longest: 2h
    ///         runbooks: [deploy]             # what of agent.yaml may be used
    ///         calls: [drain]
    ///         files: [/etc/shop/*.conf]      # a * is any name, or part of one
    ///         urls: ["http://127.0.0.1:9000/"]
    ///         keep: false                    # may a change be kept beyond 'longest'?
    ///
    /// - Throws: `configuration_invalid` with `FILE:LINE:COLUMN: what is wrong and what to write`.
    package init(yaml: String, file: String) throws(GloveboxError) {
        let document = try YAMLNode(yaml: yaml, file: file).mapping("version", "targets")
        try document.checkVersion(1)
        self.init()
        for entry in try document.required("targets").entries {
            guard let name = TargetName(rawValue: entry.key) else {
                throw entry.keyError("'\(entry.key)' is not a name for a target: use 1 to 63 of a-z, 0-9, '-', '_'")
            }
            self.targets[name] = try CeilingTarget(entry.value)
        }
    }
}

extension CeilingTarget {
    fileprivate init(_ node: YAMLNode) throws(GloveboxError) {
        let target = try node.mapping(
            "capabilities", "longest", "limits", "columns", "disclosures", "superuser", "writable_read_role",
            "runbooks",
            "calls", "files", "urls", "keep")
        self.init(
            capabilities: try target.required("capabilities").capabilities(),
            longest: try target.required("longest").duration,
            limits: try target["limits"]?.limits() ?? Limits(),
            allowsSuperuser: try target["superuser"]?.bool ?? false,
            allowsWritingReader: try target["writable_read_role"]?.bool ?? false)
        self.disclosures = try target["disclosures"]?.int(in: 0...(.max))
        self.runbooks = Set(try target["runbooks"]?.strings ?? [])
        self.calls = Set(try target["calls"]?.strings ?? [])
        self.files = try target["files"]?.strings ?? []
        self.urls = try target["urls"]?.strings ?? []
        self.mayKeep = try target["keep"]?.bool ?? false
        let columns = try target["columns"].map(ColumnTreatments.init)
        self.columns = columns?.classified ?? []
        self.shown = columns?.shown ?? []
    }
}

extension ColumnTreatments {
    /// `{SCHEMA.TABLE.COLUMN: KIND, SCHEMA.TABLE.COLUMN: {show: WHY}, …}`, as a ceiling and an agent's configuration write
    /// it, in the order of the file.
    package init(_ node: YAMLNode) throws(GloveboxError) {
        self.init()
        var places: Set<[String]> = []
        for entry in try node.entries {
            guard let parts = qualifiedName(entry.key), parts.count == 3 else {
                throw entry.keyError(
                    "'\(entry.key)' is not a column: write SCHEMA.TABLE.COLUMN, such as public.customers.email")
            }
            guard places.insert(parts).inserted else { throw entry.keyError("this column is written twice: keep one") }
            if case .mapping = entry.value.content {
                let reason = try entry.value.mapping("show").required("show")
                guard try !reason.string.allSatisfy(\.isWhitespace) else {
                    throw reason.error("say why this column may be shown: {show: WHY}")
                }
                self.shown.append(
                    DeclassifiedColumn(
                        schema: parts[0], table: parts[1], column: parts[2], reason: try reason.string))
                continue
            }
            let kind = try entry.value.word
            guard !kind.contains("-") else {
                throw entry.value.error(
                    "'\(kind)' is not a kind of value: use a-z, 0-9 and '_', such as email or api_key")
            }
            self.classified.append(
                ClassifiedColumn(schema: parts[0], table: parts[1], column: parts[2], kind: kind))
        }
    }
}

/// The parts of a dotted name, as the catalogue holds them: letters stay as they're written; a part in double quotes
/// may hold dots, and `""` for a quote. `nil` when a part is empty or a quote is open.
private func qualifiedName(_ text: String) -> [String]? {
    var parts: [String] = []
    var rest = text[...]
    while true {
        var part = ""
        if rest.first == "\"" {
            rest = rest.dropFirst()
            while true {
                guard let quote = rest.firstIndex(of: "\"") else { return nil }
                part += rest[..<quote]
                rest = rest[rest.index(after: quote)...]
                guard rest.first == "\"" else { break }
                part += "\""
                rest = rest.dropFirst()
            }
        } else {
            part = String(rest.prefix { $0 != "." && $0 != "\"" })
            rest = rest.dropFirst(part.count)
        }
        guard !part.isEmpty else { return nil }
        parts.append(part)
        guard let next = rest.first else { return parts }
        guard next == "." else { return nil }
        rest = rest.dropFirst()
    }
}
