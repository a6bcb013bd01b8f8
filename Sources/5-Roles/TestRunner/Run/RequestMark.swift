import Contracts

/// What a run adds to each request: the mark, and a trace of its own.
enum RequestMark {
    /// The member of W3C Baggage that carries a mark.
    static let member = "glovebox"

    /// Whether a request brings a mark of its own.
    static func isForged(_ request: ExchangeRequest) -> Bool {
        request.headers.filter { $0.name.lowercased() == "baggage" }.contains { header in
            header.value.split(separator: ",").contains { member in
                member.prefix { $0 != "=" && $0 != ";" }.filter { $0 != " " && $0 != "\t" } == Self.member
            }
        }
    }

    /// The request with the mark behind what its own baggage says, in one header, and a trace begun here.
    static func marked(_ request: ExchangeRequest, token: String, traceID: String) -> ExchangeRequest {
        var marked = request
        let own = request.headers.filter { $0.name.lowercased() == "baggage" }.map(\.value)
            .filter { $0.contains { $0 != " " && $0 != "\t" } }
        marked.headers.removeAll { ["baggage", "traceparent", "tracestate"].contains($0.name.lowercased()) }
        marked.headers.append(.init("baggage", (own + ["\(Self.member)=\(token)"]).joined(separator: ",")))
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

    /// A text without what any hop's mark might be in it: what an answer says of a baggage is cut there.
    static func masked(_ text: String) -> String {
        var result = text[...]
        var masked = ""
        while let place = result.firstRange(of: "\(Self.member)=") {
            masked += result[..<place.upperBound]
            let rest = result[place.upperBound...]
            let token = rest.prefix { character in
                character.isASCII && (character.isLetter || character.isNumber || "-_.~%+/=".contains(character))
            }
            masked += token.isEmpty ? "" : "***"
            result = rest[token.endIndex...]
        }
        return masked + result
    }
}
