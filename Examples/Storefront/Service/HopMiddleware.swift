import GloveboxKit
import HTTPTypes
import Hummingbird
import Logging
import Synchronization

/// What those whom a request's handler has called said of the way behind them.
final class Trail: Sendable {
    @TaskLocal static var current: Trail?
    private let answers = Mutex<(served: [String], seen: [String])>(([], []))

    func add(served: String?, seen: String?) {
        self.answers.withLock { answers in
            if let served { answers.served.append(served) }
            if let seen { answers.seen.append(seen) }
        }
    }

    var served: [String] { self.answers.withLock { $0.served } }
    var seen: [String] { self.answers.withLock { $0.seen } }
}

extension HTTPField.Name {
    /// Who has answered, and who behind it: `web@2, orders@1, inventory@1`.
    static let servedBy = Self("x-served-by") ?? .server
    /// The same of those who saw that the request is a test's.
    static let testSeen = Self(TestContext.seenHeader) ?? .server
}

/// Runs each request in the context that it brings, counts it, and says in the answer who served it.
struct HopMiddleware<Context: RequestContext>: RouterMiddleware {
    let settings: ServiceSettings
    let propagation: ContextPropagation
    let metrics: ServiceMetrics

    func handle(
        _ request: Request, context: Context, next: @concurrent (Request, Context) async throws -> Response
    ) async throws -> Response {
        let start = ContinuousClock.now
        let headers = request.headers.map { (name: $0.name.rawName, value: $0.value) }
        return await self.propagation.withContext(of: headers) {
            let trail = Trail()
            var response = await Trail.$current.withValue(trail) { await Self.answer(request, context, next) }
            let own = "\(self.settings.name)@\(self.settings.version)"
            response.headers[.servedBy] = ([own] + trail.served).joined(separator: ", ")
            response.headers[.testSeen] = TestContext.seen(
                by: self.settings.name, version: self.settings.version, after: trail.seen)
            if TestContext.current != nil { response.headers[.cacheControl] = "no-store" }
            if !["/healthz", "/metrics"].contains(request.uri.path) {
                self.metrics.count(
                    status: response.status.code, isMarked: TestContext.current != nil,
                    took: ContinuousClock.now - start)
            }
            return response
        }
    }

    private static func answer(
        _ request: Request, _ context: Context, _ next: @concurrent (Request, Context) async throws -> Response
    ) async -> Response {
        let problem: Problem
        do {
            return try await next(request, context)
        } catch let error as Problem {
            problem = error
        } catch let error as any HTTPResponseError {
            problem =
                error.status == .notFound ? .notFound : Problem(error.status, "invalid_request", "\(error.status)")
        } catch {
            context.logger.error("a request failed", metadata: ["error": "\(error)"])
            problem = Problem(.internalServerError, "internal", "something went wrong here")
        }
        return (try? JSONAnswer.response(ProblemBody(problem), status: problem.status))
            ?? Response(status: problem.status)
    }
}
