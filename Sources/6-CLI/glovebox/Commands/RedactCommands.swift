import ArgumentParser
import Contracts
import Foundation
import Glibc
import GloveboxCore
import NIOCore
import Redaction
import YAMLDocument

struct RedactCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "redact", abstract: "Mask secrets and personal data in any text.",
        discussion: "These work on this machine alone, and ask no gateway.",
        subcommands: [Stream.self, Serve.self, Test.self], defaultSubcommand: Stream.self)

    struct Stream: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Copy standard input, or a file that grows, to standard output, masked.",
            discussion: """
                'glovebox redact' alone is this. Each byte is written as soon as nothing can begin in it that would have to \
                be masked; what's held back is written at the input's end. What isn't text passes byte by byte but for \
                findings in it. When the redaction fails, nothing more is written and the exit status is \
                \(ExitStatus.failure.rawValue).
                """)

        @Option(
            help: .init(
                "Read this file and what's appended to it, through rotation and truncation, until interrupted.",
                valueName: "file"), completion: .file())
        var follow: String?
        @Option(
            name: .customLong("profile"),
            help: .init(
                "What becomes of each kind of value, by this file; without one each becomes a pseudonym.",
                valueName: "file"),
            completion: .file())
        var profile: String?
        @Option(
            name: .customLong("detectors"),
            help: .init("Detectors of your own, from this file; may be given more than once.", valueName: "file"),
            completion: .file())
        var detectors: [String] = []
        @Option(
            help: .init(
                "How often canaries are sent while there is text: secrets of nobody's, one of which that comes out ends it.",
                valueName: "duration"), transform: argument(DurationText.parse))
        var canaries = Duration.seconds(600)
        @Flag(help: "Print how many values were masked, by kind, on standard error at the end.")
        var stats = false
        @Flag(help: "Print for each finding where it is, which detector found it and why, on standard error.")
        var explain = false

        func run() throws {
            signal(SIGPIPE, SIG_IGN)
            let rules = try RedactionRules(
                own: self.detectors.map { ($0, try Self.read($0)) },
                profiles: self.profile.map { [try YAMLNode(bytes: try Self.read($0), file: $0)] } ?? [])
            let name = rules.profileNames.first { $0 != MaskingProfile.default.name } ?? MaskingProfile.default.name
            let masker = try rules.masker(
                profile: name, pseudonyms: Pseudonyms(linkable: false), now: { SystemTime().wall })
            let places = self.explain ? TextPlaces() : nil
            if let places {
                masker.onDetection = {
                    let (line, column) = places.place(at: $0.start)
                    Terminal.note(
                        "line \(line), column \(column), byte \($0.start + 1): \($0.kind) by \($0.detector): \($0.reason)"
                    )
                }
            }
            do {
                var output = try RedactedOutput(masker, to: STDOUT_FILENO, places: places, canaries: self.canaries)
                if let follow {
                    try Self.follow(follow, &output)
                } else {
                    while case let chunk = try readChunk(STDIN_FILENO, "standard input"), chunk.readableBytes > 0 {
                        try output.pass(chunk)
                    }
                    try output.endText()
                }
            } catch is RedactedOutput.ReaderGone {
                // Nobody reads any more, which is theirs to decide.
            }
            if self.stats {
                for (kind, count) in masker.counts.sorted(by: { $0.key < $1.key }) {
                    Terminal.note("\(kind): \(count)")
                }
                for (value, count) in masker.shown.sorted(by: { $0.key < $1.key }) {
                    Terminal.note("\(value.kind), shown: \(count) (\(value.reason))")
                }
            }
        }

        private static func read(_ file: String) throws -> [UInt8] {
            guard let data = FileManager.default.contents(atPath: file) else {
                throw GloveboxError(.notFound, "\(file) can't be read: name a file in YAML")
            }
            return Array(data)
        }

        /// How long it waits before it looks for more, in microseconds. It looks rather than be told: a file on a network's
        /// disk tells nobody, and nothing else happens in this process meanwhile.
        private static let pause: UInt32 = 100_000

        private static func follow(_ path: String, _ output: inout RedactedOutput) throws {
            Interrupts.note()
            var file = try FollowedFile(path)
            while !Interrupts.came {
                switch try file.next() {
                case .bytes(let chunk): try output.pass(chunk)
                case .began: try output.endText()
                case .idle: usleep(Self.pause)
                }
            }
            try output.endText()
        }
    }

    struct Test: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Measure recall and precision on the built-in examples, or on a corpus of your own.",
            discussion: """
                A corpus has a JSON object a line, one of

                  {"text": "password=hunter22", "secret": "hunter22", "rule": "my app's passwords"}
                  {"text": "mail ada@example.com", "spans": [{"type": "EMAIL", "value": "ada@example.com"}]}

                where 'rule' may be left out, and a text without labels is one in which nothing is to be found. A value counts \
                as masked when no five of its characters in a row are left. A finding is right when it lies on a labelled value.
                """)

        @Argument(
            help: .init("The corpus; without it the built-in examples. (default: none)", valueName: "corpus"),
            completion: .file())
        var corpus: String?
        @Option(help: "The least recall, from 0 to 1: below it the exit status is 1.")
        var bar = 0.0
        @OptionGroup var output: OutputOptions

        func validate() throws {
            guard (0...1).contains(self.bar) else { throw ValidationError("--bar is from 0 to 1, such as 0.98") }
        }

        func run() throws {
            let detectors = try Detectors()
            var trial = RedactionTrial(try Masker(detectors: detectors, pseudonyms: Pseudonyms(linkable: false)))
            for text in try self.corpus.map(Self.texts) ?? Self.examples(of: detectors) { try trial.hold(text) }
            let report = trial.report
            if self.output.json {
                try Terminal.show(json: report)
            } else {
                Terminal.show(
                    Terminal.table(
                        ["label", "masked", "of", "recall"],
                        report.labels.map { [$0.label, "\($0.masked)", "\($0.values)", Self.written($0.recall)] }))
                Terminal.show(
                    "\n"
                        + Terminal.table(
                            ["detector", "right", "of", "precision"],
                            report.detectors.map {
                                [$0.detector, "\($0.right)", "\($0.findings)", Self.written($0.precision)]
                            }))
                Terminal.show(
                    "\n\(report.masked) of \(report.values) values in \(report.texts) texts are masked: recall \(Self.written(report.recall))."
                )
            }
            if report.recall < self.bar { throw ProgramExit(status: ExitStatus.failure.rawValue) }
        }

        private static func written(_ share: Double) -> String { String(format: "%.4f", share) }

        private static func examples(of detectors: Detectors) -> [RedactionTrial.LabelledText] {
            detectors.examples.map { example in
                RedactionTrial.LabelledText(
                    text: example.text, labels: example.secret.map { [(example.detector, $0)] } ?? [])
            }
        }

        private static func texts(_ file: String) throws -> [RedactionTrial.LabelledText] {
            guard let data = FileManager.default.contents(atPath: file) else {
                throw GloveboxError(.notFound, "\(file) can't be read: name a file of JSON lines")
            }
            return try String(decoding: data, as: UTF8.self).split(separator: "\n", omittingEmptySubsequences: false)
                .enumerated().filter { !$0.element.isEmpty }
                .map { try RedactionTrial.LabelledText(line: $0.element, at: "\(file):\($0.offset + 1)") }
        }
    }
}
