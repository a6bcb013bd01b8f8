import GloveboxCore
import TransparencyLog

/// Where the tree's files are in a log's folder: `checkpoint`, `tile/…` as C2SP tlog-tiles lays them out; beside them
/// `blob/<N>/<SHA-256>`, the long records of entry bundle N, and `pruned`, a signed note of which bundles are gone.
struct TileFolder: Sendable {
    let path: String

    var checkpoint: String { "\(self.path)/checkpoint" }
    var pruned: String { "\(self.path)/pruned" }

    func file(_ tile: Tile) -> String { "\(self.path)/\(tile.path)" }

    /// Where the long records of a bundle are.
    func blobs(ofBundle index: UInt64) -> String { "\(self.path)/blob/\(Tile.number(index))" }

    func blob(_ hash: some Sequence<UInt8>, ofBundle index: UInt64) -> String {
        let digits = Array("0123456789abcdef".utf8)
        let name = hash.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }
        return "\(self.blobs(ofBundle: index))/\(String(decoding: name, as: UTF8.self))"
    }

    /// A file that has to be there.
    /// - Throws: `journal_corrupt` when it isn't; `journal_unavailable` when it can't be read.
    static func read(_ path: String) throws(GloveboxError) -> [UInt8] {
        do {
            return try FileReading.whole(path)
        } catch {
            guard FileReading.isThere(path) else {
                throw GloveboxError.corrupt(path, offset: 0, "it is missing")
            }
            throw GloveboxError(.journalUnavailable, "can't read \(path): \(error)", cause: error)
        }
    }

    /// The bytes of a tile that a checkpoint calls for. Where it's partial, and the log has grown since (the folder was
    /// copied while it was written to), a wider one in its place.
    func bytes(_ tile: Tile) throws(GloveboxError) -> (bytes: [UInt8], path: String, isExact: Bool) {
        let path = self.file(tile)
        if tile.isFull || FileReading.isThere(path) { return (try Self.read(path), path, true) }
        var wider = ["\(self.path)/\(tile.fullPath)"]
        let partial = "\(self.path)/\(tile.partialFolder)"
        for width in (try? FileReading.names(in: partial)) ?? [] {
            if let width = Int(width), width > tile.width { wider.append("\(partial)/\(width)") }
        }
        guard let found = wider.first(where: FileReading.isThere) else {
            throw GloveboxError.corrupt(path, offset: 0, "it is missing")
        }
        return (try Self.read(found), found, false)
    }

    /// The hashes of a tile that a checkpoint calls for.
    /// - Throws: `journal_corrupt` when the file has another length.
    func hashes(_ tile: Tile) throws(GloveboxError) -> [TreeHash] {
        let (bytes, path, isExact) = try self.bytes(tile)
        guard let hashes = Tile.hashes(bytes), isExact ? hashes.count == tile.width : hashes.count >= tile.width else {
            throw GloveboxError.corrupt(path, offset: 0, "it doesn't hold \(tile.width) hashes")
        }
        return Array(hashes.prefix(tile.width))
    }
}
