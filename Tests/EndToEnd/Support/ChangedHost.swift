import Glibc
import TestSupport

/// A change as `--json` shows it.
struct ChangeOfHost: Decodable, Sendable {
    struct Item: Decodable, Sendable {
        var kind: String
        var key: String
        var parameters: [String: String]?
        var changedSinceBy: String?
        var isChangedOutside: Bool?
    }

    struct Failure: Decodable, Sendable {
        var code: String
        var message: String
    }

    var id: String
    var state: String
    var lease: String
    var target: String
    var cause: String?
    var failure: Failure?
    var changes: [Item]
}

struct RollbackOfHosts: Decodable, Sendable {
    var isPreview: Bool
    var changes: [ChangeOfHost]
}

/// Gateway and agent apart, with a host to change: a service whose version a runbook deploys, files, and a small server that
/// takes calls.
final class ChangedHost: Sendable {
    let apart: Apart
    let folder: String
    /// What answers the calls.
    let receiver: RunningProcess
    private let files: TemporaryFolder

    var shop: Installation { self.apart.shop }
    var admin: Person { self.shop.admin }

    /// `shop FOLDER version | runs VERSION | deploy VERSION`
    private static let program = """
        #!/bin/sh
        cd "$1" || exit 9
        case "$2" in
        version) cat version ;;
        runs) [ "$(cat version)" = "$3" ] ;;
        deploy)
            if [ -f murder ]; then rm murder; kill -9 $PPID; sleep 60; fi
            n=$(cat failures 2>/dev/null || echo 0)
            if [ "$n" -gt 0 ]; then echo $((n - 1)) >failures; echo "no room"; exit 3; fi
            if [ "$3" = broken ]; then echo "can't"; exit 4; fi
            echo "$3" >version.new && mv version.new version
            echo "$3" >>history
            echo "deployed $3 for ada.lovelace@example.com"
            ;;
        esac

        """

    private static let receiverProgram = """
        import http.server, sys
        class Handler(http.server.BaseHTTPRequestHandler):
            def answer(self, status):
                self.rfile.read(int(self.headers.get("Content-Length", 0)))
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()
            def state(self): return open(sys.argv[1]).read().split(" ")[0]
            def put(self, text): open(sys.argv[1], "w").write(text)
            def do_GET(self): self.answer(200 if self.path == "/drained/" + self.state() and self.state() else 404)
            def do_PUT(self):
                self.put(self.path.split("/")[-1] + " " + self.headers["Authorization"])
                self.answer(201)
            def do_DELETE(self):
                self.put("")
                self.answer(204)
            def log_message(self, *arguments): pass
        server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
        print(f"port {server.server_port}", flush=True)
        server.serve_forever()
        """

    private static let flags = """
        {"flags": {
          "checkout": {"state": "ENABLED", "variants": {"old": "v1", "new": "v2"}, "defaultVariant": "old"}
        }}
        """

    /// - Parameters:
    ///   - mayKeep: whether the ceiling lets changes be kept.
    ///   - ruleKeeps: whether the policy's rule of the host does; that of the flags does always.
    init(proxy: TunnelProxy? = nil, mayKeep: Bool = true, ruleKeeps: Bool = true) async throws {
        let files = try TemporaryFolder()
        // A path without links in it, as files are named.
        let folder = files.file("changed")
        try files.write("changed/shop", Self.program)
        chmod("\(folder)/shop", 0o755)
        try files.write("changed/version", "v1\n")
        try files.write("changed/a.conf", "what stood there")
        try files.write("changed/secret.txt", "never changed")
        try files.write("changed/drained", "")
        try files.write("changed/token", "sesame\n")
        chmod("\(folder)/token", 0o600)
        symlink("\(folder)/secret.txt", "\(folder)/link.conf")
        let server = try RunningProcess(["python3", "-I", "-u", "-c", Self.receiverProgram, "\(folder)/drained"])
        try await server.printed("port ")
        let port = server.output.split(separator: "\n").first.map { $0.dropFirst(5) } ?? "0"
        self.files = files
        self.folder = folder
        self.receiver = server
        let configure: (Installation) throws -> Void = { shop in
            try shop.addToAgent("agent.yaml", Self.target(folder, port: String(port)))
            try shop.addToAgent(
                "ceiling.yaml",
                """
                  shop-host:
                    capabilities: [change]
                    longest: 1h
                    keep: \(mayKeep)
                    runbooks: [deploy, release, nowhere]
                    calls: [drain, elsewhere]
                    files: ["\(folder)/*.conf"]
                    urls: ["http://127.0.0.1:\(port)/drained/"]

                """)
            try shop.write("flags.json", Self.flags)
            try shop.write(
                "gateway.yaml",
                Configuration.gateway(shop.ports) + "flags:\n  - name: shop-flags\n    file: flags.json\n")
            try shop.write(
                "policy.yaml",
                Configuration.policy + """
                      - name: host-changes
                        identities: [admin]
                        targets: [shop-host]
                        capabilities: [change]
                        longest: 1h
                        keep: \(ruleKeeps)
                      - name: flag-changes
                        identities: [admin]
                        targets: [shop-flags]
                        capabilities: [change]
                        longest: 1h
                        keep: true

                    """)
        }
        self.apart = try await Apart(proxy: proxy, configure: configure)
        try await self.shop.untilOnline("shop-host")
    }

    private static func target(_ folder: String, port: String) -> String {
        """
          shop-host:
            kind: host
            runbooks:
              deploy:
                parameters: {version: {type: word}}
                former: ["\(folder)/shop", "\(folder)", version]
                check: ["\(folder)/shop", "\(folder)", runs, "{version}"]
                apply: ["\(folder)/shop", "\(folder)", deploy, "{version}"]
                undo: ["\(folder)/shop", "\(folder)", deploy, "{former}"]
                timeout: 20s
              release:
                parameters: {version: {type: word}}
                former: ["\(folder)/shop", "\(folder)", version]
                apply: ["\(folder)/shop", "\(folder)", deploy, "{version}"]
                undo: ["\(folder)/shop", "\(folder)", deploy, "{former}"]
                timeout: 20s
              forbidden:
                apply: [/bin/true]
                undo: [/bin/true]
            calls:
              drain:
                parameters: {node: {type: word}}
                check: {url: "http://127.0.0.1:\(port)/drained/{node}"}
                apply: {method: PUT, url: "http://127.0.0.1:\(port)/drained/{node}", body: '{{"why": "test"}'}
                undo: {method: DELETE, url: "http://127.0.0.1:\(port)/drained/{node}", status: [204, 404]}
                credential: {file: "\(folder)/token"}
              elsewhere:
                apply: {url: "http://127.0.0.1:\(port)/other"}
                undo: {url: "http://127.0.0.1:\(port)/other"}

        """
    }

    /// - Parameter lease: a given one; otherwise one is opened for each target.
    func tryApply(
        _ changes: String, on targets: [String] = ["shop-host"], for duration: String = "10m",
        under lease: String? = nil
    ) async throws -> Subprocess.Result {
        let file = self.files.file("changes.yaml")
        let indented = changes.split(separator: "\n").map { "  \($0)" }.joined(separator: "\n")
        try writeFile(file, Array("title: a test\nchanges:\n\(indented)\n".utf8))
        let host = lease.map { ["--lease", $0] } ?? (targets.count == 1 ? ["--target", targets[0]] : [])
        return try await self.admin.glovebox(
            ["change", "apply", file, "--for", duration, "--json"] + host, timeout: .seconds(150))
    }

    func apply(
        _ changes: String, on targets: [String] = ["shop-host"], for duration: String = "10m"
    ) async throws -> ChangeOfHost {
        let result = try await self.tryApply(changes, on: targets, for: duration)
        guard result.succeeded else { throw TestSupportError("change apply: \(result.errors)") }
        return try decode(ChangeOfHost.self, from: result.standardOutput)
    }

    func untilState(_ id: String, _ state: String) async throws {
        try await eventually(timeout: .seconds(90), "change \(id) \(state)") {
            try await self.admin.ask(ChangeOfHost.self, "change", "show", id).state == state
        }
    }

    func variant() async throws -> String? {
        struct Explained: Decodable { var variant: String? }
        return try await self.admin.ask(Explained.self, "flag", "explain", "checkout").variant
    }

    func read(_ name: String) throws -> String {
        String(decoding: try readFile("\(self.folder)/\(name)"), as: UTF8.self)
    }

    var version: String {
        get throws { String(try self.read("version").dropLast()) }
    }

    /// What was deployed, in order.
    var history: [String] {
        get throws {
            guard access("\(self.folder)/history", F_OK) == 0 else { return [] }
            return try self.read("history").split(separator: "\n").map(String.init)
        }
    }

    /// What the agent hasn't done with.
    func journal() async throws -> [String] {
        try await Subprocess.run(["ls", "\(self.shop.agentState)/agent/changes"]).output.split(separator: "\n")
            .map(String.init)
    }

    func mode(_ name: String) throws -> UInt32 {
        var status = stat()
        guard stat("\(self.folder)/\(name)", &status) == 0 else { throw TestSupportError("there is no \(name)") }
        return UInt32(status.st_mode & 0o7777)
    }

    func stop() async {
        for process in [self.apart.agent, self.apart.gateway, self.receiver] { await self.apart.kill(process) }
    }
}
