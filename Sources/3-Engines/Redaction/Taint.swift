import Crypto
import GloveboxCore
import Synchronization

/// The secrets that were masked under one lease, so that each is known again wherever it turns up later, by itself or
/// within something else.
///
/// Holds nothing raw: of each secret its length and a code (HMAC-SHA256 under a key that never leaves memory), of its
/// first twelve bytes another code, and bits in a filter that says for most bytes at once that no secret begins there.
/// Bounded: 4,096 secrets, about 350 KiB a lease, and nothing until the first secret. What comes beyond is masked where
/// a detector finds it, and counted (`taint_overflow` in a receipt).
final class Taint: Sendable {
    /// Fewest bytes of a secret; a shorter one may be a word that means something else elsewhere.
    static let shortest = 12
    static let longest = 4096
    static let most = 4096
    private static let filterBits = 20

    private struct Entry {
        var count: Int
        var code: Code
        var kind: Kind
    }

    private struct Code: Hashable {
        var high: UInt64
        var low: UInt64
    }

    private struct State {
        var filter: [UInt64] = []
        /// By the code of the first twelve bytes.
        var entries: [Code: [Entry]] = [:]
        var count = 0
    }

    private let code: HMAC<SHA256>
    /// The base of the rolling hash; odd, and this lease's own.
    private let base: UInt64
    /// The base to the power of a window's length.
    private let power: UInt64
    private let isEmpty = Atomic(true)
    private let isFull = Atomic(false)
    /// Is told once, when there is no room any more.
    private let overflowed: @Sendable () -> Void
    private let state = Mutex(State())

    init(overflowed: @escaping @Sendable () -> Void = {}) {
        self.overflowed = overflowed
        self.code = HMAC<SHA256>(key: SymmetricKey(size: .bits256))
        let base = UInt64.random(in: 0 ... .max) | 1
        self.base = base
        self.power = (0..<Self.shortest).reduce(1) { power, _ in power &* base }
    }

    /// Whether there is anything to look for.
    var isActive: Bool { !self.isEmpty.load(ordering: .acquiring) }

    // MARK: Keeping

    /// Keeps the words of a secret that are long enough and not all alike; personal data isn't kept.
    ///
    /// - Returns: false when there is no room.
    func keep(_ value: UnsafeRawBufferPointer, kind: Kind) -> Bool {
        guard value.count >= Self.shortest, !Kind.personal.contains(kind) else { return true }
        var isKept = true
        var start = 0
        var words = 0
        while start < value.count, words < Self.mostWords {
            var end = start
            while end < value.count, value[end] > 0x20 { end += 1 }
            let word = UnsafeRawBufferPointer(rebasing: value[start..<end])
            if (Self.shortest...Self.longest).contains(word.count), Set(word).count >= Self.fewestBytes {
                isKept = self.keep(word: word, kind: kind) && isKept
                words += 1
            }
            start = end + 1
        }
        if !isKept, !self.isFull.exchange(true, ordering: .relaxed) { self.overflowed() }
        return isKept
    }

    /// A private key is known again by its first lines.
    private static let mostWords = 4
    private static let fewestBytes = 6

    private func keep(word: UnsafeRawBufferPointer, kind: Kind) -> Bool {
        let head = self.sign(UnsafeRawBufferPointer(rebasing: word[..<Self.shortest]))
        let entry = Entry(count: word.count, code: self.sign(word), kind: kind)
        let place = self.place(word[..<Self.shortest].reduce(0) { $0 &* self.base &+ UInt64($1) })
        return self.state.withLock { state in
            if state.entries[head]?.contains(where: { $0.code == entry.code }) == true { return true }
            guard state.count < Self.most else { return false }
            if state.filter.isEmpty { state.filter = [UInt64](repeating: 0, count: 1 << (Self.filterBits - 6)) }
            state.filter[place >> 6] |= 1 << UInt64(place & 63)
            state.entries[head, default: []].append(entry)
            state.count += 1
            self.isEmpty.store(false, ordering: .releasing)
            return true
        }
    }

    private func sign(_ bytes: UnsafeRawBufferPointer) -> Code {
        var code = self.code
        code.update(data: bytes)
        return code.finalize().withUnsafeBytes { bytes in
            Code(
                high: bytes.loadUnaligned(as: UInt64.self), low: bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self)
            )
        }
    }

    /// Where the hash of a window has its bit: the low bits of a product say less than the high ones.
    private func place(_ hash: UInt64) -> Int {
        Int((hash &* 0x9E37_79B9_7F4A_7C15) >> UInt64(64 - Self.filterBits))
    }

    // MARK: Finding again

    /// Where kept secrets stand in `bytes`.
    ///
    /// - Parameter longest: secrets that are longer aren't looked for.
    func findings(in bytes: UnsafeRawBufferPointer, longest: Int = Taint.longest) -> [Finding] {
        guard self.isActive, bytes.count >= Self.shortest else { return [] }
        return self.state.withLock { state in
            var findings: [Finding] = []
            var hash: UInt64 = 0
            for offset in 0..<bytes.count {
                hash = hash &* self.base &+ UInt64(bytes[offset])
                if offset >= Self.shortest { hash &-= self.power &* UInt64(bytes[offset - Self.shortest]) }
                guard offset >= Self.shortest - 1 else { continue }
                let place = self.place(hash)
                guard state.filter[place >> 6] >> UInt64(place & 63) & 1 == 1 else { continue }
                let start = offset - Self.shortest + 1
                let head = self.sign(UnsafeRawBufferPointer(rebasing: bytes[start...offset]))
                for entry in state.entries[head] ?? []
                where entry.count <= longest && start + entry.count <= bytes.count {
                    let range = start..<(start + entry.count)
                    if self.sign(UnsafeRawBufferPointer(rebasing: bytes[range])) == entry.code {
                        findings.append(
                            Finding(
                                start: range.lowerBound, end: range.upperBound, kind: entry.kind, rank: Finding.tainted)
                        )
                    }
                }
            }
            return findings
        }
    }

    /// Kinds of a classified column that are secrets; what else a column may be classified as is its owner's word.
    static let ofColumns: Set<Kind> = [
        .password, .passwordHash, .secret, .token, .apiKey, .privateKey, Kind("credential"), Kind("cookie"),
    ]
}

extension Kind {
    /// Kinds that say something of a person or a place. As secrets they'd be too many to be kept, and each value of a
    /// classified column would be one; their detectors and names find them.
    static let personal: Set<Kind> = [
        .email, .phone, .card, .iban, .ssn, Kind("pin"), Kind("card_code"), Kind("bank_account"), Kind("national_id"),
        Kind("birth_date"), Kind("person_name"), Kind("address"), Kind("ip_address"), Kind("mac_address"),
        Kind("coordinates"), Kind("vin"), Kind("wallet"), Kind("user_name"), Kind("tenant"), Kind("resource_name"),
    ]

    /// In counts: secrets that there was no room to keep.
    package static let taintOverflow = Self("taint_overflow")
}
