/// One request over plain HTTP to this host, by curl.
package struct LoopbackHTTP: Sendable {
    package var status: Int
    package var headers: String
    package var body: String

    package static func get(_ port: Int, _ path: String, more: [String] = []) async throws -> LoopbackHTTP {
        let result = try await Subprocess.run(
            ["curl", "--silent", "--show-error", "--include", "--max-time", "20"] + more
                + ["http://127.0.0.1:\(port)\(path)"])
        guard result.succeeded, let blank = result.output.firstRange(of: "\r\n\r\n") else {
            throw TestSupportError("curl \(path): \(result.status) \(result.errors)")
        }
        let headers = String(result.output[..<blank.lowerBound])
        guard let status = headers.split(separator: " ").dropFirst().first.flatMap({ Int($0) }) else {
            throw TestSupportError("curl \(path): no status in \(headers)")
        }
        return LoopbackHTTP(status: status, headers: headers, body: String(result.output[blank.upperBound...]))
    }
}
