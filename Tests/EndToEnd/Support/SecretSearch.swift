import TestSupport

/// Looks for many secrets at once in anything that the tests get hold of.
struct SecretSearch: Sendable {
    /// By the first eight bytes.
    private let needles: [UInt64: [[UInt8]]]
    let count: Int

    /// - Throws: for a secret that's too short to be looked for.
    init(_ secrets: some Sequence<String>) throws {
        var needles: [UInt64: Set<[UInt8]>] = [:]
        // A private key's lines are looked for one by one, since a line break has more than one written form.
        for secret in secrets.flatMap({ $0.split(separator: "\n") }) {
            let bytes = Array(secret.utf8)
            guard bytes.count >= 8 else {
                throw TestSupportError("a secret of \(bytes.count) bytes can't be looked for")
            }
            needles[bytes.withUnsafeBytes { $0.loadUnaligned(as: UInt64.self) }, default: []].insert(bytes)
        }
        self.needles = needles.mapValues(Array.init)
        self.count = needles.values.reduce(0) { $0 + $1.count }
    }

    /// Every secret of a shop.
    init(of database: TestDatabase) async throws {
        try self.init(await ShopDatabase.secrets(of: database).map(\.value))
    }

    /// The secrets that are in `bytes`, at most ten.
    func found(in bytes: [UInt8]) -> [String] {
        guard bytes.count >= 8 else { return [] }
        var found: Set<[UInt8]> = []
        bytes.withUnsafeBytes { all in
            for start in 0...(all.count - 8) {
                guard let candidates = self.needles[all.loadUnaligned(fromByteOffset: start, as: UInt64.self)] else {
                    continue
                }
                for needle in candidates where all[start...].starts(with: needle) { found.insert(needle) }
                if found.count >= 10 { return }
            }
        }
        return found.map { String(decoding: $0, as: UTF8.self) }.sorted()
    }

    func found(in text: String) -> [String] {
        self.found(in: Array(text.utf8))
    }

    /// What is in the files under `folder`, by file.
    func found(under folder: String) throws -> [String: [String]] {
        var found: [String: [String]] = [:]
        for file in filesUnder(folder) {
            let here = self.found(in: try readFile(file))
            if !here.isEmpty { found[file] = here }
        }
        return found
    }
}
