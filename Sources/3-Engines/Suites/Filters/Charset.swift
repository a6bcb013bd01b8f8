import Glibc

/// Decodes and encodes by the names of encoding.spec.whatwg.org: UTF-8, UTF-16 and windows-1252 here, all others by the C library's
/// `iconv`.
enum Charset {
    /// - Throws: `suite_bad_encoding`, where there's no such name, or the bytes aren't in that encoding.
    static func decoded(_ bytes: [UInt8], label: String) throws(SuiteError) -> String {
        let encoding = try self.encoding(label)
        let text: String?
        switch encoding {
        case "UTF-8":
            text = String(validating: bytes.starts(with: [0xEF, 0xBB, 0xBF]) ? bytes[3...] : bytes[...], as: UTF8.self)
        case "UTF-16LE", "UTF-16BE": text = self.utf16(bytes, isBigEndian: encoding == "UTF-16BE")
        case "CP1252":
            var view = String.UnicodeScalarView()
            for byte in bytes {
                let isOdd = byte >= 0x80 && byte <= 0x9F
                view.append(isOdd ? HTMLText.windows1252[Int(byte) - 0x80] : Unicode.Scalar(byte))
            }
            text = String(view)
        default:
            text = self.converted(bytes, from: encoding, to: "UTF-8").flatMap { String(validating: $0, as: UTF8.self) }
        }
        guard let text else { throw SuiteError(.badEncoding, "the bytes aren't in '\(label.prefix(40))'") }
        return text
    }

    /// - Throws: `suite_bad_encoding`, where there's no such name, or that encoding lacks a character of the text.
    static func encoded(_ text: String, label: String) throws(SuiteError) -> [UInt8] {
        let encoding = try self.encoding(label)
        let bytes: [UInt8]?
        switch encoding {
        case "UTF-8": bytes = Array(text.utf8)
        case "UTF-16LE": bytes = text.utf16.flatMap { [UInt8(truncatingIfNeeded: $0), UInt8($0 >> 8)] }
        case "UTF-16BE": bytes = text.utf16.flatMap { [UInt8($0 >> 8), UInt8(truncatingIfNeeded: $0)] }
        case "CP1252": bytes = self.windows1252(text)
        default: bytes = self.converted(Array(text.utf8), from: "UTF-8", to: encoding)
        }
        guard let bytes else {
            throw SuiteError(.badEncoding, "'\(label.prefix(40))' lacks a character of the text")
        }
        return bytes
    }

    private static func encoding(_ label: String) throws(SuiteError) -> String {
        let trimmed = label.drop { $0.isWhitespace }.lowercased()
        let name = String(trimmed.reversed().drop { $0.isWhitespace }.reversed())
        guard let encoding = self.encodings[name] else {
            throw SuiteError(.badEncoding, "'\(label.prefix(40))' names no encoding")
        }
        return encoding
    }

    private static func windows1252(_ text: String) -> [UInt8]? {
        var bytes: [UInt8] = []
        for scalar in text.unicodeScalars {
            switch scalar.value {
            case 0..<0x80, 0xA0...0xFF: bytes.append(UInt8(scalar.value))
            default:
                guard let index = HTMLText.windows1252.firstIndex(of: scalar) else { return nil }
                bytes.append(UInt8(0x80 + index))
            }
        }
        return bytes
    }

    private static func utf16(_ bytes: [UInt8], isBigEndian: Bool) -> String? {
        guard bytes.count % 2 == 0 else { return nil }
        var units: [UInt16] = []
        for index in stride(from: 0, to: bytes.count, by: 2) {
            let (first, second) = (UInt16(bytes[index]), UInt16(bytes[index + 1]))
            units.append(isBigEndian ? first << 8 | second : second << 8 | first)
        }
        if units.first == 0xFEFF { units.removeFirst() }
        return String(validating: units, as: UTF16.self)
    }

    private static func converted(_ bytes: [UInt8], from: String, to: String) -> [UInt8]? {
        guard let converter = iconv_open(to, from), converter != iconv_t(bitPattern: -1) else { return nil }
        defer { iconv_close(converter) }
        var input = bytes.map { CChar(bitPattern: $0) }
        var output = [CChar](repeating: 0, count: bytes.count * 4 + 16)
        let count = input.withUnsafeMutableBufferPointer { input -> Int? in
            output.withUnsafeMutableBufferPointer { output -> Int? in
                var (from, left) = (input.baseAddress, input.count)
                var (to, room) = (output.baseAddress, output.count)
                guard iconv(converter, &from, &left, &to, &room) != -1, left == 0,
                    iconv(converter, nil, nil, &to, &room) != -1
                else { return nil }
                return output.count - room
            }
        }
        return count.map { output.prefix($0).map { UInt8(bitPattern: $0) } }
    }

    /// The C library's name of each encoding, by its labels.
    private static let encodings: [String: String] = {
        let table: [(String, String)] = [
            ("UTF-8", "utf-8 utf8 unicode-1-1-utf-8 unicode11utf8 unicode20utf8 x-unicode20utf8"),
            ("UTF-16LE", "utf-16 utf-16le ucs-2 iso-10646-ucs-2 csunicode unicode unicodefeff"),
            ("UTF-16BE", "utf-16be unicodefffe"),
            (
                "CP1252",
                "windows-1252 cp1252 x-cp1252 ansi_x3.4-1968 ascii us-ascii iso-8859-1 iso8859-1 iso88591 iso_8859-1 latin1 l1 "
                    + "cp819 ibm819 csisolatin1 iso-ir-100 iso_8859-1:1987"
            ),
            ("CP1250", "windows-1250 cp1250 x-cp1250"), ("CP1251", "windows-1251 cp1251 x-cp1251"),
            ("CP1253", "windows-1253 cp1253 x-cp1253"),
            (
                "CP1254",
                "windows-1254 cp1254 x-cp1254 iso-8859-9 iso8859-9 iso88599 iso_8859-9 latin5 l5 csisolatin5 iso-ir-148"
            ),
            ("CP1255", "windows-1255 cp1255 x-cp1255"), ("CP1256", "windows-1256 cp1256 x-cp1256"),
            ("CP1257", "windows-1257 cp1257 x-cp1257"), ("CP1258", "windows-1258 cp1258 x-cp1258"),
            ("CP874", "windows-874 dos-874 iso-8859-11 iso8859-11 iso885911 tis-620"),
            ("CP866", "ibm866 866 cp866 csibm866"),
            ("ISO-8859-2", "iso-8859-2 iso8859-2 iso88592 iso_8859-2 latin2 l2 csisolatin2 iso-ir-101"),
            ("ISO-8859-3", "iso-8859-3 iso8859-3 iso88593 iso_8859-3 latin3 l3 csisolatin3 iso-ir-109"),
            ("ISO-8859-4", "iso-8859-4 iso8859-4 iso88594 iso_8859-4 latin4 l4 csisolatin4 iso-ir-110"),
            ("ISO-8859-5", "iso-8859-5 iso8859-5 iso88595 iso_8859-5 cyrillic csisolatincyrillic iso-ir-144"),
            (
                "ISO-8859-6",
                "iso-8859-6 iso8859-6 iso88596 iso_8859-6 arabic csisolatinarabic iso-ir-127 asmo-708 ecma-114"
            ),
            (
                "ISO-8859-7",
                "iso-8859-7 iso8859-7 iso88597 iso_8859-7 greek greek8 csisolatingreek iso-ir-126 elot_928 ecma-118"
            ),
            (
                "ISO-8859-8",
                "iso-8859-8 iso8859-8 iso88598 iso_8859-8 hebrew csisolatinhebrew iso-ir-138 visual iso-8859-8-i logical"
            ),
            ("ISO-8859-10", "iso-8859-10 iso8859-10 iso885910 latin6 l6 csisolatin6 iso-ir-157"),
            ("ISO-8859-13", "iso-8859-13 iso8859-13 iso885913"), ("ISO-8859-14", "iso-8859-14 iso8859-14 iso885914"),
            ("ISO-8859-15", "iso-8859-15 iso8859-15 iso885915 iso_8859-15 csisolatin9 l9"),
            ("ISO-8859-16", "iso-8859-16"), ("KOI8-R", "koi8-r koi koi8 koi8_r cskoi8r"), ("KOI8-U", "koi8-u koi8-ru"),
            ("MACINTOSH", "macintosh mac x-mac-roman csmacintosh"), ("MAC-CYRILLIC", "x-mac-cyrillic x-mac-ukrainian"),
            ("GBK", "gbk gb2312 gb_2312 gb_2312-80 chinese csgb2312 csiso58gb231280 iso-ir-58 x-gbk"),
            ("GB18030", "gb18030"), ("BIG5-HKSCS", "big5 big5-hkscs cn-big5 csbig5 x-x-big5"),
            ("EUC-JP", "euc-jp cseucpkdfmtjapanese x-euc-jp"), ("ISO-2022-JP", "iso-2022-jp csiso2022jp"),
            ("CP932", "shift_jis shift-jis sjis x-sjis windows-31j ms932 ms_kanji csshiftjis"),
            (
                "CP949",
                "euc-kr cseuckr korean ks_c_5601-1987 ks_c_5601-1989 ksc5601 ksc_5601 csksc56011987 iso-ir-149 windows-949"
            ),
        ]
        var encodings: [String: String] = [:]
        for (name, labels) in table {
            for label in labels.split(separator: " ") { encodings[String(label)] = name }
        }
        return encodings
    }()
}
