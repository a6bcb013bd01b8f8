import TestSupport
import Testing

/// What a program of `Tests/Lab` printed: a line per question, `question: answer`.
struct Answers: Sendable {
    private let lines: [String: String]
    let questions: [String]

    init(_ output: String) throws {
        var lines: [String: String] = [:]
        var questions: [String] = []
        for line in output.split(separator: "\n") {
            guard let colon = line.firstRange(of: ": ") else {
                throw TestSupportError("no answer: \(line.prefix(200))")
            }
            let question = String(line[..<colon.lowerBound])
            guard lines.updateValue(String(line[colon.upperBound...]), forKey: question) == nil else {
                throw TestSupportError("two answers to \(question)")
            }
            questions.append(question)
        }
        self.lines = lines
        self.questions = questions
    }

    subscript(_ question: String) -> String { self.lines[question] ?? "no answer" }

    /// Runs a program with and without Glovebox. All answers must be the same, but for those that differ as they should.
    ///
    /// - Returns: the answers through Glovebox.
    @discardableResult
    static func compared(
        _ program: LabProgram, under lease: OpenedLease, in lab: Lab, at location: SourceLocation = #_sourceLocation
    ) async throws -> Answers {
        let differing = program.differing
        let through = try await Self.given(program.arguments, lease.variables)
        let direct = try await Self.given(program.arguments, lab.directly)
        #expect(through.questions == direct.questions, sourceLocation: location)
        #expect(differing.subtracting(direct.questions) == [], sourceLocation: location)
        for question in direct.questions where !differing.contains(question) {
            // Our own codes stand behind PostgreSQL's words.
            let answer = through[question].replacing(" [statement_not_parsed]", with: "")
            #expect(answer == direct[question], "\(question)", sourceLocation: location)
        }
        let search = try await SecretSearch(of: lab.shop.database)
        #expect(search.found(in: through.lines.values.joined(separator: "\n")) == [], sourceLocation: location)
        return through
    }

    static func given(_ arguments: [String], _ variables: [String: String]) async throws -> Answers {
        let result = try await runClient(arguments, variables)
        guard result.succeeded else {
            throw TestSupportError("\(arguments.last ?? "?"): \(result.errors.suffix(3000))")
        }
        return try Answers(result.output)
    }
}

/// A program of `Tests/Lab`.
struct LabProgram: Sendable {
    let arguments: [String]
    /// The questions to which the answers through Glovebox are others.
    var differing: Set<String> = []

    /// In Python.
    static func python(_ name: String, differing: Set<String>) -> LabProgram {
        // -B: nothing is written into the checkout.
        LabProgram(
            arguments: [Repository.file(".build-venv/bin/python"), "-B", Repository.file("Tests/Lab/\(name).py")],
            differing: differing)
    }

    /// A part of `Tests/Lab/Browse.java`.
    static func jdbc(_ part: String) -> LabProgram {
        // It runs for a moment: nothing that takes time to warm up.
        LabProgram(arguments: [
            "java", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xmx256m", "-cp", "/usr/share/java/postgresql.jar",
            Repository.file("Tests/Lab/Browse.java"), part,
        ])
    }

    static let asyncpg = python("asyncpg_client", differing: ["masked", "refused", "refused in the extended protocol"])
    static let sqlalchemy = python(
        "sqlalchemy_client", differing: ["psycopg masked", "psycopg refused", "asyncpg masked", "asyncpg refused"])
    static let pgcli = python("pgcli_client", differing: [pgcliMasked, "run DROP TABLE customers"])
    static let pgcliMasked = "run SELECT id, email FROM customers WHERE id = 3"
    static let libpq = python(
        "libpq_client",
        differing: [
            // Their words have the port in them, or what only TLS has.
            "at least 3.2", "read-write", "direct TLS",
            "options", "pipeline", "failed transaction", "places", "large object by SQL", "function call", "masked",
        ])
}
