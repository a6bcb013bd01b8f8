import GloveboxCore
import NIOCore
import SensitiveNames

extension Masker {
    /// Masks a JSON text (RFC 8259): findings within strings, numbers that are findings, and whatever stands under a
    /// sensitive name. What isn't JSON, or is nested deeper than any real value, is masked whole.
    func maskJSON(_ value: ByteBuffer, scope: PseudonymScope) throws(GloveboxError) -> MaskResult {
        if value.readableBytes == 0 { return .clean }
        let outcome = value.withUnsafeReadableBytes { bytes -> Outcome in
            var walk = JSONWalk(masker: self, bytes: bytes, scope: scope)
            return walk.run()
        }
        switch outcome {
        case .clean: return .clean
        case .masked(let bytes): return .masked(ByteBuffer(bytes: bytes))
        case .failed: throw self.fail()
        }
    }
}

/// One pass over a JSON text that copies only once something is to be masked.
private struct JSONWalk {
    private enum Failure: Error {
        case notJSON
        case engine
    }

    private static let deepest = 256

    private let masker: Masker
    private let bytes: UnsafeRawBufferPointer
    private let scope: PseudonymScope
    private var offset = 0
    private var passed = 0
    private var out: [UInt8] = []

    init(masker: Masker, bytes: UnsafeRawBufferPointer, scope: PseudonymScope) {
        self.masker = masker
        self.bytes = bytes
        self.scope = scope
    }

    mutating func run() -> Masker.Outcome {
        do throws(Failure) {
            try self.value(under: nil, depth: 0)
            self.skipBlanks()
            guard self.offset == self.bytes.count else { throw .notJSON }
        } catch {
            switch error {
            case .engine:
                return .failed
            case .notJSON:
                self.masker.count(.secret)
                let pseudonym = self.masker.pseudonym(.secret, self.bytes, self.scope)
                return .masked([0x22] + pseudonym + [0x22])
            }
        }
        guard self.passed > 0 else { return .clean }
        self.out.append(contentsOf: self.bytes[self.passed...])
        return .masked(self.out)
    }

    private var byte: UInt8 { self.offset < self.bytes.count ? self.bytes[self.offset] : 0 }

    private mutating func skipBlanks() {
        while self.offset < self.bytes.count {
            switch self.bytes[self.offset] {
            case 0x20, 0x09, 0x0A, 0x0D: self.offset += 1
            default: return
            }
        }
    }

    private mutating func replace(_ range: Range<Int>, with bytes: [UInt8]) {
        if self.passed == 0 { self.out.reserveCapacity(self.bytes.count + 64) }
        self.out.append(contentsOf: self.bytes[self.passed..<range.lowerBound])
        self.out.append(contentsOf: bytes)
        self.passed = range.upperBound
    }

    /// Masks a value because of the name that it stands under.
    private mutating func maskAll(_ range: Range<Int>, under name: NameRule, value: UnsafeRawBufferPointer) {
        self.masker.count(name.kind)
        guard name.treatment != .null else {
            self.masker.keep(value, name.kind)
            return self.replace(range, with: Array("null".utf8))
        }
        self.replaceAll(range, kind: name.kind, value: value, as: name.treatment)
    }

    /// As `maskAll`, for a finding that is counted already.
    private mutating func replaceAll(
        _ range: Range<Int>, kind: Kind, value: UnsafeRawBufferPointer,
        as treatment: Treatment = .pseudonym(linkable: true)
    ) {
        self.masker.keep(value, kind)
        let masked = self.masker.masked(value, kind: kind, as: treatment, self.scope)
        self.replace(range, with: [0x22] + Self.encode(masked) + [0x22])
    }

    // MARK: Grammar

    /// What a name says of the value under it: that of its segments, or the profile's.
    private struct NameRule {
        var kind: Kind
        var treatment: Treatment
    }

    private mutating func value(under name: NameRule?, depth: Int) throws(Failure) {
        guard depth < Self.deepest else { throw .notJSON }
        self.skipBlanks()
        let start = self.offset
        switch self.byte {
        case UInt8(ascii: "{"), UInt8(ascii: "["):
            // Under a sensitive name nothing inside is judged: all of it goes.
            try self.byte == UInt8(ascii: "{")
                ? self.object(judges: name == nil, depth: depth) : self.array(judges: name == nil, depth: depth)
            if let name, self.offset - start > 2 {
                let range = start..<self.offset
                self.maskAll(range, under: name, value: self.slice(range))
            }
        case 0x22:
            try self.stringValue(under: name)
        case UInt8(ascii: "-"), 0x30...0x39:
            try self.number()
            try self.scalar(start..<self.offset, under: name, isNumber: true)
        default:
            let isNull = try self.word()
            if !isNull { try self.scalar(start..<self.offset, under: name, isNumber: false) }
        }
    }

    private func slice(_ range: Range<Int>) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(rebasing: self.bytes[range])
    }

    private mutating func scalar(_ range: Range<Int>, under name: NameRule?, isNumber: Bool) throws(Failure) {
        if self.isMuted { return }
        if let name {
            self.maskAll(range, under: name, value: self.slice(range))
        } else if isNumber, let kind = try self.kind(of: self.slice(range)) {
            self.replaceAll(range, kind: kind, value: self.slice(range))
        }
    }

    /// Above zero inside a value that will be masked whole.
    private var muted = 0
    private var isMuted: Bool { self.muted > 0 }

    private mutating func object(judges: Bool, depth: Int) throws(Failure) {
        if !judges { self.muted += 1 }
        defer { if !judges { self.muted -= 1 } }
        let start = self.offset
        self.offset += 1
        self.skipBlanks()
        if self.byte == UInt8(ascii: "}") {
            self.offset += 1
            return
        }
        // The last text under a name for a name, which a member `value` may be the value of.
        var said: Range<Int>?
        while true {
            self.skipBlanks()
            guard self.byte == 0x22 else { throw .notJSON }
            let (name, content) = try self.name()
            self.skipBlanks()
            guard self.byte == UInt8(ascii: ":") else { throw .notJSON }
            self.offset += 1
            self.skipBlanks()
            let first = self.offset
            var rule = name
            if rule == nil, !self.isMuted {
                rule = self.ruleBeside(said, for: content) ?? self.webKeyRule(content, inObject: start)
            }
            try self.value(under: self.isMuted ? nil : rule, depth: depth + 1)
            if self.names(content), self.bytes[first] == 0x22 { said = (first + 1)..<(self.offset - 1) }
            self.skipBlanks()
            let next = self.byte
            self.offset += 1
            if next == UInt8(ascii: "}") { return }
            guard next == UInt8(ascii: ",") else { throw .notJSON }
        }
    }

    private mutating func array(judges: Bool, depth: Int) throws(Failure) {
        if !judges { self.muted += 1 }
        defer { if !judges { self.muted -= 1 } }
        self.offset += 1
        self.skipBlanks()
        if self.byte == UInt8(ascii: "]") {
            self.offset += 1
            return
        }
        while true {
            try self.value(under: nil, depth: depth + 1)
            self.skipBlanks()
            let next = self.byte
            self.offset += 1
            if next == UInt8(ascii: "]") { return }
            guard next == UInt8(ascii: ",") else { throw .notJSON }
        }
    }

    private mutating func number() throws(Failure) {
        if self.byte == UInt8(ascii: "-") { self.offset += 1 }
        guard self.byte.isDigit else { throw .notJSON }
        while self.byte.isDigit { self.offset += 1 }
        if self.byte == UInt8(ascii: ".") {
            self.offset += 1
            guard self.byte.isDigit else { throw .notJSON }
            while self.byte.isDigit { self.offset += 1 }
        }
        guard self.byte | 0x20 == UInt8(ascii: "e") else { return }
        self.offset += 1
        if self.byte == UInt8(ascii: "+") || self.byte == UInt8(ascii: "-") { self.offset += 1 }
        guard self.byte.isDigit else { throw .notJSON }
        while self.byte.isDigit { self.offset += 1 }
    }

    /// - Returns: whether it is `null`.
    private mutating func word() throws(Failure) -> Bool {
        for word in ["true", "false", "null"] as [StaticString] {
            let count = word.utf8CodeUnitCount
            guard self.offset + count <= self.bytes.count,
                (0..<count).allSatisfy({ self.bytes[self.offset + $0] == word.utf8Start[$0] })
            else { continue }
            self.offset += count
            return word.utf8Start[0] == UInt8(ascii: "n")
        }
        throw .notJSON
    }

    // MARK: Strings

    /// Skips a string. Returns the range between its quotes, and whether it has escapes.
    private mutating func string() throws(Failure) -> (content: Range<Int>, hasEscapes: Bool) {
        self.offset += 1
        let start = self.offset
        var hasEscapes = false
        while self.offset < self.bytes.count {
            switch self.bytes[self.offset] {
            case 0x22:
                self.offset += 1
                return (start..<(self.offset - 1), hasEscapes)
            case UInt8(ascii: "\\"):
                hasEscapes = true
                self.offset += 2
            case 0..<0x20:
                throw .notJSON
            default:
                self.offset += 1
            }
        }
        throw .notJSON
    }

    private mutating func name() throws(Failure) -> (rule: NameRule?, content: Range<Int>) {
        let (content, hasEscapes) = try self.string()
        if self.isMuted { return (nil, content) }
        try self.maskString(content, hasEscapes: hasEscapes)
        if hasEscapes {
            guard self.decode(content) else { throw .notJSON }
            return (self.masker.decoded.withUnsafeBufferPointer { self.rule(of: $0) }, content)
        }
        return (self.rule(of: self.slice(content).assumingMemoryBound(to: UInt8.self)), content)
    }

    // MARK: Neighbours

    private static let wordsForNames: [StaticString] = [
        "name", "key", "field", "variable", "setting", "option", "parameter", "parametername", "parameterkey",
    ]
    private static let wordsForValues: [StaticString] = [
        "value", "val", "parametervalue", "defaultvalue", "default_value",
    ]

    private func isOne(of words: [StaticString], _ content: Range<Int>) -> Bool {
        words.contains { word in
            word.utf8CodeUnitCount == content.count
                && content.indices.allSatisfy {
                    self.bytes[$0].lowercased == word.utf8Start[$0 - content.lowerBound]
                }
        }
    }

    /// Whether what stands under this name is a name itself.
    private func names(_ content: Range<Int>) -> Bool { self.isOne(of: Self.wordsForNames, content) }

    /// `{"name": "db.password", "value": …}`: what the text `said` says of the member `content`.
    private func ruleBeside(_ said: Range<Int>?, for content: Range<Int>) -> NameRule? {
        guard let said, said.count <= 64, self.isOne(of: Self.wordsForValues, content) else { return nil }
        let name = self.slice(said).assumingMemoryBound(to: UInt8.self)
        return name.allSatisfy(ByteSet("_-.").union(.alphanumeric).contains) ? self.rule(of: name) : nil
    }

    private static let webKeyMembers: [StaticString] = ["d", "p", "q", "dp", "dq", "qi", "k"]
    /// How far from an object's brace on its `kty` is looked for.
    private static let webKeyReach = 8192

    /// A private member of a JSON Web Key (RFC 7517): a long text in an object that has a `kty`, wherever that stands.
    private func webKeyRule(_ content: Range<Int>, inObject start: Int) -> NameRule? {
        guard content.count <= 2, self.byte == 0x22, self.isOne(of: Self.webKeyMembers, content) else { return nil }
        var end = self.offset + 1
        while end < self.bytes.count,
            self.bytes[end].isAlphanumeric || self.bytes[end] == 0x2D || self.bytes[end] == 0x5F
        {
            end += 1
        }
        guard end - self.offset > 20, end < self.bytes.count, self.bytes[end] == 0x22 else { return nil }
        let kty: StaticString = "\"kty\""
        let last = min(self.bytes.count - kty.utf8CodeUnitCount, start + Self.webKeyReach)
        for place in start..<max(start, last)
        where (0..<kty.utf8CodeUnitCount).allSatisfy({ self.bytes[place + $0] == kty.utf8Start[$0] }) {
            return NameRule(kind: Kind(SensitiveName.Kind.privateKey.rawValue), treatment: .pseudonym(linkable: true))
        }
        return nil
    }

    /// What's shown by its name is judged by the detectors all the same: a name says nothing of what stands in the value.
    private func rule(of name: UnsafeBufferPointer<UInt8>) -> NameRule? {
        let judged = NameSegments.judge(name).map { Kind($0.kind.rawValue) }
        guard let treatment = self.masker.profile.treatment(under: name, judged: judged) else {
            return judged.map { NameRule(kind: $0, treatment: .pseudonym(linkable: true)) }
        }
        if treatment == .show, let judged {
            self.masker.countShown(judged, reason: self.masker.profile.rule(under: name)?.reason ?? "")
        }
        return treatment == .show ? nil : NameRule(kind: judged ?? Kind("named"), treatment: treatment)
    }

    private mutating func stringValue(under name: NameRule?) throws(Failure) {
        let (content, hasEscapes) = try self.string()
        if self.isMuted { return }
        guard let name else { return try self.maskString(content, hasEscapes: hasEscapes) }
        if content.isEmpty || self.isPseudonym(content) { return }
        let whole = (content.lowerBound - 1)..<(content.upperBound + 1)
        guard hasEscapes else { return self.maskAll(whole, under: name, value: self.slice(content)) }
        guard self.decode(content) else { throw .notJSON }
        let decoded = self.masker.decoded
        decoded.withUnsafeBytes { self.maskAll(whole, under: name, value: $0) }
    }

    private mutating func maskString(_ content: Range<Int>, hasEscapes: Bool) throws(Failure) {
        if hasEscapes {
            guard self.decode(content) else { throw .notJSON }
            let decoded = self.masker.decoded
            let result = decoded.withUnsafeBytes { bytes in
                Result<[UInt8]?, Failure> { () throws(Failure) in try self.masked(bytes) }
            }
            if let masked = try result.get() { self.replace(content, with: Self.encode(masked)) }
        } else if let masked = try self.masked(self.slice(content)) {
            self.replace(content, with: Self.encode(masked))
        }
    }

    /// What the core makes of a string's content; nil if it is clean.
    private func masked(_ bytes: UnsafeRawBufferPointer) throws(Failure) -> [UInt8]? {
        let filter = Prefilter(bytes)
        if filter.isClean, !self.masker.pseudonyms.taint.isActive { return nil }
        switch self.masker.maskBytes(bytes, filter, scope: self.scope, findsOnly: false) {
        case .clean: return nil
        case .masked(let out): return out
        case .failed: throw .engine
        }
    }

    /// The kind of a number that is a finding.
    private func kind(of bytes: UnsafeRawBufferPointer) throws(Failure) -> Kind? {
        let filter = Prefilter(bytes)
        guard filter.needsBytes else { return nil }
        switch self.masker.maskBytes(bytes, filter, scope: .random, findsOnly: true) {
        case .clean: return nil
        case .masked: return self.masker.lastKind
        case .failed: throw .engine
        }
    }

    private func isPseudonym(_ range: Range<Int>) -> Bool {
        Pseudonyms.isPseudonym(self.slice(range))
    }

    /// Decodes a string's content into the masker's buffer. Half a surrogate pair becomes U+FFFD.
    private mutating func decode(_ content: Range<Int>) -> Bool {
        self.masker.decoded.removeAll(keepingCapacity: true)
        var offset = content.lowerBound
        while offset < content.upperBound {
            let byte = self.bytes[offset]
            offset += 1
            guard byte == UInt8(ascii: "\\") else {
                self.masker.decoded.append(byte)
                continue
            }
            guard offset < content.upperBound else { return false }
            let escape = self.bytes[offset]
            offset += 1
            switch escape {
            case 0x22, UInt8(ascii: "\\"), UInt8(ascii: "/"): self.masker.decoded.append(escape)
            case UInt8(ascii: "b"): self.masker.decoded.append(0x08)
            case UInt8(ascii: "f"): self.masker.decoded.append(0x0C)
            case UInt8(ascii: "n"): self.masker.decoded.append(0x0A)
            case UInt8(ascii: "r"): self.masker.decoded.append(0x0D)
            case UInt8(ascii: "t"): self.masker.decoded.append(0x09)
            case UInt8(ascii: "u"):
                guard var scalar = self.hex(offset, content.upperBound) else { return false }
                offset += 4
                if scalar >> 10 == 0x36, offset + 6 <= content.upperBound, self.bytes[offset] == UInt8(ascii: "\\"),
                    self.bytes[offset + 1] == UInt8(ascii: "u"), let low = self.hex(offset + 2, content.upperBound),
                    low >> 10 == 0x37
                {
                    scalar = 0x10000 + (scalar & 0x3FF) << 10 + low & 0x3FF
                    offset += 6
                }
                let value = Unicode.Scalar(scalar) ?? "\u{FFFD}"
                self.masker.decoded.append(contentsOf: UTF8.encode(value) ?? UTF8.encodedReplacementCharacter)
            default: return false
            }
        }
        return true
    }

    private func hex(_ offset: Int, _ end: Int) -> UInt32? {
        guard offset + 4 <= end else { return nil }
        var value: UInt32 = 0
        for index in offset..<(offset + 4) {
            let byte = self.bytes[index]
            guard byte.isHexDigit else { return nil }
            value = value << 4 | UInt32(byte.isDigit ? byte - 0x30 : byte.lowercased - 0x61 + 10)
        }
        return value
    }

    private static func encode(_ content: [UInt8]) -> [UInt8] {
        var out: [UInt8] = []
        out.reserveCapacity(content.count + 8)
        for byte in content {
            switch byte {
            case 0x22, UInt8(ascii: "\\"): out += [UInt8(ascii: "\\"), byte]
            case 0x0A: out += [UInt8(ascii: "\\"), UInt8(ascii: "n")]
            case 0x0D: out += [UInt8(ascii: "\\"), UInt8(ascii: "r")]
            case 0x09: out += [UInt8(ascii: "\\"), UInt8(ascii: "t")]
            case 0..<0x20:
                out += Array("\\u00".utf8)
                out.append(byte >> 4 == 0 ? 0x30 : 0x31)
                out.append(Array("0123456789abcdef".utf8)[Int(byte & 15)])
            default: out.append(byte)
            }
        }
        return out
    }
}
