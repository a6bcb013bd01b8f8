/// Currencies, and amounts as people write them.
enum Currency: String, Codable, CaseIterable, Sendable {
    case eur = "EUR"
    case jpy = "JPY"
    case usd = "USD"

    /// How many digits the smallest unit has behind the point (ISO 4217).
    var digits: Int { self == .jpy ? 0 : 2 }
}

enum Money {
    /// `1234` cents are `12.34`.
    static func text(_ minor: Int, digits: Int) -> String {
        if digits == 0 { return "\(minor)" }
        let (whole, rest) = minor.quotientAndRemainder(dividingBy: 100)
        return "\(whole).\(rest < 10 ? "0" : "")\(rest)"
    }
}
