import ControlAPI

/// Which endpoint a request is for.
enum Route: Equatable {
    case endpoint(Endpoint, id: String?)
    /// The path is known, but not with this method.
    case otherMethod(allowed: [Endpoint.Method])
    case unknown

    private static let templates = Endpoint.allCases.map { endpoint in
        (endpoint, endpoint.path.split(separator: "/", omittingEmptySubsequences: false))
    }
    private static let literals = Set(Endpoint.allCases.map(\.path))

    init(method: String, path: String) {
        let segments = path.split(separator: "/", omittingEmptySubsequences: false)
        var allowed: [Endpoint.Method] = []
        for (endpoint, template) in Self.templates where template.count == segments.count {
            // A path that's there word for word is no other's with an identifier in it (OpenAPI 3.1, section 4.8.8).
            if Self.literals.contains(path), endpoint.path != path { continue }
            var id: String?
            let matches = zip(template, segments).allSatisfy { expected, segment in
                guard expected == "{id}" else { return expected == segment }
                id = percentDecoded(segment)
                return id?.isEmpty == false
            }
            guard matches else { continue }
            if endpoint.method.rawValue == method {
                self = .endpoint(endpoint, id: id)
                return
            }
            allowed.append(endpoint.method)
        }
        self = allowed.isEmpty ? .unknown : .otherMethod(allowed: allowed)
    }
}

/// `text` with `%XX` resolved; `nil` when it's malformed or not UTF-8.
func percentDecoded(_ text: some StringProtocol) -> String? {
    var bytes: [UInt8] = []
    var rest = Array(text.utf8)[...]
    while let byte = rest.popFirst() {
        guard byte == UInt8(ascii: "%") else {
            bytes.append(byte)
            continue
        }
        guard let high = rest.popFirst().flatMap(hexDigit), let low = rest.popFirst().flatMap(hexDigit) else {
            return nil
        }
        bytes.append(high << 4 | low)
    }
    return String(validating: bytes, as: UTF8.self)
}

private func hexDigit(_ byte: UInt8) -> UInt8? {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
    case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
    case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
    default: nil
    }
}
