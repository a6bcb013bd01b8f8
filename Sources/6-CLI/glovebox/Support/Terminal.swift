import ControlAPI
import GloveboxCore

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// What the program writes: results to standard output, everything else to standard error.
enum Terminal {
    static func show(_ text: String) {
        self.write(text + "\n", to: STDOUT_FILENO)
    }

    /// A value as JSON, on lines of its own.
    static func show(json value: some Encodable) throws {
        self.write(String(decoding: try JSONForm.encode(value, pretty: true), as: UTF8.self) + "\n", to: STDOUT_FILENO)
    }

    /// A value as JSON on one line.
    static func show(jsonLine value: some Encodable) throws {
        self.write(String(decoding: try JSONForm.encode(value), as: UTF8.self) + "\n", to: STDOUT_FILENO)
    }

    /// Something for people beside the result.
    static func note(_ text: String) {
        self.write(text + "\n", to: STDERR_FILENO)
    }

    static func complain(_ text: String) {
        self.note("\(self.styled("glovebox:", .complaint, on: STDERR_FILENO)) \(self.harmless(text))")
    }

    /// What a style stands for; how it looks is ECMA-48's "select graphic rendition".
    enum Style: String {
        case heading = "1"
        case complaint = "31"
    }

    private static func styled(_ text: String, _ style: Style, on descriptor: Int32) -> String {
        self.isColored(descriptor) ? "\u{1B}[\(style.rawValue)m\(text)\u{1B}[0m" : text
    }

    static func isColored(_ descriptor: Int32) -> Bool {
        switch Settings.current.color {
        case .always: true
        case .never: false
        case .auto:
            isatty(descriptor) == 1 && (getenv("NO_COLOR").map { $0.pointee == 0 } ?? true)
                && getenv("TERM").map { String(cString: $0) != "dumb" } ?? false
        }
    }

    /// `text` with control characters made visible, so that no record or name can move a terminal's cursor.
    static func harmless(_ text: String) -> String {
        guard text.unicodeScalars.contains(where: Self.isControl) else { return text }
        var result = String.UnicodeScalarView()
        for scalar in text.unicodeScalars {
            if Self.isControl(scalar) {
                result.append(contentsOf: "\\u{\(String(scalar.value, radix: 16))}".unicodeScalars)
            } else {
                result.append(scalar)
            }
        }
        return String(result)
    }

    /// Columns of text, aligned; a heading in capitals.
    static func table(_ headings: [String], _ rows: [[String]]) -> String {
        let lines = [headings.map { $0.uppercased() }] + rows.map { $0.map(self.harmless) }
        let widths = headings.indices.map { column in
            lines.map { column < $0.count ? $0[column].count : 0 }.max() ?? 0
        }
        return lines.enumerated().map { index, line in
            var text = ""
            for (column, cell) in line.enumerated() {
                text += index == 0 ? self.styled(cell, .heading, on: STDOUT_FILENO) : cell
                if column < line.count - 1 { text += String(repeating: " ", count: widths[column] - cell.count + 2) }
            }
            return text
        }.joined(separator: "\n")
    }

    /// Names and values, one a line; those without a value are left out.
    static func fields(_ fields: [(String, String?)]) -> String {
        let present = fields.compactMap { name, value in value.map { (name, $0) } }
        let width = present.map(\.0.count).max() ?? 0
        return present.map { name, value in
            "\(name):\(String(repeating: " ", count: width - name.count + 1))\(self.harmless(value))"
        }.joined(separator: "\n")
    }

    static func write(_ text: String, to descriptor: Int32) {
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { unsafe in
                #if canImport(Glibc)
                    Glibc.write(descriptor, unsafe.baseAddress, unsafe.count)
                #else
                    Darwin.write(descriptor, unsafe.baseAddress, unsafe.count)
                #endif
            }
            if count > 0 {
                rest = rest.dropFirst(count)
            } else if errno != EINTR {
                // Nobody reads any more, which is theirs to decide; anything else is a result that was lost.
                if descriptor == STDOUT_FILENO, errno != EPIPE { endProgram(ExitStatus.failure.rawValue) }
                return
            }
        }
    }

    private static func isControl(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator: true
        default: false
        }
    }
}

extension Timestamp {
    /// To the second, for people.
    var forPeople: String {
        Timestamp(WallTime(nanoseconds: self.wall.nanoseconds / 1_000_000_000 * 1_000_000_000)).description
    }
}
