import Foundation
import GloveboxCore
import NIOCore
import Redaction

/// Holds the detectors against labelled texts: what they mask of what they must, and what they mask beside.
struct RedactionTrial {
    struct LabelledText {
        var text: String
        /// What must be masked, each with the name that it's counted under.
        var labels: [(name: String, value: String)]
    }

    /// How many of a label's values are masked.
    struct Recall: Encodable {
        var label: String
        var masked: Int
        var values: Int
        var recall: Double
    }

    /// How many of a detector's findings lie on a labelled value.
    struct Precision: Encodable {
        var detector: String
        var right: Int
        var findings: Int
        var precision: Double
    }

    struct Report: Encodable {
        var texts: Int
        var masked: Int
        var values: Int
        var recall: Double
        var labels: [Recall]
        var detectors: [Precision]
    }

    private let masker: Masker
    private var texts = 0
    private var labels: [String: (masked: Int, values: Int)] = [:]
    private var detectors: [String: (right: Int, findings: Int)] = [:]

    init(_ masker: Masker) {
        self.masker = masker
    }

    mutating func hold(_ labelled: LabelledText) throws {
        var found: [Detection] = []
        self.masker.onDetection = { found.append($0) }
        defer { self.masker.onDetection = nil }
        let text = labelled.text
        let out: String
        switch try self.masker.mask(ByteBuffer(string: text), as: .text, scope: .random) {
        case .clean: out = text
        case .masked(let bytes): out = String(buffer: bytes)
        case .null: out = ""
        }
        self.texts += 1
        var places: [Range<Int>] = []
        for (name, value) in labelled.labels {
            self.labels[name, default: (0, 0)].values += 1
            if Self.isMasked(value, in: out, beside: text) { self.labels[name, default: (0, 0)].masked += 1 }
            places += text.ranges(of: value).map {
                text.utf8.distance(
                    from: text.startIndex, to: $0.lowerBound)..<text.utf8.distance(
                        from: text.startIndex, to: $0.upperBound)
            }
        }
        for finding in found {
            let range = finding.start..<(finding.end ?? text.utf8.count)
            self.detectors[finding.detector, default: (0, 0)].findings += 1
            if places.contains(where: { $0.overlaps(range) }) {
                self.detectors[finding.detector, default: (0, 0)].right += 1
            }
        }
    }

    var report: Report {
        let masked = self.labels.values.reduce(0) { $0 + $1.masked }
        let values = self.labels.values.reduce(0) { $0 + $1.values }
        return Report(
            texts: self.texts, masked: masked, values: values, recall: Self.share(masked, values),
            labels: self.labels.sorted { $0.key < $1.key }.map {
                Recall(
                    label: $0.key, masked: $0.value.masked, values: $0.value.values,
                    recall: Self.share($0.value.masked, $0.value.values))
            },
            detectors: self.detectors.sorted { $0.key < $1.key }.map {
                Precision(
                    detector: $0.key, right: $0.value.right, findings: $0.value.findings,
                    precision: Self.share($0.value.right, $0.value.findings))
            })
    }

    private static func share(_ part: Int, _ whole: Int) -> Double { whole == 0 ? 1 : Double(part) / Double(whole) }

    /// Whether no five characters of `value` in a row are left (all of them, where it's shorter), those aside that the text
    /// has beside the value, too.
    private static func isMasked(_ value: String, in out: String, beside text: String) -> Bool {
        let characters = Array(value.unicodeScalars)
        let rest = text.replacing(value, with: "\0")
        let count = min(5, characters.count)
        for start in 0...(characters.count - count) {
            var part = String.UnicodeScalarView()
            part.append(contentsOf: characters[start..<(start + count)])
            let text = String(part)
            if out.contains(text), !rest.contains(text) { return false }
        }
        return true
    }
}

extension RedactionTrial.LabelledText {
    private struct Line: Decodable {
        struct Span: Decodable {
            var type: String
            var value: String
        }

        var text: String
        var secret: String?
        var rule: String?
        var spans: [Span]?
    }

    /// Reads one line of a corpus.
    ///
    /// - Throws: `invalid_argument` with the file and the line, and nothing of what's in it.
    init(line: Substring, at place: String) throws(GloveboxError) {
        func wrong(_ what: String) -> GloveboxError { GloveboxError(.invalidArgument, "\(place): \(what)") }
        let read: Line
        do {
            read = try JSONDecoder().decode(Line.self, from: Data(line.utf8))
        } catch {
            throw wrong(
                #"not a line of a corpus: write {"text": …, "secret": …} or {"text": …, "spans": [{"type": …, "value": …}]}"#
            )
        }
        self.text = read.text
        self.labels = (read.spans ?? []).map { ($0.type, $0.value) }
        if let secret = read.secret { self.labels.append((read.rule ?? "secret", secret)) }
        for (_, value) in self.labels where value.isEmpty || !self.text.contains(value) {
            throw wrong("a labelled value isn't in the text: it must stand there as it's written in the label")
        }
    }
}
