import Foundation
import TestSupport
import Testing

/// The real edge among clients that do what none should, and while things happen to it. What they do is in `Tests/Lab` and
/// `Benchmarks/forgery.py`, whose output says what was seen.
@Suite("glovebox edge, under attack and under load", .timeLimit(.minutes(5)))
struct EdgeHostileTests {
    private static func run(_ arguments: [String], environment: [String: String] = [:]) async throws -> String {
        let result = try await Subprocess.run(
            arguments, environment: ProcessInfo.processInfo.environment.merging(environment) { $1 },
            timeout: .seconds(240))
        #expect(result.succeeded, "\(result.output)\(result.errors)")
        return result.output
    }

    @Test(
        "a hostile client gets the right answer or its end, takes bounded memory, and hinders no other",
        arguments: [
            "smuggling", "slowloris", "head-bombs", "rapid-reset", "made-resets", "continuations", "control-floods",
            "priorities", "hpack-bombs", "windows",
        ])
    func hostile(_ scenario: String) async throws {
        let said = try await Self.run([
            "python3", "-I", Repository.file("Tests/Lab/hostile.py"), Repository.program, scenario,
        ])
        #expect(said.hasPrefix("\(scenario): "))
    }

    @Test(
        "no request is lost by a reload or a stop, and by an upstream's end only what was under way there and can't be repeated",
        arguments: ["killed", "reload", "stop"])
    func losses(_ scenario: String) async throws {
        let said = try await Self.run([
            "python3", "-I", Repository.file("Tests/Lab/losses.py"), Repository.program, scenario,
        ])
        #expect(said.hasPrefix("\(scenario): "))
    }

    @Test("of forged and true marks on every route only true ones get to a candidate, once, and all sums agree")
    func forgery() async throws {
        let said = try await Self.run(
            [
                Repository.file(".build-venv/bin/python"), Repository.file("Benchmarks/forgery.py"), "--requests",
                "20000",
            ], environment: ["GLOVEBOX_PROGRAM": Repository.program])
        #expect(said.hasSuffix("nothing ordinary reached a candidate\n"))
    }
}
