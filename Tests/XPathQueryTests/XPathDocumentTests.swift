import GloveboxCore
import TestSupport
import Testing
import XPathQuery

@Suite("XPath 1.0 over XML and HTML")
struct XPathDocumentTests {
    private static let xml =
        #"<?xml version="1.0"?><feed xmlns="urn:f" xmlns:m="urn:m"><entry id="1"><m:price>1.5</m:price>é</entry><entry/></feed>"#
    private static let html =
        #"<html><head><title>a &amp; b</title><meta charset=latin1></head><body><p>one<p>two &nbsp;é<br></body>"#

    @Test(
        "each kind of result, worked out by hand",
        arguments: [
            ("//_:entry", .nodes(2)), ("//entry", .nodes(0)), ("count(//_:entry)", .number(2)),
            ("string(//_:entry[1]/@id)", .string("1")), ("number(//m:price) + 1", .number(2.5)),
            ("boolean(//m:price)", .boolean(true)), ("//_:entry[2]/@id", .nodes(0)),
            ("normalize-space(//_:entry/text())", .string("é")), ("name(/*)", .string("feed")),
            ("'a' = 'b'", .boolean(false)), ("//@id | //m:price", .nodes(2)),
        ] as [(String, XPathDocument.Value)])
    func xml(_ expression: String, _ value: XPathDocument.Value) throws {
        #expect(try XPathDocument(Self.xml, .xml).value(expression) == value)
    }

    @Test(
        "HTML as it's written by people",
        arguments: [
            ("//p", .nodes(2)), ("string(//title)", .string("a & b")), ("string(//p[2])", .string("two \u{A0}é")),
            ("//br", .nodes(1)), ("string(//meta/@charset)", .string("latin1")), ("count(/html/body/p)", .number(2)),
        ] as [(String, XPathDocument.Value)])
    func html(_ expression: String, _ value: XPathDocument.Value) throws {
        #expect(try XPathDocument(Self.html, .html).value(expression) == value)
    }

    @Test(
        "what isn't XPath is an error, and the next query goes on",
        arguments: ["", "//", "^^", "nope(1)", "//x:y", "$v", "1 +"])
    func invalid(_ expression: String) throws {
        let document = try XPathDocument(Self.xml, .xml)
        let error = #expect(throws: GloveboxError.self) { try document.value(expression) }
        #expect(error?.code == .xpathInvalid)
        #expect(try document.value("count(//_:entry)") == .number(2))
    }

    @Test("what isn't a document is none", arguments: ["", " ", "??", "<a>", "<a></b>", "{}", "<a/><b/>"])
    func notXML(_ text: String) {
        let error = #expect(throws: GloveboxError.self) { try XPathDocument(text, .xml) }
        #expect(error?.code == .xpathBadDocument)
    }

    @Test("entities are neither fetched nor written out")
    func entities() throws {
        let folder = try TemporaryFolder()
        let path = try folder.write("secret", "s3cret")
        for subset in [
            "<!ENTITY x SYSTEM \"file://\(path)\">", "<!ENTITY x \"boom\">",
            "<!ENTITY a \"aaaaaaaaaa\"><!ENTITY x \"&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;\">",
        ] {
            let error = #expect(throws: GloveboxError.self, "\(subset)") {
                try XPathDocument("<!DOCTYPE r [\(subset)]><r>&x;</r>", .xml)
            }
            #expect(error?.code == .xpathBadDocument)
        }
        // A DTD of elsewhere is left where it is.
        let external = try XPathDocument("<!DOCTYPE r SYSTEM \"file://\(path)\"><r>a</r>", .xml)
        #expect(try external.value("string(/r)") == .string("a"))
        #expect(throws: GloveboxError.self) { try external.value("document('file://\(path)')") }
    }

    @Test("work is bounded")
    func bounds() throws {
        let items = String(repeating: "<i/>", count: 20_000)
        let document = try XPathDocument("<r>\(items)</r>", .xml)
        for expression in ["count(//i[count(//i[count(//i) > 0]) > 0])", "1" + String(repeating: "+1", count: 3_000)] {
            let error = #expect(throws: GloveboxError.self) { try document.value(expression) }
            #expect(error?.code == .xpathTooLarge)
        }
        let deep = String(repeating: "(", count: 4_000) + "1"
        #expect(throws: GloveboxError.self) { try document.value(deep) }
        let nested = String(repeating: "<a>", count: 100_000)
        #expect(throws: GloveboxError.self) { try XPathDocument(nested, .xml) }
    }

    @Test("whatever comes is a document or isn't, and has an answer or none")
    func fuzzed() throws {
        let seeds = [Array(Self.xml.utf8), Array(Self.html.utf8)]
        try Fuzzing("documents").run(1_000) { generator in
            let text = String(decoding: generator.spoiled(seeds[generator.place(in: 2)]), as: UTF8.self)
            for format in [XPathDocument.Format.xml, .html] {
                guard let document = try? XPathDocument(text, format) else { continue }
                let expression = generator.spoiled(Array("count(//_:entry[@id='1']/m:price | //p) + 1".utf8))
                _ = try? document.value(String(decoding: expression, as: UTF8.self))
            }
        }
    }
}
