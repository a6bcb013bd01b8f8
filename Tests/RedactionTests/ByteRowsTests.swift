import CByteClasses
import TestSupport
import Testing

@testable import Redaction

@Suite("Rows of the byte scan")
struct ByteRowsTests {
    private func rows(
        _ text: [UInt8], before: Int = 0, _ fill: (UnsafeMutablePointer<UInt64>, UnsafePointer<UInt8>, Int, Int) -> Int
    ) -> (words: [UInt64], count: Int) {
        var words = [UInt64](repeating: .max, count: ByteRows.capacity)
        let count = words.withUnsafeMutableBufferPointer { words in
            text.withUnsafeBufferPointer { text in
                guard let base = words.baseAddress, let bytes = text.baseAddress else { return 0 }
                return fill(base, bytes + before, before, text.count - before)
            }
        }
        return (words, count)
    }

    /// Whether vector instructions give the same as the code without them, whatever the processor has.
    @Test("each byte at each place has the classes that it has without vector instructions")
    func places() {
        for byte in UInt8.min...UInt8.max {
            for place in 0..<64 {
                var bytes = [UInt8](repeating: 0x80, count: 64)
                bytes[place] = byte
                let (words, count) = self.rows(bytes, byte_rows_fill)
                #expect(count == 1)
                func word(_ row: Int) -> UInt64 { words[row * Int(byte_row_stride) + 1] }
                let bit = UInt64(1) << UInt64(place)
                #expect(word(byte_row_decimal) == (byte.isDigit ? bit : 0))
                #expect(word(byte_row_upper) == (byte.isUpper ? bit : 0))
                #expect(word(byte_row_letter) == (byte.isLetter ? bit : 0))
                #expect(word(byte_row_colon) == (byte == UInt8(ascii: ":") ? bit : 0))
                #expect(word(byte_row_blank) == (byte <= 0x20 || byte == 0x7F ? bit : 0))
                #expect(word(byte_row_sextet) == (EncodedText.sextet(byte) == nil ? 0 : bit))
                let encoded = encoded_classes_of(bytes, 64)
                #expect(encoded.all == encoded_classes_portably(bytes, 64).all)
                #expect(encoded.hexadecimal == (byte.isHexDigit ? bit : 0))
            }
        }
    }

    @Test("rows are the same without vector instructions, and wherever a text is cut into blocks")
    func portable() {
        var generator = SeededGenerator(seed: 20_261_128)
        let pieces = [
            "2026-11-26 10:11:12 ", "10.1.2.3", "aa:bb:cc:dd:ee:ff", "+41 79 123 45 67", "DE89370400440532013000",
            "\u{1B}[31m",
            "%3D", "x", "::", "1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2", "-", "é", "\n", "999-99-9999",
        ].map { Array($0.utf8) }
        for _ in 0..<2000 {
            var text: [UInt8] = []
            let length = Int.random(in: 1...3000, using: &generator)
            while text.count < length { text += pieces[Int.random(in: 0..<pieces.count, using: &generator)] }
            let before = Int.random(in: 0..<min(text.count, 100), using: &generator)
            let (words, count) = self.rows(text, before: before, byte_rows_fill)
            let (portable, portableCount) = self.rows(text, before: before, byte_rows_fill_portably)
            #expect(count == portableCount && count == min((text.count - before + 63) / 64, Int(byte_rows_blocks)))
            // The same block as the first of its own text has the same stops.
            let block = Int.random(in: 0..<count, using: &generator)
            let (alone, _) = self.rows(text, before: before + block * 64, byte_rows_fill)
            for row in 0..<Int(byte_row_count) {
                let start = row * Int(byte_row_stride) + 1
                #expect(words[start..<(start + count)] == portable[start..<(start + count)])
                #expect(words[start + block] == alone[start])
            }
        }
    }

    @Test("what lies behind the count is of no class")
    func counts() {
        for count in 1...64 {
            let bytes = [UInt8](repeating: UInt8(ascii: "7"), count: 64)
            let bits = count == 64 ? UInt64.max : (1 << UInt64(count)) - 1
            let (words, _) = self.rows(Array(bytes[..<count]), byte_rows_fill)
            #expect(words[Int(byte_row_decimal) * Int(byte_row_stride) + 1] == bits)
            #expect(words[Int(byte_row_sextet) * Int(byte_row_stride) + 1] == bits)
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
            "4111 ", "00", "81.56.", "(0", "date ", "\\n", "%3D", "\u{1B}[31m", "DE", "ch", "X", "AB", "ABCDE",
            "1M8GDM9AXKP0",
            "00-1B-44-11-3A-B7 ", "2001:db9::", "00:1B:44:11:3A:B7 ", "/", "2026-11-26 ",
            "1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2 ", "AB123456C ", "ABCDE1234F ", "X1234567L ", "DE89370400440532013000 ",
            "gb82west12345698765432 ", "1M8GDM9AXKP042788 ", "5550132x12 ",
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

extension encoded_classes {
    fileprivate var all: [UInt64] { [self.first, self.second, self.third, self.hexadecimal, self.high] }
}
