import GloveboxCore
import TransparencyLog

/// What a log's tree is at its last checkpoint, and what memory holds of it.
struct TreeState: Sendable {
    var tree = GrowingTree()
    /// The entries of the partial bundle.
    var bundle: [UInt8] = []
    var sequences = SequenceMarks()
    /// Of the first entry that's still there; a multiple of 256.
    var minimum: UInt64 = 0
    /// The signed checkpoint.
    var note: [UInt8] = []

    var size: UInt64 { self.tree.size }

    /// The partial tiles of hashes and entries.
    var partialTiles: [Tile] {
        let width = Int(self.size % UInt64(Tile.fullWidth))
        let entries = width == 0 ? [] : [Tile(.entries, index: self.size / UInt64(Tile.fullWidth), width: width)]
        return self.tree.partialTiles.map(\.tile) + entries
    }
}

/// The note of which entries are no longer there, signed with the log's key: the index of the first that is (C2SP
/// tlog-tiles' minimum index), and the sequences that were reached before it.
///
///     ORIGIN
///     pruned before MINIMUM
///     ORIGIN SEQUENCE        for each origin of records, sorted
struct PruningNote: Hashable, Sendable {
    var log: String
    var minimum: UInt64
    var sequences: [String: UInt64]

    var text: String {
        "\(self.log)\npruned before \(self.minimum)\n"
            + self.sequences.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)\n" }.joined()
    }

    init(log: String, minimum: UInt64, sequences: [String: UInt64]) {
        self.log = log
        self.minimum = minimum
        self.sequences = sequences
    }

    /// - Throws: `note_invalid`.
    init(_ note: [UInt8], signedBy verifier: NoteVerifier) throws(GloveboxError) {
        let text = try verifier.text(of: SignedNote(note))
        let lines = text.split(separator: "\n")
        self.init(log: verifier.name, minimum: 0, sequences: [:])
        if lines.count >= 2, let minimum = lines[1].split(separator: " ").last.flatMap({ UInt64($0) }) {
            self.minimum = minimum
        }
        for line in lines.dropFirst(2) {
            guard let space = line.lastIndex(of: " "), let sequence = UInt64(line[line.index(after: space)...]) else {
                continue
            }
            self.sequences[String(line[..<space])] = sequence
        }
        guard self.text == text, self.minimum.isMultiple(of: UInt64(Tile.fullWidth)) else {
            throw GloveboxError(.noteInvalid, "this signed note is none of what was pruned")
        }
    }
}
