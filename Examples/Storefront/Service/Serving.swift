import GloveboxKit
import HTTPTypes
import Hummingbird
import Logging

typealias StorefrontRouter = Router<BasicRequestContext>

/// The addresses of one service.
struct Routes {
    var add: (StorefrontRouter) -> Void

    /// Listens on loopback until the process is told to end.
    func serve(_ settings: ServiceSettings, keys: String?) async throws {
        let propagation = try keys.map { try ContextPropagation(keysFile: $0) } ?? ContextPropagation(publicKeys: [])
        let metrics = ServiceMetrics(
            prefix: "storefront", labels: "service=\"\(settings.name)\",version=\"\(settings.version)\"")
        let router = StorefrontRouter()
        router.addMiddleware { HopMiddleware(settings: settings, propagation: propagation, metrics: metrics) }
        router.get("/healthz") { _, _ in "ok\n" }
        router.get("/metrics") { _, _ in
            Response(
                status: .ok, headers: [.contentType: "text/plain; version=0.0.4"],
                body: ResponseBody(byteBuffer: ByteBuffer(string: metrics.page())))
        }
        self.add(router)
        try await Self.listen(router, port: settings.port, name: "\(settings.name)@\(settings.version)")
    }

    static func listen(
        _ router: StorefrontRouter, port: Int, name: String, logging level: Logger.Level = .warning
    ) async throws {
        var logger = Logger(label: "storefront") { StreamLogHandler.standardError(label: $0) }
        logger.logLevel = level
        let application = Application(
            router: router, configuration: .init(address: .hostname("127.0.0.1", port: port), serverName: "storefront"),
            onServerRunning: { _ in Console.say("\(name) listens on 127.0.0.1:\(port)") }, logger: logger)
        try await application.runService()
    }
}
