import CVectorscan
package import GloveboxCore
package import NIOCore

/// Masks a stream of text. However it is cut into chunks, the output is the same as for the whole.
///
/// A stream *in place* keeps its length: what is masked becomes as many asterisks.
///
/// State per stream: Vectorscan's (some hundred bytes), and the bytes that are held back. Held back is what a finding
/// could still begin or go on in: at most `Detectors.lookBehind` bytes before an anchor and its detector's `reach`
/// behind (`Detector.longestDelay`), usually the last word. What is longer is masked as it passes, without being held:
/// a private key to its END or the stream's, any other until a byte that can't belong to it. `lookBehind` bytes of what
/// has passed stay for context.
///
/// A profile's treatment is given to what is whole when it's written; what's longer than a detector's reach becomes a
/// pseudonym. A stream in place also masks again what its lease has masked before, up to `lookBehind` bytes long.
package struct RedactionStream: ~Copyable {
    /// Most bytes that are looked at in one step; a longer chunk takes several.
    private static let step = 64 << 10

    private let masker: Masker
    private let isInPlace: Bool
    private let stream: OpaquePointer
    private var scan: Scan
    /// The bytes at hand, the first of which is at offset `first` of the stream.
    private var held: [UInt8] = []
    private var first = 0
    /// Everything before it was written or masked.
    private var passed = 0
    /// Where the open cluster begins whose pseudonym is written.
    private var written: Int?
    private var hasFailed = false

    /// - Parameter isInPlace: the output is as long as the input.
    /// - Throws: `redaction_failed` when there is no memory for a stream's state.
    package init(_ masker: Masker, inPlace isInPlace: Bool = false) throws(GloveboxError) {
        var stream: OpaquePointer?
        guard hs_open_stream(masker.detectors.stream, 0, &stream) == HS_SUCCESS, let stream else {
            throw GloveboxError(.redactionFailed, "no memory for a stream's detectors")
        }
        self.masker = masker
        self.isInPlace = isInPlace
        self.stream = stream
        self.scan = Scan(masker.detectors)
    }

    deinit {
        self.masker.close(self.stream)
    }

    /// How many bytes are held back.
    package var heldBack: Int { self.first + self.held.count - self.passed }

    /// Takes the next bytes and appends to `out` what may pass.
    ///
    /// - Throws: `redaction_failed`; nothing more may be written to the stream, and what it held back is gone.
    package mutating func write(_ chunk: ByteBuffer, into out: inout ByteBuffer) throws(GloveboxError) {
        try self.check()
        var rest = chunk
        while rest.readableBytes > 0 {
            guard let part = rest.readSlice(length: min(rest.readableBytes, Self.step)) else { break }
            guard self.take(part, into: &out) else { throw self.fail() }
        }
    }

    /// Ends the stream and appends to `out` what was held back.
    package mutating func finish(into out: inout ByteBuffer) throws(GloveboxError) {
        try self.check()
        let isWhole = self.advance(newBytes: self.first + self.held.count, anchors: [], finished: true, into: &out)
        self.hasFailed = true
        guard isWhole, self.passed == self.first + self.held.count else { throw self.fail() }
        self.held = []
    }

    private mutating func take(_ part: ByteBuffer, into out: inout ByteBuffer) -> Bool {
        let masker = self.masker
        let stream = self.stream
        guard let anchors = part.withUnsafeReadableBytes({ masker.literals($0, of: stream) }) else { return false }
        let newBytes = self.first + self.held.count
        self.held.append(contentsOf: part.readableBytesView)
        return self.advance(newBytes: newBytes, anchors: anchors, finished: false, into: &out)
    }

    private mutating func advance(newBytes: Int, anchors: [Anchor], finished: Bool, into out: inout ByteBuffer) -> Bool
    {
        var scan = Scan(self.masker.detectors)
        swap(&scan, &self.scan)
        var passed = self.passed
        var written = self.written
        let (masker, isInPlace) = (self.masker, self.isInPlace)
        let (first, end) = (self.first, self.first + self.held.count)
        let isSound = self.held.withUnsafeBufferPointer { held -> Bool in
            // An empty stream has no bytes to point at.
            guard let base = held.baseAddress, end > first else { return true }
            let window = Window(base: base, first: first, end: end, finished: finished)
            scan.retry(window)
            scan.take(anchors, window)
            scan.scanBytes(from: newBytes, window)
            guard masker.resolve(&scan, window, depth: 0) else { return false }
            if isInPlace {
                Self.taint(&scan, masker, window, held, from: max(passed, newBytes - Detectors.lookBehind), newBytes)
            }
            let settled = scan.settled(window)
            while true {
                switch scan.next(settled: settled, window) {
                case .clear(let limit):
                    if limit > passed {
                        out.writeBytes(
                            UnsafeRawBufferPointer(
                                rebasing: UnsafeRawBufferPointer(held)[(passed - first)..<(limit - first)]))
                        passed = limit
                    }
                    return true
                case .mask(let cluster):
                    if written != cluster.start,
                        let shown = Self.treat(cluster, masker, isInPlace, window, held, &passed, into: &out)
                    {
                        guard shown else { return false }
                        continue
                    }
                    guard Self.begin(cluster, masker, isInPlace, window, held, &passed, &written, into: &out),
                        cluster.end >= passed
                    else {
                        return false
                    }
                    if isInPlace { out.writeRepeatingByte(UInt8(ascii: "*"), count: cluster.end - passed) }
                    passed = cluster.end
                    written = nil
                case .open(let cluster):
                    guard Self.begin(cluster, masker, isInPlace, window, held, &passed, &written, into: &out) else {
                        return false
                    }
                    let reached = max(passed, settled)
                    if isInPlace { out.writeRepeatingByte(UInt8(ascii: "*"), count: reached - passed) }
                    passed = reached
                    return true
                }
            }
        }
        self.scan = scan
        self.passed = passed
        self.written = written
        self.drop()
        return isSound
    }

    /// Writes a cluster that is whole, and what stands before it, as the profile has it.
    ///
    /// - Returns: nil where it becomes a pseudonym like any other; false on an error.
    private static func treat(
        _ cluster: Cluster, _ masker: Masker, _ isInPlace: Bool, _ window: Window, _ held: UnsafeBufferPointer<UInt8>,
        _ passed: inout Int, into out: inout ByteBuffer
    ) -> Bool? {
        guard !masker.profile.isPlain, cluster.start >= window.first, cluster.end <= window.end else { return nil }
        let raw = UnsafeRawBufferPointer(held)
        let value = UnsafeRawBufferPointer(
            rebasing: raw[(cluster.start - window.first)..<(cluster.end - window.first)])
        let treatment = masker.treatment(of: cluster, value)
        // What's shown passes with what follows it.
        if treatment == .show {
            masker.countShown(cluster.kind, value)
            return cluster.start >= passed
        }
        guard !isInPlace, treatment.replacement(of: value, kind: cluster.kind) != nil else { return nil }
        guard cluster.start >= passed else { return false }
        out.writeBytes(UnsafeRawBufferPointer(rebasing: raw[(passed - window.first)..<(cluster.start - window.first)]))
        var masked: [UInt8] = []
        masker.append(cluster, window, value: value, as: treatment, .random, to: &masked)
        out.writeBytes(masked)
        masker.count(cluster.kind)
        masker.tell(of: cluster)
        passed = cluster.end
        return true
    }

    /// Writes what stands before a cluster, and its pseudonym, unless that was done.
    private static func begin(
        _ cluster: Cluster, _ masker: Masker, _ isInPlace: Bool, _ window: Window, _ held: UnsafeBufferPointer<UInt8>,
        _ passed: inout Int, _ written: inout Int?, into out: inout ByteBuffer
    ) -> Bool {
        if written == cluster.start { return true }
        // A finding that begins in what has passed would be a leak.
        guard cluster.start >= passed, written == nil else { return false }
        let raw = UnsafeRawBufferPointer(held)
        out.writeBytes(UnsafeRawBufferPointer(rebasing: raw[(passed - window.first)..<(cluster.start - window.first)]))
        if !isInPlace {
            var pseudonym: [UInt8] = []
            masker.append(cluster, window, value: UnsafeRawBufferPointer(start: nil, count: 0), .random, to: &pseudonym)
            out.writeBytes(pseudonym)
        }
        masker.count(cluster.kind)
        masker.tell(of: cluster)
        passed = cluster.start
        written = cluster.start
        return true
    }

    /// Adds the secrets that the lease has masked before and that end in what has just come. Only for streams in place,
    /// which belong to a lease; they are no longer than what's held back of a word.
    private static func taint(
        _ scan: inout Scan, _ masker: Masker, _ window: Window, _ held: UnsafeBufferPointer<UInt8>, from start: Int,
        _ newBytes: Int
    ) {
        guard masker.pseudonyms.taint.isActive, start < window.end else { return }
        let bytes = UnsafeRawBufferPointer(
            rebasing: UnsafeRawBufferPointer(held)[(start - window.first)..<(window.end - window.first)])
        for var finding in masker.pseudonyms.taint.findings(in: bytes, longest: Detectors.lookBehind) {
            finding.start += start
            finding.end += start
            if finding.end > newBytes { scan.add(finding) }
        }
    }

    /// Forgets what has passed, but for the context.
    private mutating func drop() {
        let surplus = self.passed - Detectors.lookBehind - self.first
        // Moving the rest costs; do it when it frees more than it moves.
        guard surplus > max(1024, self.held.count / 2) else { return }
        self.held.removeFirst(surplus)
        self.first += surplus
    }

    private func check() throws(GloveboxError) {
        if self.hasFailed { throw GloveboxError(.redactionFailed, "the stream has ended") }
    }

    private mutating func fail() -> GloveboxError {
        self.hasFailed = true
        self.held = []
        return self.masker.fail()
    }
}
