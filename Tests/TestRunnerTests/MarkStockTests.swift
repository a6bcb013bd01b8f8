import GloveboxCore
import Testing

@testable import TestRunner

@Suite("Marks that are kept for the next try of a case")
struct MarkStockTests {
    private let key = MarkStock.Key(testCase: "a", version: "v2")
    private let start = BootInstant(nanoseconds: 1_000_000_000)

    @Test("whoever sends a case a thousand times asks seldom, and each mark is given once")
    func seldom() {
        let stock = MarkStock()
        var now = self.start
        var asked: [Int] = []
        var given: [String] = []
        for _ in 0..<1_000 {
            var marks = stock.take(1, self.key, at: now)
            if marks.isEmpty {
                let count = stock.wish(1, self.key, at: now)
                let first = asked.reduce(0, +)
                asked.append(count)
                marks = stock.take(1, of: (0..<count).map { "\(first + $0)" }, self.key, askedAt: now)
            }
            given += marks.map(\.token)
            now = now.advanced(by: .milliseconds(50))
        }
        #expect(given == (0..<1_000).map { "\($0)" })
        #expect(asked.prefix(8) == [1, 1, 2, 4, 8, 16, 32, 64])
        #expect(asked.count < 20 && asked.max() == MarkWish.mostAtOnce)
    }

    @Test("what is too old or for others is not given, and after a pause no more is asked for than wanted")
    func others() {
        let stock = MarkStock()
        #expect(stock.take(0, of: ["one", "two"], self.key, askedAt: self.start) == [])
        #expect(stock.take(5, .init(testCase: "b", version: "v2"), at: self.start) == [])
        #expect(stock.take(5, .init(testCase: "a", version: nil), at: self.start) == [])
        #expect(stock.take(1, self.key, at: self.start).map(\.token) == ["one"])
        #expect(stock.wish(3, self.key, at: self.start) == 3)
        let later = self.start.advanced(by: MarkStock.life)
        #expect(stock.take(1, self.key, at: later) == [])
        #expect(stock.wish(0, self.key, at: later) == 1)
    }

    @Test("whoever asked gets of what came, and somebody who takes at that moment gets what's beyond")
    func atOnce() {
        let stock = MarkStock()
        // Two asked for one each: neither's is given to the other.
        #expect(stock.take(1, of: ["a"], self.key, askedAt: self.start).map(\.token) == ["a"])
        #expect(stock.take(1, self.key, at: self.start) == [])
        #expect(stock.take(1, of: ["b", "c"], self.key, askedAt: self.start).map(\.token) == ["b"])
        #expect(stock.take(5, self.key, at: self.start).map(\.token) == ["c"])
    }
}
