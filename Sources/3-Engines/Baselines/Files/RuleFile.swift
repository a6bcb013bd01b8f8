package import GloveboxCore
import YAMLDocument

/// Rules that people write beside a suite; they go before what baselines have learned.
///
///     version: 1
///     rules:
///       - path: $..request_id
///         kind: uuid
///         reason: made anew for each request
///         expires: 2027-06-30
package struct RuleFile: Hashable, Sendable {
    package var rules: [WrittenRule]

    package init(_ rules: [WrittenRule] = []) {
        self.rules = rules
    }

    /// - Parameters:
    ///   - file: what it's called in complaints.
    ///   - today: nil to take expired rules, too.
    /// - Throws: `baseline_invalid`, `baseline_expired`, each with `FILE:LINE:COLUMN`.
    package init(yaml text: String, file: String, today: CalendarDay?) throws(GloveboxError) {
        do throws(GloveboxError) {
            let mapping = try YAMLNode(yaml: text, file: file).mapping("version", "rules")
            try mapping.checkVersion(1)
            self.rules = try mapping.required("rules").map { node throws(GloveboxError) in
                try WrittenRule(node, today: today)
            }
        } catch {
            throw error.ofBaseline
        }
    }

    package var yaml: String {
        var text = YAMLText()
        text.line("version: 1")
        text.line(self.rules.isEmpty ? "rules: []" : "rules:")
        for rule in self.rules {
            text.entry { text in
                text.value("path", rule.pattern.text)
                if let endpoint = rule.endpoint { text.value("endpoint", endpoint) }
                text.rule(rule.rule)
                text.line("expires: \(rule.expires)")
            }
        }
        return text.text
    }
}

extension WrittenRule {
    fileprivate init(_ node: YAMLNode, today: CalendarDay?) throws(GloveboxError) {
        let mapping = try node.mapping(["path", "endpoint", "expires"] + NoiseRule.keys)
        let path = try mapping.required("path")
        guard let pattern = PathPattern(try path.string) else {
            throw path.error(
                "'\(try path.string.shortened)' is no path: write one such as $..request_id, $.lines[*].sku, header.etag, "
                    + "/html//td.stock/text() or text[*]")
        }
        _ = try mapping.required("reason").string
        self.init(
            pattern, endpoint: try mapping["endpoint"]?.string, try NoiseRule(mapping),
            expires: try mapping.required("expires").expiry(
                today: today, "the rule for \(pattern)",
                "see whether it's still needed, and write a later day or remove it"))
    }
}
