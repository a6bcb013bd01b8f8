import Glibc

/// A seeded run of many inputs. Each input follows from the seed and its own number alone, so that one that failed can be
/// run again by itself:
///
///     GLOVEBOX_FUZZ_SEED    the seed; printed by each run. `scripts/test --all` draws another each time.
///     GLOVEBOX_FUZZ_INPUT   only the input of this number
///     GLOVEBOX_FUZZ_TRACE   set: prints each number before its input, to find one that ends the process
package struct Fuzzing: Sendable {
    package let name: String
    package let seed: UInt64
    private let only: Int?
    private let isTracing: Bool
    /// One input alone: nothing can be said of all.
    package var isSingle: Bool { self.only != nil }

    package init(_ name: String) {
        self.name = name
        let drawn = Repository.runsAllTests ? UInt64.random(in: 1 ... .max) : 4711
        self.seed = Self.number("GLOVEBOX_FUZZ_SEED").flatMap { UInt64($0) } ?? drawn
        self.only = Self.number("GLOVEBOX_FUZZ_INPUT").flatMap { Int($0) }
        self.isTracing = getenv("GLOVEBOX_FUZZ_TRACE") != nil
        print("fuzzing \(name): GLOVEBOX_FUZZ_SEED=\(self.seed)")
    }

    private static func number(_ variable: String) -> String? { getenv(variable).map { String(cString: $0) } }

    /// Runs `body` for each of `count` inputs, ten times as many with `--all`.
    /// - Throws: what `body` throws, with the input's number.
    package func run(_ count: Int, _ body: (inout SeededGenerator) throws -> Void) throws {
        let all = 0..<(Repository.runsAllTests ? count * 10 : count)
        for number in self.only.map({ $0..<$0 + 1 }) ?? all {
            if self.isTracing { print("fuzzing \(self.name): input \(number)") }
            var generator = SeededGenerator(seed: self.seed &+ UInt64(number) &* 0xD134_2543_DE82_EF95)
            do {
                try body(&generator)
            } catch {
                throw TestSupportError(
                    "\(self.name): GLOVEBOX_FUZZ_SEED=\(self.seed) GLOVEBOX_FUZZ_INPUT=\(number): \(error)")
            }
        }
    }
}

extension SeededGenerator {
    /// True once in `count` times.
    package mutating func once(in count: Int) -> Bool { Int.random(in: 0..<count, using: &self) == 0 }

    package mutating func place(in count: Int) -> Int { count == 0 ? 0 : Int.random(in: 0..<count, using: &self) }

    /// `bytes` with one to three faults of the kinds that wires and liars make.
    package mutating func spoiled(_ bytes: [UInt8]) -> [UInt8] {
        var bytes = bytes
        for _ in 0..<Int.random(in: 1...3, using: &self) where !bytes.isEmpty {
            let start = self.place(in: bytes.count)
            let end = min(bytes.count, start + Int.random(in: 1...8, using: &self))
            switch Int.random(in: 0..<8, using: &self) {
            case 0: bytes[start] ^= UInt8(1) << UInt8(self.place(in: 8))
            case 1: bytes[start] = [0, 1, 0x7F, 0x80, 0xFF][self.place(in: 5)]
            case 2: bytes[start] = UInt8.random(in: .min ... .max, using: &self)
            case 3: bytes.insert(contentsOf: self.bytes(Int.random(in: 1...6, using: &self)), at: start)
            case 4: bytes.removeSubrange(start..<end)
            case 5: bytes.insert(contentsOf: bytes[start..<end], at: self.place(in: bytes.count))
            case 6: bytes.removeLast(bytes.count - start)
            default:
                // A length or a count, most likely.
                let number = [0, 1, 3, 4, 5, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF, UInt32(bytes.count)][
                    self.place(in: 9)]
                for index in 0..<4 where start + index < bytes.count {
                    bytes[start + index] = UInt8(truncatingIfNeeded: number >> UInt32(24 - 8 * index))
                }
            }
        }
        return bytes
    }
}
