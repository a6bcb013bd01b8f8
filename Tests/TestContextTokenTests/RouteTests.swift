import GloveboxCore
import TestContextToken
import Testing

@Suite("Where a token may be used")
struct RouteTests {
    @Test(
        "a route takes what's under its path, and nothing that a server might take for another",
        arguments: [
            ("/orders", true), ("/orders/", true), ("/orders/7/items", true), ("/orders?x=/../", true),
            ("/orders/%41", true),
            ("/orders2", false), ("/order", false), ("/", false), ("", false), ("orders", false), ("//orders", false),
            ("/Orders", false), ("/orders/../admin", false), ("/orders/./x", false), ("/orders/..", false),
            ("/orders/%2e%2E/admin", false), ("/orders/.%2e/admin", false), ("/orders/..;x=1/admin", false),
            ("/orders/..%2fadmin", false), ("/orders%2F..%2Fadmin", false), ("/orders/..\\admin", false),
            ("/orders/%5c..", false), ("/orders/%00", false), ("/orders/%", false), ("/orders/%4", false),
            ("/orders/%zz", false),
            ("/orders/%+1", false), ("/orders/a..b/.c", true), ("http://x/orders", false),
        ])
    func paths(_ path: String, _ isTaken: Bool) throws {
        #expect(try TestContextRoute(path: "/orders").takes(host: "any", path: path) == isTaken)
        #expect(try TestContextRoute(path: "/").takes(host: "any", path: path) == path.hasPrefix("/"))
    }

    @Test(
        "a host is the same in any letters and at any port; a path that ends with a slash takes what's under it alone")
    func hosts() throws {
        let route = try TestContextRoute(host: "shop.example", path: "/a/")
        for host in ["shop.example", "SHOP.Example", "shop.example:8443", "shop.example:"] {
            #expect(route.takes(host: host, path: "/a/b"), "\(host)")
        }
        for host in ["", "example", "shop.example.evil", "xshop.example", "shop.example:80x", "[shop.example]"] {
            #expect(!route.takes(host: host, path: "/a/b"), "\(host)")
        }
        #expect(!route.takes(host: "shop.example", path: "/a") && route.takes(host: "shop.example", path: "/a/"))
        let six = try TestContextRoute(host: "[::1]", path: "/")
        #expect(six.takes(host: "[::1]:80", path: "/") && six.takes(host: "[::1]", path: "/"))
        for (host, path) in [
            ("Shop", "/"), ("", "/"), ("a:80", "/"), (nil, ""), (nil, "a"), (nil, "/../a"), (nil, "/a?b"),
        ] as [(String?, String)] {
            #expect(throws: GloveboxError.self) { try TestContextRoute(host: host, path: path) }
        }
    }

    @Test("a token's methods and routes are held to, one as the other")
    func checks() throws {
        let context = try TokenFixture.context()
        func refusal(_ method: String, _ host: String, _ path: String) -> TestContextRefusal? {
            do throws(TestContextRefusal) {
                try context.check(method: method, host: host, path: path)
                return nil
            } catch {
                return error
            }
        }
        #expect(refusal("GET", "any", "/orders/1") == nil && refusal("POST", "shop.example", "/cart") == nil)
        #expect(
            refusal("DELETE", "any", "/orders/1") == .methodNotAllowed
                && refusal("get", "any", "/orders") == .methodNotAllowed)
        #expect(refusal("GET", "any", "/cart") == .routeNotAllowed)
        #expect(["GET", "HEAD", "OPTIONS", "TRACE"].allSatisfy { !IngressContext.isWriting($0) })
        #expect(["POST", "PUT", "PATCH", "DELETE", "get", "X"].allSatisfy(IngressContext.isWriting))
    }
}
