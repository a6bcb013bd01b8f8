import Contracts

/// What a run adds to each request: the mark, and a trace of its own.
enum RequestMark {
    /// The member of W3C Baggage that carries a mark.
    static let member = "glovebox"

    /// Asks an edge to serve the request as a test's or not at all (docs/edge.md).
    static let required = "glovebox-required=1"

    /// Whether a request brings a mark of its own.
    static func isForged(_ request: ExchangeRequest) -> Bool {
        request.headers.filter { $0.name.lowercased() == "baggage" }.contains { header in
            header.value.utf8.split(separator: UInt8(ascii: ",")).contains { member in
                member.prefix { $0 != UInt8(ascii: "=") && $0 != UInt8(ascii: ";") }.filter { $0 != 0x20 && $0 != 0x09 }
                    .elementsEqual(Self.member.utf8)
            }
        }
    }

    /// The request with the mark behind what its own baggage says, in one header, and a trace begun here.
    static func marked(_ request: ExchangeRequest, token: String, traceID: String) -> ExchangeRequest {
        var marked = request
        let own = request.headers.filter { $0.name.lowercased() == "baggage" }.map(\.value)
            .filter { $0.contains { $0 != " " && $0 != "\t" } }
        marked.headers.removeAll { ["baggage", "traceparent", "tracestate"].contains($0.name.lowercased()) }
        marked.headers.append(
            .init("baggage", (own + [Self.required, "\(Self.member)=\(token)"]).joined(separator: ",")))
        marked.headers.append(.init("traceparent", "00-\(traceID)-\(Self.hexadecimal(bytes: 8))-03"))
        return marked
    }

    /// 16 random bytes, in hexadecimal.
    static func traceID() -> String { self.hexadecimal(bytes: 16) }

    /// Never zeros alone, which are no identifier (W3C Trace Context, section 3.2.2).
    private static func hexadecimal(bytes count: Int) -> String {
        var bytes = (0..<count).map { _ in UInt8.random(in: .min ... .max) }
        if bytes.allSatisfy({ $0 == 0 }) { bytes[count - 1] = 1 }
        return bytes.map { $0 < 16 ? "0\(String($0, radix: 16))" : String($0, radix: 16) }.joined()
    }

    /// A text without what any hop's mark might be in it: behind `glovebox=` all that a mark may have is taken out. By
    /// bytes, since a sign that joins the one before it would hide a mark from a search for characters.
    static func masked(_ text: String) -> String {
        let start = Array("\(Self.member)=".utf8)
        var rest = Array(text.utf8)[...]
        var masked: [UInt8] = []
        while let first = rest.first {
            guard rest.starts(with: start) else {
                masked.append(first)
                rest.removeFirst()
                continue
            }
            masked += start
            rest = rest.dropFirst(start.count)
            let token = rest.prefix(while: Self.isOfToken)
            if !token.isEmpty { masked += "***".utf8 }
            rest = rest[token.endIndex...]
        }
        return String(decoding: masked, as: UTF8.self)
    }

    /// Base 64 of either alphabet, in percents perhaps, and what a token may have between its parts.
    private static func isOfToken(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: true
        default: "-_.~%+/=".utf8.contains(byte)
        }
    }
}
