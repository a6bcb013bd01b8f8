import TestSupport
import Testing

@Suite("psql: every command that lists or describes", .serialized, .timeLimit(.minutes(2)))
struct PsqlCommandTests {
    /// psql 15's (its manual, "Meta-Commands"), each without and with S and +; what psql doesn't know it says itself.
    private static let listing =
        [
            "d", "da", "dA", "dAc", "dAf", "dAo", "dAp", "db", "dc", "dC", "dd", "dD", "ddp", "dE", "des", "det", "deu",
            "dew", "df", "dfa", "dfn", "dfp", "dft", "dfw", "dF", "dFd", "dFp", "dFt", "dg", "di", "dl", "dL", "dm",
            "dn", "do", "dO", "dp", "dP", "dPi", "dPt", "drds", "dRp", "dRs", "ds", "dt", "dT", "du", "dv", "dx", "dX",
            "dy", "dtvmsE", "l", "lo_list", "z", "dconfig",
        ].flatMap { name in ["", "S", "+", "S+"].map { "\\\(name)\($0)" } }
    private static let describing = [
        "\\d museum.*", "\\d+ museum.*", "\\d museum.items", "\\d+ museum.items", "\\d+ museum.visits",
        "\\d+ museum.large_rooms", "\\d+ customers", "\\d+ pg_catalog.pg_class", "\\dx+ pg_trgm", "\\df museum.twice",
        "\\df+ museum.*", "\\dfn+ museum.twice int", "\\sf museum.twice", "\\sf+ museum.tidy",
        "\\sv museum.large_rooms",
        "\\sv+ museum.large_rooms", "\\dp museum.*", "\\z museum.items", "\\dF+ museum.guide", "\\dFd+ museum.*",
        "\\dFp+ museum.words", "\\dFt+ museum.*", "\\dT+ museum.*", "\\dD+ museum.*", "\\dRp+ news", "\\dt *.*",
        "\\do+ museum.%%", "\\dO+ museum.*", "\\dc+ museum.*", "\\dC+ museum.mood", "\\dd museum.*", "\\dn+ museum",
        "\\dA+ hill", "\\dAc+ hill", "\\dAo+ btree museum.ints", "\\dX museum.*", "\\dP+ museum.*", "\\di+ museum.*",
        "\\dm+ museum.*", "\\ds+ museum.*", "\\dE+ museum.*", "\\dconfig+ work_mem", "\\da+ museum.*", "\\drds * *",
        "\\d nothing.such", "\\sf nothing",
    ]
    /// Their answers are of the session's own settings, or of sizes that may change between two looks.
    private static let varying: Set<String> = [
        "\\dconfig", "\\dconfigS", "\\dconfig+", "\\dconfigS+", "\\l+",
    ]

    private struct Answer: Equatable {
        var output: Substring
        var errors: Substring
    }

    private func answers(_ text: Subprocess.Result, _ commands: [String]) throws -> [String: Answer] {
        func parts(_ text: String) -> [Substring] { text.split(separator: "====\n", omittingEmptySubsequences: false) }
        let (outputs, errors) = (parts(text.output), parts(text.errors))
        try #require(outputs.count == commands.count + 1 && errors.count == commands.count + 1)
        return [String: Answer](
            uniqueKeysWithValues: commands.enumerated().map {
                ($1, Answer(output: outputs[$0 + 1], errors: errors[$0 + 1]))
            })
    }

    @Test("each answers as it does without Glovebox, errors and all")
    func commands() async throws {
        let lab = try await Lab.get()
        let commands = Self.listing + Self.describing
        let script = commands.map { "\\echo ====\n\\warn ====\n\($0)\n" }.joined()
        let (through, direct) = try await lab.withLease { lease in
            (
                try self.answers(try await lease.psql([], input: script), commands),
                try self.answers(try await lab.shop.directly([], input: script), commands)
            )
        }
        #expect(direct.values.filter { $0.output.contains("museum") }.count > 60)
        for command in commands {
            let (through, direct) = (try #require(through[command]), try #require(direct[command]))
            #expect(through.errors == direct.errors, "\(command)")
            if Self.varying.contains(command) {
                #expect(through.output.count > 100, "\(command)")
            } else if command.hasPrefix("\\deu"), command.hasSuffix("+") {
                // A user mapping's options are credentials.
                #expect(through.output.contains("elsewhere"))
            } else {
                #expect(through.output == direct.output, "\(command)")
            }
        }
    }
}
