/// What an OTLP receiver answers (opentelemetry-proto's `docs/specification.md`, "OTLP/HTTP Response").
package enum OTLPAnswer {
    /// An ExportLogsServiceResponse; with a `partial_success` where records were refused.
    package static func response(rejected: Int, message: String, json isJSON: Bool) -> [UInt8] {
        guard isJSON else {
            var out = ProtobufWriter()
            if rejected > 0 {
                out.write(1) { out in
                    out.write(1, varint: UInt64(rejected))
                    out.write(2, bytes: message.utf8)
                }
            }
            return out.bytes
        }
        var out = JSONText()
        out.object { out in
            guard rejected > 0 else { return }
            out.member("partialSuccess") { out in
                out.object { out in
                    out.member("rejectedLogRecords") { $0.write("\(rejected)") }
                    out.member("errorMessage") { $0.write(message) }
                }
            }
        }
        return out.bytes
    }

    /// A google.rpc.Status, which is what stands in any answer of 4xx and 5xx.
    /// - Parameter code: of gRPC, such as 3, INVALID_ARGUMENT.
    package static func status(_ code: Int, _ message: String, json isJSON: Bool) -> [UInt8] {
        guard isJSON else {
            var out = ProtobufWriter()
            out.write(1, varint: UInt64(code))
            out.write(2, bytes: message.utf8)
            return out.bytes
        }
        var out = JSONText()
        out.object { out in
            out.member("code") { $0.write(number: code) }
            out.member("message") { $0.write(message) }
        }
        return out.bytes
    }

    /// How many records a receiver says that it has refused; 0 in what can't be read.
    package static func rejected(protobuf bytes: [UInt8]) -> Int {
        var reader = ProtobufReader(bytes[...])
        while let (number, value) = try? reader.next() {
            guard number == 1, case .bytes(let part) = value else { continue }
            var partial = ProtobufReader(part)
            while let (number, value) = try? partial.next() {
                if number == 1, case .varint(let count) = value { return Int(clamping: count) }
            }
        }
        return 0
    }
}
