import Glibc
import TestSupport
import Testing

/// schemathesis makes requests of the document that the gateway serves, right and wrong ones, and holds the answers against
/// it: no failure of the gateway's, no answer that the document doesn't have, nothing without a token that needs one.
@Suite("The API against its own document", .timeLimit(.minutes(10)))
struct SchemathesisTests {
    /// Not held against: what a document can't say (which code is right, which policy allows), and so whether a request that
    /// looks right is taken; and schemathesis' own probe of wrong tokens, of which it makes so many that it's locked out, which
    /// it doesn't take for an answer. ``strangers`` asks without a token instead.
    private static let leftOut = "positive_data_acceptance,ignored_auth"

    /// Each operation that needs a token, asked the same again without it.
    private static let strangers = """
        import os
        import requests
        import schemathesis

        refused = set()

        @schemathesis.check
        def strangers_are_refused(ctx, response, case):
            name = case.operation.label
            # A request may be of another method or path than its operation, to see what comes.
            if name in refused or response.status_code == 405 or not case.operation.definition.raw["security"]:
                return
            request = response.request.copy()
            request.headers.pop("Authorization", None)
            with requests.Session() as session:
                answer = session.send(request, verify=os.environ["AUTHORITY"], timeout=20)
            assert answer.status_code in (401, 404), f"{name} answers a stranger with {answer.status_code}"
            if answer.status_code == 401:
                refused.add(name)
                with open(os.environ["REFUSED"], "a") as file:
                    print(name, file=file)

        """

    @Test("whatever schemathesis asks is answered as the document says")
    func conformance() async throws {
        let program = Repository.file(".build-venv/bin/schemathesis")
        try #require(access(program, X_OK) == 0, "schemathesis isn't installed: run 'scripts/install-packages test'")
        let shop = try await Installation.make(customers: 1)
        let up = try await shop.up()
        // A lease and a record or two, for what is asked about by name.
        let lease = try await shop.admin.openLease()
        #expect(try await lease.rows("SELECT 1") == "1")
        let token = try await shop.token("schemathesis", "--role", "admin")
        let settings = "\(shop.root)/schemathesis.toml"
        try writeFile(
            settings,
            Array(
                """
                headers = { Authorization = "Bearer ${API_TOKEN}" }
                rate-limit = "45/s"
                request-timeout = 20
                generation.database = "none"
                checks.missing_required_header.expected-statuses = [428]
                checks.negative_data_rejection.expected-statuses = [400, 401, 403, 404, 405, 406, 409, 413, 415, 422, 428, 429]

                """.utf8), mode: 0o600)
        let (hooks, log) = ("\(shop.root)/strangers.py", "\(shop.root)/refused")
        try writeFile(hooks, Array(Self.strangers.utf8), mode: 0o600)
        let depth =
            Repository.runsAllTests
            ? ["--phases", "examples,coverage,fuzzing,stateful", "--max-examples", "100"]
            // Each field's bounds and kinds of wrong value; drawn at random with --all alone, which takes minutes.
            : ["--phases", "examples,coverage", "--max-examples", "1"]
        let result = try await Subprocess.run(
            [
                program, "--no-color", "--config-file", settings, "run", "\(shop.gatewayAddress)/v1/openapi.json",
                "--tls-verify", "\(shop.admin.home)/ca.pem", "--exclude-checks", Self.leftOut, "--seed", "4",
                "--no-shrink",
            ] + depth,
            environment: [
                "PATH": "/usr/bin:/bin", "HOME": shop.root, "API_TOKEN": token, "LC_ALL": "C.UTF-8",
                "SCHEMATHESIS_HOOKS": hooks, "AUTHORITY": "\(shop.admin.home)/ca.pem", "REFUSED": log,
            ],
            folder: shop.root, timeout: .seconds(590))
        // Bodies may be lines of a hundred thousand letters.
        let told = result.output.split(separator: "\n").map { $0.prefix(400) }.joined(separator: "\n")
        #expect(result.status == 0, "\(told.suffix(12_000))\n\(result.errors.suffix(2000))")
        let refused = String(decoding: try readFile(log), as: UTF8.self).split(separator: "\n").map(String.init)
        let closed = try Self.closedOperations()
        #expect(Set(refused) == closed, "all that aren't open to anyone")
        #expect(!up.errors.contains("code=internal"), "\(up.errors.suffix(2000))")
        #expect(try await shop.admin.glovebox(["whoami"]).status == 0, "the gateway still serves")
        up.signal(SIGTERM)
        #expect(await up.finished())
    }
    /// What the document asks a certificate or a token for, as schemathesis calls it.
    private static func closedOperations() throws -> Set<String> {
        let document = try decode(
            JSON.self, from: readFile(Repository.file("Sources/2-Codecs/APIDocument/openapi.json")))
        let paths = document["paths"]
        return Set(
            (paths?.keys ?? []).flatMap { path in
                let methods = paths?[path]
                return (methods?.keys ?? []).filter { methods?[$0]?["security"]?.array?.isEmpty == false }
                    .map { "\($0.uppercased()) \(path)" }
            })
    }
}
