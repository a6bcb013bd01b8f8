import Foundation
import Glibc
import TestSupport
import Testing

@Suite("docs/cli.md is what the program says of itself")
struct CommandReferenceTests {
    /// One command, as the argument parser's `--experimental-dump-help` has it.
    private struct Command: Decodable {
        struct Argument: Decodable {
            struct Name: Decodable {
                var kind: String
                var name: String

                var text: String { (self.kind == "long" ? "--" : "-") + self.name }
            }

            var kind: String
            var abstract: String?
            var valueName: String?
            var names: [Name]?
            var isOptional: Bool
            var isRepeating: Bool
            var shouldDisplay: Bool

            var isHelp: Bool { self.names?.contains { $0.name == "help" } ?? false }

            /// As it's written on a command line.
            var text: String {
                let value = "<\(self.valueName ?? "value")>\(self.isRepeating ? "…" : "")"
                return switch self.kind {
                case "positional": value
                case "flag": (self.names ?? []).map(\.text).joined(separator: ", ")
                default: (self.names ?? []).map(\.text).joined(separator: ", ") + " \(value)"
                }
            }
        }

        var commandName: String
        var superCommands: [String]?
        var abstract: String?
        var discussion: String?
        var arguments: [Argument]?
        var subcommands: [Command]?
        var shouldDisplay: Bool

        var path: String { ((self.superCommands ?? []) + [self.commandName]).joined(separator: " ") }

        /// Those that do something, in the order of the help.
        var leaves: [Command] {
            guard self.commandName != "help", self.shouldDisplay else { return [] }
            return if let subcommands { subcommands.flatMap(\.leaves) } else { [self] }
        }

        func has(_ option: String) -> Bool {
            self.arguments?.contains { $0.names?.contains { $0.name == option } ?? false } ?? false
        }
    }

    private struct Dump: Decodable {
        var command: Command
    }

    private static func dump() async throws -> Command {
        let result = try await Subprocess.run([Repository.program, "--experimental-dump-help"])
        return try JSONDecoder().decode(Dump.self, from: Data(result.standardOutput)).command
    }

    /// These hand over to another program, print one for another or nothing for a script to read, or print JSON always.
    private static let withoutJSON: Set = [
        "glovebox psql", "glovebox logout", "glovebox up", "glovebox gateway run", "glovebox agent run",
        "glovebox edge", "glovebox completion", "glovebox audit export", "glovebox redact stream",
        "glovebox redact serve",
    ]

    @Test("every command says what it is and what each of its options is, and prints JSON when asked to")
    func complete() async throws {
        for command in try await Self.dump().leaves {
            #expect(command.abstract?.hasSuffix(".") == true, "\(command.path)")
            for argument in command.arguments ?? [] where argument.shouldDisplay {
                #expect(
                    argument.abstract?.hasSuffix(".") == true || argument.abstract?.hasSuffix(")") == true,
                    "\(command.path) \(argument.text)")
            }
            #expect(command.has("json") != Self.withoutJSON.contains(command.path), "\(command.path)")
        }
    }

    private static let file = Repository.root + "/docs/cli.md"

    @Test("docs/cli.md lists every command with its options")
    func document() async throws {
        let root = try await Self.dump()
        var text = """
            # Commands

            What `glovebox help COMMAND` says, in one page. Made by `Tests/EndToEnd/CommandReferenceTests.swift`; don't edit it, run
            `GLOVEBOX_WRITE_DOCS=1 swift test --filter CommandReferenceTests` (with the flags of `scripts/build-flags.sh`).

            \((root.discussion ?? "").replacing("\n", with: "\n\n"))

            Results go to standard output, everything else to standard error; a failure is one line there,
            `glovebox: MESSAGE [CODE]`. A secret is read from a file descriptor, standard input or a prompt, never from an option.

            """
        for command in root.leaves {
            let arguments = (command.arguments ?? []).filter { $0.shouldDisplay && !$0.isHelp }
            let usage = arguments.filter { $0.kind == "positional" || !$0.isOptional }.map(\.text)
            text += "\n## \(command.path)\n\n\(command.abstract ?? "")\n\n"
            text +=
                "    \(([command.path] + usage).joined(separator: " "))\(usage.count < arguments.count ? " [options]" : "")\n"
            if let discussion = command.discussion, !discussion.isEmpty {
                text +=
                    "\n"
                    + discussion.split(separator: "\n", omittingEmptySubsequences: false)
                    .map { $0.isEmpty ? "" : "> \($0)  " }.joined(separator: "\n") + "\n"
            }
            if !arguments.isEmpty {
                text += "\n| argument | meaning |\n|---|---|\n"
                for argument in arguments {
                    text += "| `\(argument.text)` | \((argument.abstract ?? "").replacing("|", with: "\\|")) |\n"
                }
            }
        }
        if getenv("GLOVEBOX_WRITE_DOCS") != nil { try text.write(toFile: Self.file, atomically: true, encoding: .utf8) }
        let committed = try? String(contentsOfFile: Self.file, encoding: .utf8)
        #expect(committed == text, "run this test with GLOVEBOX_WRITE_DOCS=1, and look at what changes")
    }
}
