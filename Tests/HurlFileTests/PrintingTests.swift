import HurlFile
import TestSupport
import Testing

@Suite("Hurl files are printed as they were, or in one form")
struct PrintingTests {
    @Test("an unchanged tree prints the very text it was read from", arguments: Samples.all)
    func identity(text: String) throws {
        #expect(try HurlDocument(text).text == text)
    }

    @Test("the one form is read as the same, and is its own form", arguments: Samples.all)
    func formatting(text: String) throws {
        let formatted = try HurlDocument(text).formatted
        let again = try HurlDocument(formatted)
        #expect(again.formatted == formatted)
        #expect(again.text == formatted)
        #expect(try HurlDocument(text).entries.count == again.entries.count)
    }

    @Test("the one form has no indents, one blank between words, short names, and sections in order")
    func form() throws {
        let text = """
              #  why

              POST   http://a.example   # here
              X-A :b
            [FormParams]
             c :  d
            [QueryStringParams]
            e:
            [Options]
            delay :  3
             HTTP/*   200
            [Asserts]
            status   equals  200#now
            cookie  "a[path]"   not   exists
              {{{ x }}}
            """
        let wanted = """
            #  why

            POST http://a.example   # here
            X-A: b
            [Options]
            delay: 3ms
            [Query]
            e:
            [Form]
            c: d
            HTTP 200
            [Asserts]
            status == 200 #now
            cookie "a[Path]" not exists

            """
        let cut = text.split(separator: "\n", omittingEmptySubsequences: false).dropLast().joined(separator: "\n")
        #expect(try HurlDocument(cut).formatted == wanted)
    }

    @Test("a tree that was changed prints the change and leaves the rest")
    func edits() throws {
        var document = try HurlDocument("GET http://a.example # c\n\nHTTP 200\n# end")
        document.entries[0].request.start.content.method = "HEAD"
        document.entries[0].response?.start.content.statusSource = "204"
        #expect(document.text == "HEAD http://a.example # c\n\nHTTP 204\n# end")
    }
}
