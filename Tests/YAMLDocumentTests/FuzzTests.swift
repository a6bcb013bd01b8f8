import GloveboxCore
import TestSupport
import Testing
import YAMLDocument

@Suite("Spoiled configuration", .timeLimit(.minutes(10)))
struct FuzzTests {
    private static let document = """
        version: 1
        groups: {oncall: [ada, "bo"]}
        rules:
          - name: oncall-reads   # who
            targets: [shop-*, 'x']
            longest: 1h
            limits: {rows: 10, bytes: 20kB}
          - name: others
            limits: {seconds: 5}
            text: "several words: here"

        """

    @Test("60,000 spoiled documents are read, or refused in one line with a place")
    func spoiled() throws {
        let fuzzing = Fuzzing("configuration")
        var (read, refused) = (0, 0)
        try fuzzing.run(60_000) { generator in
            let text = String(decoding: generator.spoiled(Array(Self.document.utf8)), as: UTF8.self)
            do throws(GloveboxError) {
                let root = try YAMLNode(yaml: text, file: "f.yaml")
                _ = try root.mapping("version", "groups", "rules")
                read += 1
            } catch {
                refused += 1
                guard error.message.hasPrefix("f.yaml:"), !error.message.contains("\n") else {
                    throw TestSupportError("it's told as \(error.message.debugDescription)")
                }
            }
        }
        guard !fuzzing.isSingle else { return }
        #expect(read > 2000 && refused > 2000, "\(read) read, \(refused) refused")
    }
}
