extension RequestHead {
    /// RFC 9112, 3: `method SP request-target SP HTTP-version`.
    mutating func readRequestLine(_ bytes: UnsafeRawBufferPointer, _ start: Int, _ end: Int) throws(HTTPRefusal) {
        var at = start
        while at < end, bytes[at].isTokenCharacter { at &+= 1 }
        guard at < end else { throw HTTPRefusal(.requestLineInvalid) }
        guard at > start, at &- start <= 32, bytes[at] == UInt8(ascii: " ") else { throw HTTPRefusal(.methodInvalid) }
        self.methodPlace = Place(start, at &- start)
        try self.knowMethod(bytes)

        let targetStart = at &+ 1
        at = targetStart
        while at < end, bytes[at] != UInt8(ascii: " ") { at &+= 1 }
        // Without a version it would be HTTP/0.9.
        guard at < end else { throw HTTPRefusal(at > targetStart ? .versionInvalid : .requestLineInvalid) }
        try self.readVersion(bytes, at &+ 1, end)
        try self.readTarget(bytes, targetStart, at)
    }

    private mutating func knowMethod(_ bytes: UnsafeRawBufferPointer) throws(HTTPRefusal) {
        let place = self.methodPlace
        func isSame(_ text: StaticString) -> Bool {
            guard place.length == text.utf8CodeUnitCount else { return false }
            for index in 0..<place.length where bytes[place.at &+ index] != text.utf8Start[index] { return false }
            return true
        }
        switch bytes[place.at] {
        case UInt8(ascii: "G") where isSame("GET"): self.method = .get
        case UInt8(ascii: "H") where isSame("HEAD"): self.method = .head
        case UInt8(ascii: "P"):
            self.method = isSame("POST") ? .post : isSame("PUT") ? .put : isSame("PATCH") ? .patch : .other
            // HTTP/2 without having agreed on it.
            if isSame("PRI") { throw HTTPRefusal(.versionUnsupported) }
        case UInt8(ascii: "D") where isSame("DELETE"): self.method = .delete
        case UInt8(ascii: "O") where isSame("OPTIONS"): self.method = .options
        // A tunnel isn't what a reverse proxy gives; and TRACE would show the client what was added on the way.
        case UInt8(ascii: "C") where isSame("CONNECT"), UInt8(ascii: "T") where isSame("TRACE"):
            throw HTTPRefusal(.methodUnsupported)
        default: self.method = .other
        }
    }

    private mutating func readVersion(
        _ bytes: UnsafeRawBufferPointer, _ start: Int, _ end: Int
    ) throws(HTTPRefusal) {
        guard end &- start == 8, HTTPVersion.isPrefixed(bytes, start) else {
            // A space too many is no version.
            throw HTTPRefusal(.versionInvalid)
        }
        let (major, minor) = (bytes[start &+ 5], bytes[start &+ 7])
        guard major.isDigit, bytes[start &+ 6] == UInt8(ascii: "."), minor.isDigit else {
            throw HTTPRefusal(.versionInvalid)
        }
        guard major == UInt8(ascii: "1"), minor <= UInt8(ascii: "1") else { throw HTTPRefusal(.versionUnsupported) }
        self.minorVersion = minor &- UInt8(ascii: "0")
    }

    /// RFC 9112, 3.2. What isn't a visible ASCII character, and the fragment that no request has, is refused.
    private mutating func readTarget(
        _ bytes: UnsafeRawBufferPointer, _ start: Int, _ end: Int
    ) throws(HTTPRefusal) {
        guard start < end else { throw HTTPRefusal(.requestLineInvalid) }
        var pathStart = start
        if bytes[start] != UInt8(ascii: "/") {
            if bytes[start] == UInt8(ascii: "*"), end &- start == 1, self.method == .options {
                self.target = Place(start, 1)
                self.path = self.target
                return
            }
            pathStart = try self.readAuthority(bytes, start, end)
        }
        var query = end
        var at = pathStart
        while at < end {
            let byte = bytes[at]
            guard byte &- 0x21 < 0x5E, byte != UInt8(ascii: "#") else { throw HTTPRefusal(.targetInvalid) }
            if byte == UInt8(ascii: "?") {
                query = at
                break
            }
            // These may hide a second spelling; which one is found out only then.
            if byte == UInt8(ascii: "%") || byte == UInt8(ascii: "\\") || byte == UInt8(ascii: ";") {
                self.isPathPlain = false
            }
            if byte == UInt8(ascii: "/"), at &+ 1 < end,
                bytes[at &+ 1] == UInt8(ascii: ".") || bytes[at &+ 1] == UInt8(ascii: "/")
            {
                self.isPathPlain = false
            }
            at &+= 1
        }
        while at < end {
            guard bytes[at] &- 0x21 < 0x5E, bytes[at] != UInt8(ascii: "#") else { throw HTTPRefusal(.targetInvalid) }
            at &+= 1
        }
        self.target = Place(pathStart, end &- pathStart)
        self.path = Place(pathStart, query &- pathStart)
        if !self.isPathPlain { try RequestPath.check(bytes, self.path) }
    }

    /// The absolute form: `http://authority/…`.
    /// - Returns: where the path begins.
    private mutating func readAuthority(
        _ bytes: UnsafeRawBufferPointer, _ start: Int, _ end: Int
    ) throws(HTTPRefusal) -> Int {
        let scheme: Int
        if end &- start > 7, ByteScan.isSame(bytes, start, 7, "http://") {
            scheme = 7
        } else if end &- start > 8, ByteScan.isSame(bytes, start, 8, "https://") {
            scheme = 8
        } else {
            throw HTTPRefusal(.targetInvalid)
        }
        let authority = start &+ scheme
        var at = authority
        while at < end, bytes[at] != UInt8(ascii: "/"), bytes[at] != UInt8(ascii: "?") { at &+= 1 }
        self.authority = Place(authority, at &- authority)
        guard self.authority.length > 0 else { throw HTTPRefusal(.hostInvalid) }
        return at
    }
}

enum HTTPVersion {
    /// Whether `HTTP/` stands there; in upper case, as it has to.
    @inline(__always)
    static func isPrefixed(_ bytes: UnsafeRawBufferPointer, _ at: Int) -> Bool {
        bytes[at] == 0x48 && bytes[at &+ 1] == 0x54 && bytes[at &+ 2] == 0x54 && bytes[at &+ 3] == 0x50
            && bytes[at &+ 4] == 0x2F
    }
}
