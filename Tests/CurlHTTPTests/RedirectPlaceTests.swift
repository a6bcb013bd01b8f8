import CurlHTTP
import Testing

@Suite("Where libcurl would send a request")
struct RedirectPlaceTests {
    @Test(
        "is read by libcurl itself, whatever a URL looks like",
        arguments: [
            ("http://u:p@Shop.Example:8080/a/../b?x#y", "shop.example", "/b"),
            ("http://shop.example@evil.example/x", "evil.example", "/x"),
            ("https://shop.example", "shop.example", "/"),
            ("http://[::1]:80/a b", "[::1]", "/a%20b"),
        ])
    func place(_ url: String, _ host: String, _ path: String) throws {
        let place = try #require(Redirect.place(of: url))
        #expect(place.host == host && place.path == path)
    }

    @Test("keeps its path where that's asked for")
    func asIs() throws {
        #expect(try #require(Redirect.place(of: "http://a/b/../c", keepsPathAsIs: true)).path == "/b/../c")
    }

    @Test("is nowhere for what's no URL of the web", arguments: ["", "nowhere", "http://", "/a/b"])
    func nowhere(_ url: String) {
        #expect(Redirect.place(of: url) == nil)
    }
}
