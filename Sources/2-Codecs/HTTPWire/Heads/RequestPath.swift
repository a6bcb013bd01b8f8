/// A path's one spelling, by which routes are found (RFC 3986, 6.2.2). What's sent on is what came.
package enum RequestPath {
    /// Refuses what a service behind might read as another path than a route sees: escapes that aren't, an escaped NUL,
    /// backslashes, and segments `.` and `..`, escaped or not, which clients resolve before they send.
    static func check(_ bytes: UnsafeRawBufferPointer, _ path: RequestHead.Place) throws(HTTPRefusal) {
        var at = path.at
        // Of the segment so far: how many dots it is, or that it's something else.
        var dots = 0
        var isDots = true
        func isRelative() -> Bool { isDots && (dots == 1 || dots == 2) }
        while at < path.end {
            var byte = bytes[at]
            var isEscaped = false
            if byte == UInt8(ascii: "%") {
                guard at + 2 < path.end, let high = bytes[at + 1].hexadecimal, let low = bytes[at + 2].hexadecimal
                else { throw HTTPRefusal(.targetInvalid) }
                byte = high << 4 | low
                isEscaped = true
                at += 2
            }
            at += 1
            guard byte >= 0x20, byte != 0x7F, byte != UInt8(ascii: "\\") else { throw HTTPRefusal(.targetInvalid) }
            switch byte {
            // An escaped slash and a parameter end a segment for some who read it.
            case UInt8(ascii: "/"), UInt8(ascii: ";"):
                guard !isRelative() else { throw HTTPRefusal(.targetInvalid) }
                if byte == UInt8(ascii: "/") || !isEscaped { (dots, isDots) = (0, true) }
            case UInt8(ascii: "."): dots += 1
            default: isDots = false
            }
        }
        guard !isRelative() else { throw HTTPRefusal(.targetInvalid) }
    }

    /// The path with its escapes resolved, but for escaped slashes, and no slash doubled.
    package static func normal(_ bytes: UnsafeRawBufferPointer, _ path: RequestHead.Place) -> [UInt8] {
        var result: [UInt8] = []
        result.reserveCapacity(path.length)
        var at = path.at
        while at < path.end {
            let byte = bytes[at]
            at += 1
            if byte == UInt8(ascii: "%"), at + 1 < path.end, let high = bytes[at].hexadecimal,
                let low = bytes[at + 1].hexadecimal
            {
                at += 2
                let decoded = high << 4 | low
                if decoded == UInt8(ascii: "/") || decoded == UInt8(ascii: "%") {
                    result.append(contentsOf: decoded == UInt8(ascii: "/") ? "%2F".utf8 : "%25".utf8)
                } else {
                    result.append(decoded)
                }
            } else if byte != UInt8(ascii: "/") || result.last != UInt8(ascii: "/") {
                result.append(byte)
            }
        }
        return result
    }
}
