/// Where a request is for: RFC 3986, 3.2, of which a host's name, an address and a port are taken, and nothing else: no
/// user, no escapes.
package enum Authority {
    /// - Returns: the host, without port, dot at the end of its name; with brackets around an IPv6 address.
    static func host(
        _ bytes: UnsafeRawBufferPointer, _ place: RequestHead.Place
    ) throws(HTTPRefusal) -> RequestHead.Place {
        let end = place.end
        guard place.length > 0, place.length <= 261 else { throw HTTPRefusal(.hostInvalid) }
        var at = place.at
        if bytes[at] == UInt8(ascii: "[") {
            at &+= 1
            while at < end, bytes[at].hexadecimal != nil || bytes[at] == UInt8(ascii: ":") || bytes[at] == 0x2E {
                at &+= 1
            }
            guard at < end, bytes[at] == UInt8(ascii: "]"), at > place.at + 2 else { throw HTTPRefusal(.hostInvalid) }
            at &+= 1
            try Self.checkPort(bytes, at, end)
            return RequestHead.Place(place.at, at &- place.at)
        }
        while at < end {
            let byte = bytes[at]
            let isName =
                byte.isDigit || byte.lowercased &- 0x61 < 26 || byte == UInt8(ascii: "-") || byte == UInt8(ascii: ".")
                || byte == UInt8(ascii: "_")
            guard isName else { break }
            at &+= 1
        }
        try Self.checkPort(bytes, at, end)
        var length = at &- place.at
        if length > 1, bytes[at &- 1] == UInt8(ascii: ".") { length &-= 1 }
        guard length > 0, bytes[place.at] != UInt8(ascii: ".") else { throw HTTPRefusal(.hostInvalid) }
        return RequestHead.Place(place.at, length)
    }

    private static func checkPort(_ bytes: UnsafeRawBufferPointer, _ at: Int, _ end: Int) throws(HTTPRefusal) {
        guard at < end else { return }
        guard bytes[at] == UInt8(ascii: ":"), end - at <= 6 else { throw HTTPRefusal(.hostInvalid) }
        var port = 0
        for index in (at + 1)..<end {
            guard bytes[index].isDigit else { throw HTTPRefusal(.hostInvalid) }
            port = port * 10 + Int(bytes[index] - 0x30)
        }
        guard port <= 65535 else { throw HTTPRefusal(.hostInvalid) }
    }
}
