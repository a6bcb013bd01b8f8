/// Text for XML and HTML.
enum MarkupText {
    /// For content and for values in double quotes. What XML 1.0 (section 2.2) has no character for is shown by its
    /// number, so that nothing vanishes.
    static func escaped(_ text: String) -> String {
        var result = ""
        result.reserveCapacity(text.utf8.count)
        for scalar in text.unicodeScalars {
            switch scalar {
            case "&": result += "&amp;"
            case "<": result += "&lt;"
            case ">": result += "&gt;"
            case "\"": result += "&quot;"
            case "'": result += "&#39;"
            case "\n", "\t": result.unicodeScalars.append(scalar)
            default:
                switch scalar.value {
                case 0x00...0x1F, 0x7F...0x9F, 0xFFFE, 0xFFFF:
                    result += "\\u{\(String(scalar.value, radix: 16))}"
                default: result.unicodeScalars.append(scalar)
                }
            }
        }
        return result
    }

    /// For a value in double quotes, in which XML takes line ends for blanks.
    static func attribute(_ text: String) -> String {
        var result = ""
        for scalar in self.escaped(text).unicodeScalars {
            switch scalar {
            case "\n": result += "&#10;"
            case "\t": result += "&#9;"
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result
    }
}

/// Seconds as reports have them: with at most three decimals, and no exponent.
func writtenSeconds(_ seconds: Double) -> String {
    let milliseconds = Int64((min(max(seconds, 0), 1e12) * 1_000).rounded())
    let rest = String(milliseconds % 1_000)
    return "\(milliseconds / 1_000).\(String(repeating: "0", count: 3 - rest.count))\(rest)"
}
