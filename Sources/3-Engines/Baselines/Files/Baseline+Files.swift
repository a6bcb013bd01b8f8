package import GloveboxCore
import JSONDocument
import YAMLDocument

extension Baseline {
    /// One file can't be longer than what's read of one.
    package static let mostBytes = YAMLBounds.bytes

    /// The file, which ``init(yaml:file:today:)`` reads to the same baseline.
    /// - Throws: `baseline_invalid` where the answers are too long to be kept.
    package func yaml() throws(GloveboxError) -> String {
        var text = YAMLText()
        text.line("version: 1")
        text.value("case", self.caseName)
        text.line("recorded: \(Self.written(self.recordedAt))")
        if let against = self.against { text.value("against", against) }
        text.line("runs: \(self.runs)")
        text.line("expires: \(self.expires)")
        text.line(self.entries.isEmpty ? "entries: []" : "entries:")
        for entry in self.entries { text.entry { $0.entry(entry) } }
        guard text.text.utf8.count <= Self.mostBytes else {
            throw GloveboxError(
                .baselineInvalid,
                "the answers of '\(self.caseName)' take \(text.text.utf8.count >> 10) KiB, of which \(Self.mostBytes >> 10) are kept: "
                    + "split the case, or ask for less")
        }
        return text.text
    }

    private static let timeFormat = TimeFormat("YYYY-MM-DDThh:mm:ssZ")

    private static func written(_ time: WallTime) -> String {
        let day = CalendarDay(time)
        let second = Int(time.nanoseconds / 1_000_000_000) - day.number * 86_400
        return "\(day)T\((second / 3600).padded(2)):\((second / 60 % 60).padded(2)):\((second % 60).padded(2))Z"
    }

    /// - Parameters:
    ///   - file: what it's called in complaints.
    ///   - today: nil to take an expired one, too.
    /// - Throws: `baseline_invalid`, `baseline_expired`, each with `FILE:LINE:COLUMN`.
    package init(yaml text: String, file: String, today: CalendarDay?) throws(GloveboxError) {
        do throws(GloveboxError) {
            let mapping = try YAMLNode(yaml: text, file: file)
                .mapping("version", "case", "recorded", "against", "runs", "expires", "entries")
            try mapping.checkVersion(1)
            let name = try mapping.required("case").string
            let recorded = try mapping.required("recorded")
            guard let seconds = Self.timeFormat?.seconds(try recorded.string) else {
                throw recorded.error("'recorded' is no time: write one such as 2026-11-27T21:01:19Z")
            }
            self.init(
                caseName: name, recordedAt: WallTime(nanoseconds: Int64(seconds) * 1_000_000_000),
                against: try mapping["against"]?.string, runs: Int(try mapping.required("runs").int(in: 2...10_000)),
                expires: try mapping.required("expires").expiry(
                    today: today, "the baseline of '\(name)'", "record it again"),
                entries: try mapping.required("entries").map { node throws(GloveboxError) in try Entry(node) })
        } catch {
            throw error.ofBaseline
        }
    }
}

// MARK: - Writing

extension YAMLText {
    fileprivate mutating func entry(_ entry: Baseline.Entry) {
        self.value("endpoint", entry.endpoint)
        self.value("status", entry.answer.status)
        if let servedBy = entry.answer.servedBy { self.value("served-by", servedBy) }
        if !entry.answer.headers.members.isEmpty {
            self.nested("headers") { text in
                for member in entry.answer.headers.members { text.header(member) }
            }
        }
        switch entry.answer.body {
        case .none: break
        case .json(let json):
            self.block("json", Self.escaped(json: json.printed(JSONStyle(indent: 2, sortsNames: true))))
        case .html(let source): self.block("html", source)
        case .text(let text): self.block("text", text)
        case .bytes(let type, let count, let digest):
            self.nested("bytes") { text in
                text.value("type", type)
                text.line("count: \(count)")
                text.value("digest", String(digest, radix: 16))
            }
        }
        if !entry.noise.rules.isEmpty {
            self.line("noise:")
            for (path, rule) in entry.noise.rules.sorted(by: { $0.key < $1.key }) {
                self.entry { text in
                    text.value("path", path.description)
                    text.rule(rule)
                }
            }
        }
        if !entry.noise.unexplained.isEmpty {
            self.comment(
                "These differ in ways that nothing explains: write a rule for each, or mend what makes them so.")
            self.line("unexplained:")
            for unexplained in entry.noise.unexplained {
                self.entry { text in
                    text.value("path", unexplained.path)
                    text.value("what", unexplained.what)
                    text.line("values: [\(unexplained.values.map { Self.quoted($0) }.joined(separator: ", "))]")
                }
            }
        }
    }

    private mutating func header(_ member: JSONObject.Member) {
        if let cookies = member.value.object {
            self.nested(Self.quoted(member.name)) { text in
                for cookie in cookies.members { text.value(Self.quoted(cookie.name), cookie.value.string ?? "") }
            }
        } else {
            self.value(Self.quoted(member.name), member.value.string ?? "")
        }
    }
}

// MARK: - Reading

extension Baseline.Entry {
    fileprivate init(_ node: YAMLNode) throws(GloveboxError) {
        let mapping = try node.mapping(
            "endpoint", "status", "served-by", "headers", "json", "html", "text", "bytes", "noise", "unexplained")
        var answer = ObservedAnswer(
            status: try mapping.required("status").string, servedBy: try mapping["served-by"]?.string)
        for entry in try mapping["headers"]?.entries ?? [] {
            let value: JSON
            if case .mapping(let cookies) = entry.value.content {
                var members: [JSONObject.Member] = []
                for cookie in cookies { members.append(.init(cookie.key, .string(try cookie.value.text))) }
                value = .object(JSONObject(members))
            } else {
                value = .string(try entry.value.text)
            }
            answer.headers.members.append(JSONObject.Member(entry.key, value))
        }
        answer.body = try Self.body(mapping)
        var noise = LearnedNoise()
        for rule in try mapping["noise"]?.list ?? [] {
            let mapping = try rule.mapping(["path"] + NoiseRule.keys)
            let path = try mapping.required("path")
            guard let pattern = PathPattern(try path.string)?.onlyPath else {
                throw path.error(
                    "'\(try path.string.shortened)' isn't one path: what's meant for several belongs into the rules' file"
                )
            }
            noise.rules[pattern] = try NoiseRule(mapping)
        }
        noise.unexplained = try (mapping["unexplained"]?.list ?? []).map { node throws(GloveboxError) in
            let mapping = try node.mapping("path", "what", "values")
            return LearnedNoise.Unexplained(
                path: try mapping.required("path").string, what: try mapping.required("what").string,
                values: try mapping.required("values").map { node throws(GloveboxError) in try node.text })
        }
        self.init(endpoint: try mapping.required("endpoint").string, answer: answer, noise: noise)
    }

    private static func body(_ mapping: YAMLMapping) throws(GloveboxError) -> ObservedAnswer.Body {
        if let node = mapping["json"] {
            let text = try node.text
            do throws(JSONFault) {
                return .json(try JSON(parsing: text))
            } catch {
                // Lines of the block are lines of the file.
                throw GloveboxError(
                    .baselineInvalid,
                    "\(node.file):\(node.line + error.line):\(error.column): \(error.what): mend it, or record the baseline again"
                )
            }
        }
        if let node = mapping["html"] { return .html(try node.text) }
        if let node = mapping["text"] { return .text(try node.text) }
        guard let node = mapping["bytes"] else { return .none }
        let bytes = try node.mapping("type", "count", "digest")
        let digest = try bytes.required("digest")
        guard let value = UInt64(try digest.string, radix: 16) else {
            throw digest.error("\(digest.label) is no digest: record the baseline again")
        }
        return .bytes(
            type: try bytes.required("type").text, count: Int(try bytes.required("count").int(in: 0...(1 << 50))),
            digest: value)
    }
}

extension YAMLNode {
    /// Text that may be empty.
    fileprivate var text: String {
        get throws(GloveboxError) {
            if case .scalar("", isQuoted: true) = self.content { return "" }
            return try self.string
        }
    }
}
