/// A case's name as marks, services' logs and files have it: 1 to 63 letters, digits, `-`, `_` and `.`.
enum CaseWord {
    static func of(_ name: String) -> String {
        var word = ""
        for byte in name.utf8 {
            switch byte {
            case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, UInt8(ascii: "_"):
                word.unicodeScalars.append(Unicode.Scalar(byte))
            case UInt8(ascii: ".") where !word.isEmpty: word += "."
            default: if !word.isEmpty, !word.hasSuffix("-") { word += "-" }
            }
        }
        while word.hasSuffix("-") { word.removeLast() }
        return word.isEmpty ? "case" : String(word.prefix(63))
    }
}
