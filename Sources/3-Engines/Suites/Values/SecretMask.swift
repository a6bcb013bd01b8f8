/// Texts that nothing which is shown may have in it; in their place stands `***`, as Hurl has it.
///
/// A secret is found as it is, percent-encoded, in a string of JSON, in HTML and in base64 by itself; not inside of
/// anything that's encoded with other text around it.
package struct SecretMask: Hashable, Sendable {
    package static let replacement = "***"

    /// The longest first, so that none is left in parts.
    private var texts: [String] = []

    package init(_ secrets: [String] = []) {
        for secret in secrets { self.add(secret) }
    }

    package mutating func add(_ secret: String) {
        guard !secret.isEmpty else { return }
        let forms = [
            secret, URLText.encoded(secret), URLText.encoded(secret).split(separator: "/").joined(separator: "%2F"),
            SuiteValue.escaped(secret), HTMLText.escaped(secret), Base64Text.encoded(Array(secret.utf8), forURL: false),
            Base64Text.encoded(Array(secret.utf8), forURL: true),
        ]
        for form in forms where !form.isEmpty && !self.texts.contains(where: { $0.isSame(as: form) }) {
            self.texts.append(form)
        }
        self.texts.sort {
            $0.utf8.count == $1.utf8.count
                ? $0.utf8.lexicographicallyPrecedes($1.utf8) : $0.utf8.count > $1.utf8.count
        }
    }

    /// A capture that's to be kept from sight, with all that's in it.
    mutating func add(_ value: SuiteValue) {
        switch value {
        case .list(let items): for item in items { self.add(item) }
        case .object(let members): for member in members { self.add(member.value) }
        case .bytes(let bytes): if let text = String(validating: bytes, as: UTF8.self) { self.add(text) }
        case .null, .boolean, .unit, .nodeset, .regex: break
        case .response(_, let location): if let location { self.add(location) }
        case .number, .string, .date: if let text = value.rendered { self.add(text) }
        }
    }

    package func masked(_ text: String) -> String {
        self.texts.reduce(text) { TextBytes.replacing($1, with: Self.replacement, in: $0) }
    }

    /// Before a value is cut short for a message, since a part of a secret is one too.
    func masked(_ value: SuiteValue) -> SuiteValue {
        guard !self.texts.isEmpty else { return value }
        switch value {
        case .string(let text): return .string(self.masked(text))
        case .bytes(let bytes):
            guard let text = String(validating: bytes, as: UTF8.self) else { return value }
            return .bytes(Array(self.masked(text).utf8))
        case .list(let items): return .list(items.map { self.masked($0) })
        case .object(let members): return .object(members.map { (self.masked($0.name), self.masked($0.value)) })
        case .response(let status, let location):
            return .response(status: status, location: location.map { self.masked($0) })
        case .null, .boolean, .number, .date, .nodeset, .regex, .unit: return value
        }
    }
}

extension SuiteScope {
    /// A value in a message, without secrets.
    func shown(_ value: SuiteValue) -> String { self.secrets.masked(self.secrets.masked(value).shown) }
}
