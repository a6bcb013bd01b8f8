import ArgumentParser
import ControlAPI
import ControlClient
import GloveboxCore

struct FlagCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "flag", abstract: "Feature flags: look at them, change one, see what one comes to.",
        subcommands: [List.self, Set.self, Explain.self])

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "List flags as they are now, leased changes included.")

        @Option(help: "Only this target's.", transform: argument { try TargetName($0) })
        var target: TargetName?
        @OptionGroup var output: OutputOptions

        func run() async throws {
            let flags = try await SignedIn.call { client, _ in
                try await allItems { try await client.flags(FlagQuery(target: self.target, page: $0)) }
            }
            if self.output.json { return try Terminal.show(json: flags) }
            Terminal.show(
                Terminal.table(
                    ["Target", "Flag", "State", "Default", "Variants", "Targeting", "Changed by"],
                    flags.map { flag in
                        let definition = flag.definition
                        return [
                            flag.target.rawValue, flag.key,
                            flag.fault == nil ? definition["state"]?.string ?? "" : "wrong: \(flag.fault ?? "")",
                            definition["defaultVariant"]?.string ?? "–",
                            definition["variants"]?.names.joined(separator: ", ") ?? "",
                            definition["targeting"]?.names.isEmpty == false ? "yes" : "no",
                            flag.changes.map(\.rawValue).joined(separator: ", "),
                        ]
                    }))
        }
    }

    struct Set: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Change a flag under a lease; it goes back when that ends, unless it's kept.",
            discussion: "Under --lease, or under a lease that's opened for it with --target, --for and --reason.")

        @Argument(help: "The flag's key.")
        var key: String
        @Option(help: "Which of its variants is the default.")
        var variant: String?
        @Flag(inversion: .prefixedEnableDisable, help: "Whether it's evaluated at all.")
        var evaluation: Bool?
        @Option(help: .init("A whole definition in flagd's form, JSON.", valueName: "json"))
        var definition: String?
        @Flag(help: "It's to be no more.")
        var remove = false
        @Option(help: "What it's for, in one line. (default: what's changed)")
        var title: String?
        @Option(
            help: .init(
                "Who sees it: identity=NAME, testRun=NAME, lease=ID, or lease for its own. (default: everyone)",
                valueName: "scope"), transform: argument { try ScopeChoice($0) })
        var scope: ScopeChoice?
        @OptionGroup var under: ChangeLeaseOptions
        @OptionGroup var output: OutputOptions

        func run() async throws {
            let edit = FlagEdit(
                key: self.key,
                definition: try self.definition.map {
                    try JSONForm.decode(JSONValue.self, from: Array($0.utf8))
                }, defaultVariant: self.variant, isEnabled: self.evaluation, isRemoved: self.remove)
            let title = self.title ?? self.under.reason ?? "glovebox flag set \(self.key)"
            let applied = try await SignedIn.call { client, _ in
                let lease = try await self.under.lease(client, reason: title)
                let request = ChangeRequest(
                    lease: lease, title: title, changes: [ChangeItem(flag: edit)],
                    scope: self.scope?.scope(under: lease))
                return try await self.under.endingThemOnFailure([lease], client) {
                    try await client.applyChanges(request)
                }
            }
            try show(applied, self.output)
        }
    }

    struct Explain: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Show what a flag comes to for a context, and why.")

        @Argument(help: "The flag's key.")
        var key: String
        @Option(
            help: .init("The context, a JSON object: '{\"targetingKey\": \"user-1\"}'.", valueName: "json"),
            transform: argument { try Explain.context($0) })
        var context: [String: JSONValue] = [:]
        @Option(help: "Whose flag. (default: the only target with flags)", transform: argument { try TargetName($0) })
        var target: TargetName?
        @OptionGroup var output: OutputOptions

        static func context(_ text: String) throws -> [String: JSONValue] {
            try JSONForm.decode([String: JSONValue].self, from: Array(text.utf8))
        }

        func run() async throws {
            let answer = try await SignedIn.call { client, _ in
                try await client.explainFlag(self.key, FlagQuestion(target: self.target, context: self.context))
            }
            if self.output.json { return try Terminal.show(json: answer) }
            Terminal.show(
                Terminal.fields([
                    ("Flag", answer.key), ("Target", "\(answer.target), epoch \(answer.epoch)"),
                    (
                        "Value",
                        try answer.value.map { String(decoding: try JSONForm.encode($0), as: UTF8.self) }
                            ?? "none: the caller's own default"
                    ),
                    ("Variant", answer.variant), ("Reason", answer.reason), ("Error", answer.errorCode),
                    ("Detail", answer.detail),
                    (
                        "Changed by",
                        answer.changes.isEmpty ? nil : answer.changes.map(\.rawValue).joined(separator: ", ")
                    ),
                ]))
        }
    }
}

extension JSONValue {
    fileprivate var string: String? { if case .string(let text) = self { text } else { nil } }
    fileprivate var names: [String] { if case .object(let fields) = self { fields.keys.sorted() } else { [] } }
}
