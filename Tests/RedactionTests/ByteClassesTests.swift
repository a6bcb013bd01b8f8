import CByteClasses
import TestSupport
import Testing

@testable import Redaction

@Suite("Classes of bytes")
struct ByteClassesTests {
    /// Whether vector instructions give the same as the code without them, whatever the processor has.
    @Test("each byte at each place has the classes that it has without vector instructions")
    func places() {
        for byte in UInt8.min...UInt8.max {
            for place in 0..<64 {
                var bytes = [UInt8](repeating: 0x80, count: 64)
                bytes[place] = byte
                let classes = byte_classes_of(bytes, 64)
                #expect(classes.all == byte_classes_portably(bytes, 64).all)
                let encoded = encoded_classes_of(bytes, 64)
                #expect(encoded.all == encoded_classes_portably(bytes, 64).all)
                let bit = UInt64(1) << UInt64(place)
                #expect(classes.decimal == (byte.isDigit ? bit : 0))
                #expect(classes.upper == (byte.isUpper ? bit : 0))
                #expect(classes.letter == (byte.isLetter ? bit : 0))
                #expect(classes.colon == (byte == UInt8(ascii: ":") ? bit : 0))
                #expect(classes.blank == (byte <= 0x20 || byte == 0x7F ? bit : 0))
                #expect(classes.sextet == (EncodedText.sextet(byte) == nil ? 0 : bit))
                #expect(encoded.hexadecimal == (byte.isHexDigit ? bit : 0))
            }
        }
    }

    @Test("what lies behind the count is of no class")
    func counts() {
        for count in 1...64 {
            let bytes = [UInt8](repeating: UInt8(ascii: "7"), count: 64)
            let bits = count == 64 ? UInt64.max : (1 << UInt64(count)) - 1
            #expect(byte_classes_of(bytes, count).decimal == bits)
            #expect(byte_classes_portably(bytes, count).sextet == bits)
            #expect(encoded_classes_of(bytes, count).high == bits)
        }
    }

    @Test("a row of digits is said to be perhaps text exactly where following it opens a run")
    func rows() {
        var generator = SeededGenerator(seed: 20_261_126)
        var opened = 0
        for round in 0..<40_000 {
            // Digits of few kinds, so that many rows are nearly text.
            let digits: [UInt8] = Array(round % 2 == 0 ? "CIaAgw0".utf8 : "2345670a".utf8)
            let count = Int.random(in: 16...150, using: &generator)
            var row = (0..<count).map { _ in digits[Int.random(in: 0..<digits.count, using: &generator)] }
            if Bool.random(using: &generator) { row[Int.random(in: 0..<count, using: &generator)] = UInt8(ascii: "_") }
            row.withUnsafeBufferPointer { row in
                guard let base = row.baseAddress else { return }
                let window = Window(base: base, first: 0, end: count, finished: true)
                var runs = EncodedRuns()
                #expect(runs.follow(from: 0, window) == count)
                #expect(runs.found.isEmpty != EncodedRuns.mayBeText(0..<count, window))
                if !runs.found.isEmpty { opened += 1 }
            }
        }
        #expect((1000...39_000).contains(opened))
    }

    /// Near the end of what has arrived every detector is asked about every digit; elsewhere only those that the digits'
    /// groups leave.
    @Test("a number is found by its groups exactly where all detectors asked would find it")
    func shapes() throws {
        var generator = SeededGenerator(seed: 20_261_127)
        let fixture = try Fixture()
        let digits = Array("0123456789".utf8)
        let separators = ["-", ".", " ", "", "", "/"].map { Array($0.utf8) }
        // National forms are found near words for them; addresses, cards and telephones by themselves.
        let words = [
            "phone ", "ssn ", "card ", "tin ", "cpf ", "nhs ", "sin ", "ein ", "dni ", "from ", "+", "id=", "GB",
            "4111 ", "00",
            "81.56.", "(0", "date ",
        ].map { Array($0.utf8) }
        var found = 0
        for _ in 0..<300 {
            var text: [UInt8] = []
            while text.count < 1500 {
                text += words[Int.random(in: 0..<words.count, using: &generator)]
                for _ in 0..<Int.random(in: 1...5, using: &generator) {
                    for _ in 0..<Int.random(in: 1...4, using: &generator) {
                        text.append(digits[Int.random(in: 0...9, using: &generator)])
                    }
                    text += separators[Int.random(in: 0..<separators.count, using: &generator)]
                }
                text.append(contentsOf: Bool.random(using: &generator) ? Array("\n".utf8) : Array(" ab ".utf8))
            }
            let whole = try fixture.stream([text])
            let pieces = stride(from: 0, to: text.count, by: 31).map { Array(text[$0..<min($0 + 31, text.count)]) }
            #expect(levelled(whole) == levelled(try fixture.stream(pieces)))
            if whole != text { found += 1 }
        }
        #expect(found > 100)
    }
}

extension byte_classes {
    fileprivate var all: [UInt64] {
        [
            self.decimal, self.separator, self.joint, self.mark, self.blank, self.line_feed, self.sextet, self.upper,
            self.letter, self.colon,
        ]
    }
}

extension encoded_classes {
    fileprivate var all: [UInt64] { [self.first, self.second, self.third, self.hexadecimal, self.high] }
}
