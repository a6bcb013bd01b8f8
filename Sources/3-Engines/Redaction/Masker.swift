import CVectorscan
package import GloveboxCore
package import NIOCore
import SensitiveNames

/// Masks the values of one session. Used on one event loop; holds Vectorscan's scratch space and buffers for reuse.
///
/// Fails closed: after an error every call throws `redaction_failed`, and no bytes of the value are in what is thrown.
package final class Masker {
    let detectors: Detectors
    let pseudonyms: Pseudonyms
    /// How many values were masked, by kind, since the last reset.
    package private(set) var counts: [Kind: Int] = [:]
    /// How many values were found and shown all the same, since the last reset.
    package private(set) var shown: [ShownValue: Int] = [:]
    /// Is told of what the detectors find in texts and streams, as it's masked.
    package var onDetection: ((Detection) -> Void)?

    var draw = RandomDraw()
    private let scratch: OpaquePointer
    /// On the heap, since Vectorscan's callback gets its address.
    private let anchors: UnsafeMutablePointer<[Anchor]>
    private var scan: Scan
    private var hasFailed = false
    /// The kind that was counted last.
    private(set) var lastKind = Kind.secret
    /// A JSON string without its escapes.
    var decoded: [UInt8] = []

    let profile: MaskingProfile
    private let now: @Sendable () -> WallTime?

    /// - Parameters:
    ///   - profile: what becomes of what the detectors find, of classified columns, and of what stands under names in JSON.
    ///   - now: the clock that ends what the profile allows; without one it allows nothing.
    package init(
        detectors: Detectors, pseudonyms: Pseudonyms, profile: MaskingProfile = .default,
        now: @escaping @Sendable () -> WallTime? = { nil }
    ) throws(GloveboxError) {
        self.profile = profile
        self.now = now
        self.detectors = detectors
        self.pseudonyms = pseudonyms
        self.scratch = try detectors.makeScratch()
        self.scan = Scan(detectors)
        self.anchors = .allocate(capacity: 1)
        self.anchors.initialize(to: [])
    }

    deinit {
        hs_free_scratch(self.scratch)
        self.anchors.deinitialize(count: 1)
        self.anchors.deallocate()
    }

    package func resetCounts() {
        self.counts.removeAll(keepingCapacity: true)
        self.shown.removeAll(keepingCapacity: true)
    }

    /// While what's masked is nobody's: a secret in it isn't one of the lease's.
    private var isTrial = false

    /// Runs `body`, which leaves no trace: nothing that's masked in it is counted, told or known again.
    package func trial<Value>(_ body: () throws -> Value) rethrows -> Value {
        let (counts, shown, lastKind, told) = (self.counts, self.shown, self.lastKind, self.onDetection)
        self.onDetection = nil
        self.isTrial = true
        defer {
            (self.counts, self.shown, self.lastKind, self.onDetection) = (counts, shown, lastKind, told)
            self.isTrial = false
        }
        return try body()
    }

    // MARK: Values

    /// Masks what the detectors find in `value`.
    ///
    /// - Parameter general: of a value of another type than text, what `Treatment.general` leaves; nil where it's nothing.
    /// - Returns: `clean` without allocating when nothing is found.
    /// - Throws: `redaction_failed`; the session must end.
    package func mask(
        _ value: ByteBuffer, as shape: ValueShape, scope: PseudonymScope, general: () -> ByteBuffer? = { nil }
    ) throws(GloveboxError) -> MaskResult {
        try self.check()
        if shape == .json { return try self.maskJSON(value, scope: scope) }
        let outcome = value.withUnsafeReadableBytes { bytes -> Outcome in
            let filter = Prefilter(bytes)
            if filter.isClean, !self.pseudonyms.taint.isActive { return .clean }
            return self.maskBytes(bytes, filter, scope: scope, findsOnly: shape == .opaque)
        }
        switch outcome {
        case .clean: return .clean
        case .masked(let bytes):
            if shape != .opaque { return .masked(ByteBuffer(bytes: bytes)) }
            return self.profile.treatments[self.lastKind] == .general ? general().map { .masked($0) } ?? .null : .null
        case .failed: throw self.fail()
        }
    }

    /// Masks all of `value`, a value of a classified column. An empty text stays empty.
    ///
    /// - Parameters:
    ///   - column: the column's name, if it's known, for what the profile says of it.
    ///   - general: of a value of another type than text, what `Treatment.general` leaves; nil where it's nothing.
    package func maskWhole(
        _ value: ByteBuffer, kind: Kind, column: MaskingProfile.ColumnName? = nil, as shape: ValueShape,
        scope: PseudonymScope, general: () -> ByteBuffer? = { nil }
    ) throws(GloveboxError) -> MaskResult {
        try self.check()
        if value.readableBytes == 0 { return .clean }
        self.counts[kind, default: 0] += 1
        if Taint.ofColumns.contains(kind) { value.withUnsafeReadableBytes { self.keep($0, kind) } }
        let treatment = self.profile.treatment(ofClassified: kind, column)
        if shape == .opaque {
            return treatment == .general ? general().map { .masked($0) } ?? .null : .null
        }
        if treatment == .null { return .null }
        let masked = value.withUnsafeReadableBytes { self.masked($0, kind: kind, as: treatment, scope) }
        return .masked(ByteBuffer(bytes: shape == .json ? [0x22] + masked + [0x22] : masked))
    }

    /// Masks a message, a record's text or a statement: what it says may pass, the secrets in it may not.
    package func maskText(_ text: String) throws(GloveboxError) -> String {
        try self.check()
        var text = text
        let outcome = text.withUTF8 { bytes -> Outcome in
            let bytes = UnsafeRawBufferPointer(bytes)
            let filter = Prefilter(bytes)
            if filter.isClean, !self.pseudonyms.taint.isActive { return .clean }
            return self.maskBytes(bytes, filter, scope: .random, findsOnly: false)
        }
        switch outcome {
        case .clean: return text
        case .masked(let bytes): return String(decoding: bytes, as: UTF8.self)
        case .failed: throw self.fail()
        }
    }

    /// Masks a value because of the name that it stands under: by the profile's rule for that, else by what the name's
    /// segments say.
    ///
    /// - Returns: nil where the name says nothing, so that the value is to be judged by itself.
    package func mask(_ value: @autoclosure () -> ByteBuffer, under name: String) throws(GloveboxError) -> MaskResult? {
        try self.check()
        let judged = NameSegments.judge(name).map { Kind($0.kind.rawValue) }
        var name = name
        let (treatment, rule) = name.withUTF8 {
            (self.profile.treatment(under: $0, judged: judged), self.profile.rule(under: $0))
        }
        if treatment == .show {
            if let judged { self.countShown(judged, reason: rule?.reason ?? "") }
            return nil
        }
        guard let kind = judged ?? treatment.map({ _ in Kind("named") }) else { return nil }
        let value = value()
        let isPseudonym = value.withUnsafeReadableBytes { Pseudonyms.isPseudonym($0) }
        if value.readableBytes == 0 || isPseudonym { return .clean }
        self.count(kind)
        value.withUnsafeReadableBytes { self.keep($0, kind) }
        let what = treatment ?? self.profile.treatment(ofClassified: kind, nil)
        if what == .null { return .null }
        return .masked(
            ByteBuffer(bytes: value.withUnsafeReadableBytes { self.masked($0, kind: kind, as: what, .random) }))
    }

    // MARK: The core on a whole value

    enum Outcome {
        case clean
        case masked([UInt8])
        case failed
    }

    /// - Parameter findsOnly: stop at the first finding, with nothing in `masked`.
    func maskBytes(
        _ bytes: UnsafeRawBufferPointer, _ filter: Prefilter, scope: PseudonymScope, findsOnly: Bool
    ) -> Outcome {
        guard let base = bytes.assumingMemoryBound(to: UInt8.self).baseAddress, bytes.count > 0 else { return .clean }
        let window = Window(base: base, first: 0, end: bytes.count, finished: true)
        self.scan.reset()
        guard self.fill(&self.scan, bytes, filter, window, depth: 0) else { return .failed }
        if self.scan.isEmpty { return .clean }

        var out: [UInt8] = []
        var passed = 0
        while true {
            switch self.scan.next(settled: window.end, window) {
            case .mask(let cluster):
                guard cluster.start >= passed, cluster.end <= window.end else { return .failed }
                let value = UnsafeRawBufferPointer(rebasing: bytes[cluster.start..<cluster.end])
                let treatment = self.treatment(of: cluster, value)
                if treatment == .show {
                    self.countShown(cluster.kind, value)
                    continue
                }
                self.count(cluster.kind)
                self.keep(value, cluster.kind)
                self.tell(of: cluster)
                if findsOnly { return .masked([]) }
                if out.isEmpty { out.reserveCapacity(bytes.count + 32) }
                out.append(contentsOf: bytes[passed..<cluster.start])
                self.append(cluster, window, value: value, as: treatment, scope, to: &out)
                passed = cluster.end
            case .clear(let end):
                guard end == window.end else { return .failed }
                if passed == 0 { return .clean }
                out.append(contentsOf: bytes[passed..<end])
                return .masked(out)
            case .open:
                return .failed
            }
        }
    }

    /// Lets every tier that `filter` asks for look at a whole value.
    ///
    /// - Returns: false on an error.
    func fill(
        _ scan: inout Scan, _ bytes: UnsafeRawBufferPointer, _ filter: Prefilter, _ window: Window, depth: Int
    ) -> Bool {
        if filter.needsLiterals {
            guard let anchors = self.literals(bytes) else { return false }
            scan.take(anchors, window)
        }
        if filter.needsBytes { scan.scanBytes(from: 0, window) }
        for finding in self.pseudonyms.taint.findings(in: bytes) { scan.add(finding) }
        return self.resolve(&scan, window, depth: depth)
    }

    /// The anchors of Vectorscan's literals in a whole value; nil on an error.
    private func literals(_ bytes: UnsafeRawBufferPointer) -> [Anchor]? {
        guard bytes.count <= Int(UInt32.max) else { return nil }
        self.anchors.pointee.removeAll(keepingCapacity: true)
        let status = hs_scan(
            self.detectors.block, bytes.assumingMemoryBound(to: CChar.self).baseAddress, UInt32(bytes.count), 0,
            self.scratch,
            Self.report, self.anchors)
        return status == HS_SUCCESS ? self.located() : nil
    }

    /// The anchors of the next bytes of a stream; nil on an error.
    func literals(_ bytes: UnsafeRawBufferPointer, of stream: OpaquePointer) -> [Anchor]? {
        self.anchors.pointee.removeAll(keepingCapacity: true)
        let status = hs_scan_stream(
            stream, bytes.assumingMemoryBound(to: CChar.self).baseAddress, UInt32(bytes.count), 0, self.scratch,
            Self.report,
            self.anchors)
        return status == HS_SUCCESS ? self.located() : nil
    }

    /// Vectorscan reports where a literal ends; literals have one length.
    private func located() -> [Anchor] {
        for index in self.anchors.pointee.indices {
            self.anchors.pointee[index].start -= self.detectors.anchorCounts[self.anchors.pointee[index].literal]
        }
        return self.anchors.pointee
    }

    private static let report: match_event_handler = { literal, _, end, _, context in
        guard let context else { return 1 }
        context.assumingMemoryBound(to: [Anchor].self).pointee.append(Anchor(start: Int(end), literal: Int(literal)))
        return 0
    }

    /// Frees what `stream` holds. Without a callback nothing is reported.
    func close(_ stream: OpaquePointer) {
        hs_close_stream(stream, self.scratch, nil, nil)
    }

    // MARK: Pseudonyms

    /// What stands for a value by its treatment: a pseudonym where the treatment could tell nothing else.
    func masked(
        _ value: UnsafeRawBufferPointer, kind: Kind, as treatment: Treatment, _ scope: PseudonymScope
    ) -> [UInt8] {
        treatment.replacement(of: value, kind: kind)
            ?? self.pseudonym(kind, value, treatment == .pseudonym(linkable: true) ? scope : .random)
    }

    func pseudonym(_ kind: Kind, _ value: UnsafeRawBufferPointer, _ scope: PseudonymScope) -> [UInt8] {
        self.pseudonyms.bytes(kind: kind, value: value, scope: scope, &self.draw)
    }

    /// Appends the pseudonym of a cluster: in quotes where the finding stood bare behind a name in quotes and a colon,
    /// since JSON in a text stays JSON.
    func append(
        _ cluster: Cluster, _ window: Window, value: UnsafeRawBufferPointer,
        as treatment: Treatment = .pseudonym(linkable: true), _ scope: PseudonymScope, to out: inout [UInt8]
    ) {
        let pseudonym = self.masked(value, kind: cluster.kind, as: treatment, scope)
        guard let quote = cluster.quote.map({ [$0] }) ?? Self.bareQuote(cluster, window) else {
            out.append(contentsOf: pseudonym)
            return
        }
        out.append(contentsOf: quote)
        out.append(contentsOf: pseudonym)
        out.append(contentsOf: quote)
    }

    func treatment(of cluster: Cluster, _ value: UnsafeRawBufferPointer) -> Treatment {
        if let treatment = self.detectors.treatment(byName: cluster.rank) {
            // Of what something else was found in, nothing is told.
            let tells = treatment == .partial || treatment == .general
            return cluster.isMixed && tells ? .pseudonym(linkable: true) : treatment
        }
        return cluster.isMixed || self.profile.isPlain
            ? .pseudonym(linkable: true) : self.profile.treatment(of: cluster.kind, value, now: self.now())
    }

    private static func bareQuote(_ cluster: Cluster, _ window: Window) -> [UInt8]? {
        let start = cluster.start
        var offset = start - 1
        while start - offset < 16, window.at(offset).isBlank || window.at(offset) == 0x0A { offset -= 1 }
        if let array = Self.arrayStart(of: cluster, behind: offset, window) {
            offset = array - 1
            while array - offset < 16, window.at(offset).isBlank { offset -= 1 }
            // A line of JSON that's an array.
            if window.at(offset) == 0 || window.at(offset) == 0x0A { return [0x22] }
        }
        guard window.at(offset) == UInt8(ascii: ":") else { return nil }
        offset -= 1
        while start - offset < Detectors.lookBehind, window.at(offset).isBlank { offset -= 1 }
        guard window.at(offset) == 0x22 else { return nil }
        // As many backslashes as JSON within JSON has there.
        var escapes = 0
        while escapes < 16, window.at(offset - 1 - escapes) == UInt8(ascii: "\\") { escapes += 1 }
        return [UInt8](repeating: UInt8(ascii: "\\"), count: escapes) + [0x22]
    }

    /// The bracket of the array of numbers that a number is one of.
    private static func arrayStart(of cluster: Cluster, behind start: Int, _ window: Window) -> Int? {
        guard [UInt8(ascii: "["), UInt8(ascii: ",")].contains(window.at(start)), cluster.open.isEmpty,
            cluster.end <= window.end
        else { return nil }
        let numbers = ByteSet(" \t,.+-eE").union(.digits)
        for place in cluster.start..<cluster.end where !numbers.contains(window.at(place)) { return nil }
        let end = window.at(cluster.end) == 0x20 ? cluster.end + 1 : cluster.end
        guard window.at(end) == UInt8(ascii: ",") || window.at(end) == UInt8(ascii: "]") else { return nil }
        var place = start
        while start - place < Detectors.lookBehind / 2, numbers.contains(window.at(place)) { place -= 1 }
        return window.at(place) == UInt8(ascii: "[") ? place : nil
    }

    /// Keeps a secret that was masked, so that the lease's sessions know it again.
    func keep(_ value: UnsafeRawBufferPointer, _ kind: Kind) {
        if self.isTrial { return }
        if !self.pseudonyms.taint.keep(value, kind: kind) { self.counts[.taintOverflow, default: 0] += 1 }
    }

    /// Counts a finding that the profile lets through.
    func countShown(_ kind: Kind, _ value: UnsafeRawBufferPointer) {
        let reason = self.profile.reason(of: kind, value, now: self.now())
        self.shown[ShownValue(kind: kind, reason: reason), default: 0] += 1
    }

    func countShown(_ kind: Kind, reason: String) {
        self.shown[ShownValue(kind: kind, reason: reason), default: 0] += 1
    }

    func count(_ kind: Kind) {
        self.counts[kind, default: 0] += 1
        self.lastKind = kind
    }

    // MARK: Failure

    private func check() throws(GloveboxError) {
        if self.hasFailed { throw self.fail() }
    }

    /// Poisons the masker.
    func fail() -> GloveboxError {
        self.hasFailed = true
        return GloveboxError(.redactionFailed, "a value could not be checked for secrets, so the session ends")
    }
}
