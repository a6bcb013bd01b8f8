extension RequestHead {
    /// What the fields say together, once all are read.
    mutating func judge(_ reader: inout FieldLineReader, _ bytes: UnsafeRawBufferPointer) throws(HTTPRefusal) {
        var host: FieldLine?
        var contentLength: UInt64?
        var codings = 0
        var hasUpgradeOption = false
        var hasClose = false
        var hasKeepAlive = false
        var upgrade: FieldLine?
        var nominations: [FieldLine] = []
        for line in reader.lines where line.known != .other {
            switch line.known {
            case .host:
                guard host == nil else { throw HTTPRefusal(.hostRepeated) }
                host = line
            case .contentLength:
                guard contentLength == nil else { throw HTTPRefusal(.contentLengthRepeated) }
                contentLength = try BodyFraming.contentLength(bytes, line)
            case .transferEncoding:
                codings += 1
                try BodyFraming.checkChunked(bytes, line, isRepeated: codings > 1)
            case .connection:
                let options = try ConnectionOptions(bytes, line)
                hasClose = hasClose || options.hasClose
                hasKeepAlive = hasKeepAlive || options.hasKeepAlive
                hasUpgradeOption = hasUpgradeOption || options.hasUpgrade
                if options.namesOthers { nominations.append(line) }
            case .upgrade: upgrade = line
            case .expect:
                guard
                    ByteScan.isSame(bytes, Int(line.value), Int(line.valueLength), "100-continue"),
                    !self.expectsContinue
                else { throw HTTPRefusal(.expectationUnsupported) }
                self.expectsContinue = true
            default: break
            }
        }
        try self.judgeFraming(contentLength, isChunked: codings > 0)
        try self.judgeHost(host, bytes)
        for line in nominations {
            try ConnectionOptions.nominate(&reader, bytes, line)
            self.hasNominated = true
        }
        self.isPersistent = !hasClose && (self.minorVersion == 1 || hasKeepAlive)
        if hasUpgradeOption, let upgrade, self.minorVersion == 1, self.framing == .none {
            self.upgrade = Place(Int(upgrade.value), Int(upgrade.valueLength))
        }
        // HTTP/1.0 has no interim answers, and without a body there's nothing to go on with (RFC 9110, 10.1.1).
        if self.minorVersion == 0 || self.framing == .none { self.expectsContinue = false }
    }

    /// RFC 9112, 6.3.
    private mutating func judgeFraming(_ contentLength: UInt64?, isChunked: Bool) throws(HTTPRefusal) {
        if isChunked {
            guard contentLength == nil else { throw HTTPRefusal(.contentLengthWithTransferEncoding) }
            guard self.minorVersion == 1 else { throw HTTPRefusal(.transferEncodingInHTTP10) }
            self.framing = .chunked
        } else if let contentLength {
            self.framing = contentLength == 0 ? .none : .length(contentLength)
        } else if self.minorVersion == 0, self.method == .post || self.method == .put {
            // RFC 1945, 7.2.2: such a body would have no end.
            throw HTTPRefusal(.lengthRequired)
        }
    }

    /// RFC 9112, 3.2 and 3.2.2.
    private mutating func judgeHost(_ line: FieldLine?, _ bytes: UnsafeRawBufferPointer) throws(HTTPRefusal) {
        guard let line else {
            guard self.minorVersion == 0 else { throw HTTPRefusal(.hostMissing) }
            if self.authority.length > 0 { self.host = try Authority.host(bytes, self.authority) }
            return
        }
        let place = Place(Int(line.value), Int(line.valueLength))
        self.host = try Authority.host(bytes, place)
        if self.authority.length > 0 {
            let isSame =
                self.authority.length == place.length
                && (0..<place.length).allSatisfy {
                    bytes[self.authority.at + $0].lowercased == bytes[place.at + $0].lowercased
                }
            guard isSame else { throw HTTPRefusal(.hostMismatch) }
        }
        self.authority = place
    }
}

/// RFC 9110, 7.6.1.
struct ConnectionOptions {
    var hasClose = false
    var hasKeepAlive = false
    var hasUpgrade = false
    var namesOthers = false

    init(_ bytes: UnsafeRawBufferPointer, _ line: FieldLine) throws(HTTPRefusal) {
        var list = TokenList(bytes, line)
        while let token = try list.next(else: .connectionInvalid) {
            if ByteScan.isSame(bytes, token.at, token.length, "close") {
                self.hasClose = true
            } else if ByteScan.isSame(bytes, token.at, token.length, "keep-alive") {
                self.hasKeepAlive = true
            } else if ByteScan.isSame(bytes, token.at, token.length, "upgrade") {
                self.hasUpgrade = true
            } else if !ByteScan.isSame(bytes, token.at, token.length, "te") {
                self.namesOthers = true
            }
        }
    }

    /// Marks the lines that this one names. The fields that say where a message goes and how long it is are no hop's own:
    /// whoever names them has something else in mind.
    static func nominate(
        _ reader: inout FieldLineReader, _ bytes: UnsafeRawBufferPointer, _ line: FieldLine
    ) throws(HTTPRefusal) {
        var list = TokenList(bytes, line)
        var names = 0
        while let token = try list.next(else: .connectionInvalid) {
            names += 1
            guard names <= 16 else { throw HTTPRefusal(.connectionInvalid) }
            switch try KnownField(bytes, token.at, token.length) {
            case .host, .contentLength, .transferEncoding: throw HTTPRefusal(.connectionInvalid)
            default: break
            }
            for index in reader.lines.indices {
                let other = reader.lines[index]
                guard Int(other.nameLength) == token.length else { continue }
                let isNamed = (0..<token.length).allSatisfy {
                    bytes[Int(other.name) + $0].lowercased == bytes[token.at + $0].lowercased
                }
                if isNamed { reader.nominate(index) }
            }
        }
    }
}
