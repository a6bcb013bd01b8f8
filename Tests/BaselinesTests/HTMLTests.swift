import Baselines
import JSONDocument
import Testing

@Suite("HTML")
struct HTMLTests {
    private func tree(_ html: String) -> String { HTMLTree.json(Array(html.utf8)).printed() }

    private func page(_ html: String) -> ObservedAnswer { ShopAnswers.answer(bytes: Array(html.utf8), "text/html") }

    private func lines(_ expected: String, _ actual: String) -> [String] {
        DiffTests.diff(self.page(expected), self.page(actual)).map(\.description)
    }

    @Test(
        "a page is a tree whatever it leaves out",
        arguments: [
            (
                "<p class='a b' id=x>one <b>two</b> three",
                #"{"p.a":[{"@class":"a b","@id":"x","text()":"one three","b":[{"text()":"two"}]}]}"#
            ),
            ("<UL><LI>1<LI>2</UL>", #"{"ul":[{"li":[{"text()":"1"},{"text()":"2"}]}]}"#),
            (
                "<table><tr><td>a<td class=n>b</table>",
                #"{"table":[{"tr":[{"td:1":{"text()":"a"},"td.n":{"@class":"n","text()":"b"},"order()":"td:1 td.n"}]}]}"#
            ),
            ("<br><img src=a.png/>x", #"{"text()":"x","br":[{}],"img":[{"@src":"a.png/"}],"order()":"br img"}"#),
            ("<!doctype html><!-- <p> --><title>a &amp; b &#x20AC;&lt;</title>", #"{"title":{"text()":"a & b €<"}}"#),
            (
                "<script>if (a<b) '</p>'</SCRIPT><p>x",
                #"{"script":[{"text()":"if (a<b) '</p>'"}],"p":[{"text()":"x"}],"order()":"script p"}"#
            ),
            ("a < b </ > & <3", #"{"text()":"a < b & <3"}"#), ("</div></p>x", #"{"text()":"x"}"#),
            ("<a href=\"x", #"{"a":[{"@href":"x"}]}"#),
            ("<p a a=2 a=3>", #"{"p":[{"@a":""}]}"#), ("<", #"{"text()":"<"}"#), ("", "{}"),
        ])
    func trees(_ html: String, _ tree: String) { #expect(self.tree(html) == tree) }

    @Test("pages that look alike are alike, whatever their white space, order of attributes and case")
    func alike() {
        #expect(self.lines("<P  class=a id='b'>x\n y</P>", "<p id=b class=\"a\">x y\n</p>").isEmpty)
    }

    @Test(
        "elements, attributes and texts differ each for themselves",
        arguments: [
            ("<p>a</p>", "<p>b</p>", ["/p[*]/text(): \"a\" is expected, \"b\" came"]),
            ("<a href=x>a</a>", "<a href=y>a</a>", ["/a[*]/@href: \"x\" is expected, \"y\" came"]),
            ("<ul><li>a<li>b</ul>", "<ul><li>a</ul>", ["/ul[*]/li[*]: an element is missing: {\"text()\":\"b\"}"]),
            ("<p>a</p><h1>b</h1>", "<h1>b</h1><p>a</p>", ["/order(): \"p h1\" is expected, \"h1 p\" came"]),
            ("<ul><li>a<li>b</ul>", "<ul><li>b<li>a</ul>", ["/ul[*]/li[*]: has its elements in another order"]),
        ])
    func differences(_ expected: String, _ actual: String, _ lines: [String]) {
        // The list's own path is said of a list.
        let lines = lines.map { $0.replacing("/li[*]: has its", "/li: has its") }
        #expect(self.lines(expected, actual) == lines)
    }

    @Test("a hundred thousand open elements are a tree that's no deeper than others")
    func deep() {
        let tree = HTMLTree.json(Array(String(repeating: "<div>", count: 100_000).utf8))
        var depth = 0
        var value = tree
        while let next = value["div"]?[0] {
            depth += 1
            value = next
        }
        #expect(depth == 101)
    }
}

extension String {
    fileprivate func replacing(_ text: String, _ other: String) -> String {
        guard self.hasSuffix("another order"), let range = self.firstRange(of: text) else { return self }
        return self[..<range.lowerBound] + other + self[range.upperBound...]
    }
}
