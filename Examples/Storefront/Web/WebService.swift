import Foundation
import HTTPTypes
import Hummingbird
import NIOCore
import NIOHTTP1

/// What people see: a page, and the API that the page's kind of client uses. All that it knows it asks orders for.
struct WebService: Sendable {
    let orders: Upstream

    func routes() -> Routes {
        Routes { router in
            router.get("/") { _, _ in try await self.page() }
            router.get("/api/products") { _, _ in try await self.relay(.GET, "/products") }
            router.get("/api/products/:sku") { _, context in
                try await self.relay(.GET, "/products/" + Self.segment(context, "sku"))
            }
            router.get("/api/stock/:sku") { _, context in
                let answer = try await self.orders.send(.GET, "/products/" + Self.segment(context, "sku"))
                guard answer.status == 200 else { return Self.answer(answer) }
                let product = try answer.json(Product.self)
                return try JSONAnswer.response(Stock(sku: product.sku, available: product.available))
            }
            router.post("/api/basket") { request, _ in try await self.relay(.POST, "/basket", of: request) }
            router.post("/api/orders") { request, _ in try await self.relay(.POST, "/orders", of: request) }
            router.get("/api/orders/:id") { _, context in
                try await self.relay(.GET, "/orders/" + Self.segment(context, "id"))
            }
            router.delete("/api/orders/:id") { _, context in
                try await self.relay(.DELETE, "/orders/" + Self.segment(context, "id"))
            }
        }
    }

    private struct Stock: Encodable {
        var sku: String
        var available: Int?
    }

    private func page() async throws -> Response {
        let answer = try await self.orders.send(.GET, "/products")
        guard answer.status == 200 else { return Self.answer(answer) }
        let page = WebPage.html(try answer.json(ProductList.self))
        return Response(
            status: .ok, headers: [.contentType: "text/html; charset=utf-8"],
            body: ResponseBody(byteBuffer: ByteBuffer(string: page)))
    }

    private func relay(_ method: HTTPMethod, _ path: String, of request: Request? = nil) async throws -> Response {
        var body: ByteBuffer?
        if let request {
            do {
                body = try await request.body.collect(upTo: 65_536)
            } catch {
                throw Problem(.contentTooLarge, "too_large", "a request's body has 64 KiB at most")
            }
        }
        return Self.answer(try await self.orders.send(method, path, body: body))
    }

    private static func answer(_ answer: Upstream.Answer) -> Response {
        if answer.status == 204 { return Response(status: .noContent) }
        return JSONAnswer.response(bytes: answer.body, status: .init(code: answer.status))
    }

    /// One segment of a path, whatever letters it has.
    private static func segment(_ context: BasicRequestContext, _ name: String) throws -> String {
        let value = try context.parameters.require(name)
        guard let escaped = value.addingPercentEncoding(withAllowedCharacters: .alphanumerics.union(["-", "_"])) else {
            throw Problem.notFound
        }
        return escaped
    }
}
