import ControlAPI
import Foundation
import GloveboxCore
import TestSupport
import Testing

/// Holds `docs/errors.md` against the codes that the sources declare.
@Suite("The documented error codes")
struct ErrorCodesTests {
    @Test("are those of the code, each with the status that the API gives it, in order")
    func codes() throws {
        let rows = try Self.rows()
        let declared = try Self.declared()
        #expect(declared.count >= 50, "they're found at all")
        #expect(rows.map(\.code) == declared.sorted(), "a new code gets a row in docs/errors.md")
        for row in rows {
            let code = GloveboxError.Code(row.code)
            let status = code.httpStatus == 500 && code != .internal ? "–" : "\(code.httpStatus)"
            #expect(row.status == status, "\(row.code)")
            #expect(row.meaning.hasSuffix("."), "\(row.code)")
        }
    }

    private static func rows() throws -> [(code: String, status: String, meaning: String)] {
        let page = String(decoding: try readFile(Repository.file("docs/errors.md")), as: UTF8.self)
        return page.split(separator: "\n").filter { $0.hasPrefix("| `") }.map { line in
            let cells = line.split(separator: "|").map { $0.trimmingCharacters(in: .whitespaces) }
            return (cells[0].trimmingCharacters(in: ["`"]), cells[1], cells[2])
        }
    }

    private static func declared() throws -> Set<String> {
        let codes = /static let `?\w+`? = Self\("([a-z_]+)"\)/
        var found: Set<String> = []
        for file in filesUnder(Repository.file("Sources")) where file.hasSuffix(".swift") {
            let source = String(decoding: try readFile(file), as: UTF8.self)
            for part in source.components(separatedBy: "extension GloveboxError.Code {").dropFirst() {
                let body = part.components(separatedBy: "\n}").first ?? ""
                found.formUnion(body.matches(of: codes).map { String($0.output.1) })
            }
        }
        return found
    }
}
