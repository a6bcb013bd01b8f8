extension Masker {
    /// How many encodings may lie within each other: base64 of a JSON text in a query string has three.
    static let deepest = 4

    /// Decodes the runs that have arrived, and adds what the detectors find in them, as spans of the raw bytes.
    ///
    /// - Returns: false on an error.
    func resolve(_ scan: inout Scan, _ window: Window, depth: Int) -> Bool {
        scan.readRows(window)
        guard !scan.runs.found.isEmpty else { return true }
        let runs = scan.runs.found
        scan.runs.found.removeAll(keepingCapacity: true)
        guard depth < Self.deepest else { return true }
        for var run in runs {
            while true {
                let (isReady, isCut) = run.advance(window)
                guard isReady else {
                    scan.runs.found.append(run)
                    break
                }
                guard let next = self.take(&scan, run, isCut: isCut, window, depth: depth) else { return false }
                guard isCut, next > run.start else { break }
                run.start = next
            }
        }
        return true
    }

    /// Scans one block of a run.
    ///
    /// - Returns: where the next block begins; nil on an error.
    private func take(_ scan: inout Scan, _ run: EncodedRun, isCut: Bool, _ window: Window, depth: Int) -> Int? {
        let end = isCut ? min(run.start + EncodedRun.block, window.end) : run.end
        guard end > run.start else { return run.start }
        // What stands before, for context: a name or a vendor's word.
        let first = run.encoding.hasMarks ? max(window.first, run.start - Detectors.lookBehind) : run.start
        let decoded = Decoded(run.encoding, first..<end, of: window)
        guard let findings = self.findings(in: decoded.bytes, depth: depth + 1) else { return nil }
        for finding in findings {
            guard finding.start < finding.end, finding.end <= decoded.ends.count else { return nil }
            // What lies before the run has passed, or is another's to find.
            guard decoded.ends[finding.end - 1] > run.start else { continue }
            var raw = Finding(
                start: max(run.start, decoded.starts[finding.start]), end: decoded.ends[finding.end - 1],
                kind: finding.kind,
                rank: self.detectors.table.count, isMixed: finding.isMixed)
            if isCut, finding.end == decoded.bytes.count {
                raw.end = end
                raw.closer = .run(run.encoding.continuation(isFolded: run.lines.isFolded))
            }
            scan.add(raw)
        }
        guard isCut else { return run.start }
        let half = run.start + EncodedRun.block / 2
        var index = decoded.starts.partitioningIndex { $0 >= half }
        if run.encoding == .base64 { index -= index % 3 }
        return index < decoded.starts.count ? decoded.starts[index] : run.start
    }

    /// What the detectors find in decoded bytes; nil on an error.
    private func findings(in decoded: [UInt8], depth: Int) -> [Finding]? {
        decoded.withUnsafeBytes { bytes -> [Finding]? in
            let filter = Prefilter(bytes)
            guard !filter.isClean || self.pseudonyms.taint.isActive,
                let base = bytes.assumingMemoryBound(to: UInt8.self).baseAddress
            else { return [] }
            let window = Window(base: base, first: 0, end: bytes.count, finished: true)
            var scan = Scan(self.detectors)
            guard self.fill(&scan, bytes, filter, window, depth: depth) else { return nil }
            var findings: [Finding] = []
            while !scan.isEmpty {
                switch scan.next(settled: window.end, window) {
                case .mask(let cluster):
                    guard cluster.end <= window.end else { return nil }
                    findings.append(
                        Finding(start: cluster.start, end: cluster.end, kind: cluster.kind, isMixed: cluster.isMixed))
                case .clear: return findings
                case .open: return nil
                }
            }
            return findings
        }
    }
}

extension [Int] {
    /// The index of the first element that `belongs`, in an array where all those that do are at its end.
    fileprivate func partitioningIndex(_ belongs: (Int) -> Bool) -> Int {
        var (low, high) = (0, self.count)
        while low < high {
            let middle = (low + high) / 2
            if belongs(self[middle]) { high = middle } else { low = middle + 1 }
        }
        return low
    }
}
