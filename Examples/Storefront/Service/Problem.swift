import HTTPTypes

/// What a caller is told instead of an answer.
struct Problem: Error {
    var status: HTTPResponse.Status
    /// Stable, for programs.
    var code: String
    var message: String

    init(_ status: HTTPResponse.Status, _ code: String, _ message: String) {
        self.status = status
        self.code = code
        self.message = message
    }

    static let notFound = Problem(.notFound, "not_found", "there's nothing at this address")

    static func unknown(sku: String) -> Problem { Problem(.notFound, "unknown_product", "there's no product '\(sku)'") }

    static func invalid(_ what: String) -> Problem { Problem(.badRequest, "invalid_request", what) }
}

struct ProblemBody: Codable {
    struct Content: Codable {
        var code: String
        var message: String
    }

    var error: Content

    init(_ problem: Problem) {
        self.error = Content(code: problem.code, message: problem.message)
    }
}
