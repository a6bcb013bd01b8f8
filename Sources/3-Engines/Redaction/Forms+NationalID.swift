import GloveboxCore

/// Numbers that a state gives to a person: by their form and their check digits, and where those are weak, only near a
/// word that says so.
extension View {
    /// The number that begins at the digit at `start`, or a few letters before it.
    mutating func nationalID(_ detector: Detector, start: Int) -> Finding? {
        let letters = ByteSet.letters
        var first = self.run(of: letters, backFrom: start, most: 7)
        // The last letter of an escape isn't the number's.
        if first < start, self.startsToken(first + 1) { first += 1 }
        guard start - first <= 6, self.startsToken(first),
            ![0x2D, 0x2E, 0x2F, 0x5F].contains(self.at(first - 1))
        else { return nil }
        if first < start { return self.lettered(detector, first: first, digits: start) }
        return self.numeric(detector, start: start)
    }

    // MARK: Digits alone

    private mutating func numeric(_ detector: Detector, start: Int) -> Finding? {
        var digits = NumberDigits()
        var layout = 0
        var length = 0
        var offset = start
        // Groups as digits of one number: `3-2-4` is 324; the separator must stay the same but for the last (`-`, `/`).
        while digits.count < 20, self.at(offset).isDigit {
            digits.append(self.at(offset) - 0x30)
            length += 1
            offset += 1
            let byte = self.at(offset)
            if byte == UInt8(ascii: ".") || byte == UInt8(ascii: "-") || byte == UInt8(ascii: "/") || byte == 0x20,
                self.at(offset + 1).isDigit
            {
                layout = layout * 10 + length
                length = 0
                offset += 1
            }
        }
        layout = layout * 10 + length
        // A last letter: `12345678Z` of Spain, `…X` of China.
        let last = self.at(offset)
        if last.isLetter, !self.at(offset + 1).isAlphanumeric {
            return self.lastLetter(detector, start..<(offset + 1), digits, layout, last.lowercased)
        }
        if layout == 222 { return self.spacedNINO(detector, start..<offset) }
        guard self.endsNumber(offset), self.isNational(digits, layout, start) else { return nil }
        return Finding(start: start, end: offset, kind: detector.kind)
    }

    private mutating func isNational(_ digits: NumberDigits, _ layout: Int, _ start: Int) -> Bool {
        switch (digits.count, layout) {
        // Brazil: CPF and CNPJ, two digits modulo 11 each.
        case (11, 3332): return digits.isCPF || (digits.isSNILS && self.says(["snils"], start))
        case (14, 23342): return digits.isCNPJ
        case (11, 11) where digits.isCPF && self.says(["cpf", "contribuinte"], start): return true
        case (14, 14) where digits.isCNPJ && self.says(["cnpj"], start): return true
        // Germany: tax identification number, ISO 7064 (MOD 11, 10).
        case (11, 11), (11, 2333):
            return (digits.isMod1110 && self.says(["steuer", "tin", "tax id", "idnr"], start))
                || (digits.isPESEL && self.says(["pesel"], start))
                || (digits.isSNILS && self.says(["snils"], start))
                || (digits.isTCKN && self.says(["tckn", "kimlik"], start))
        // Russia: INN of a person.
        case (12, 12):
            return (digits.isINN && self.says(["inn", "taxpayer", "инн"], start))
                || (digits.isMyNumber && self.says(["my number", "mynumber", "個人番号", "マイナンバー"], start))
        // India: Aadhaar, Verhoeff's scheme.
        case (12, 444) where digits.isMyNumber && self.says(["my number", "mynumber"], start): return true
        case (12, 444): return digits[0] >= 2 && digits.isVerhoeff && self.says(["aadhaar", "aadhar", "uid"], start)
        // China: resident identity number, region, date and ISO 7064 (MOD 11-2).
        case (18, 18): return digits.isChineseID
        // France: number of social security, key modulo 97.
        case (15, 15), (15, 1_222_332):
            return digits.isNIR && (layout != 15 || self.says(["nir", "sécu", "secu", "insee", "social"], start))
        // Canada: social insurance number. Australia: tax file number. United Kingdom: NHS number.
        case (9, 333), (9, 9):
            return (digits.isLuhn && self.says(["sin", "insurance", "social"], start))
                || (digits.isTFN && self.says(["tfn", "tax file"], start))
        case (10, 334), (10, 10): return digits.isNHS && self.says(["nhs"], start)
        // South Korea: resident registration number.
        case (13, 67): return digits.isKoreanID
        // United States: individual and employer numbers.
        case (9, 324): return digits[0] == 9 && (5...9).contains(digits[3]) && self.says(["itin", "tax"], start)
        case (9, 27):
            return self.says(["ein", "fein"], start, asWord: true) || self.says(["employer", "tax id"], start)
        default: return false
        }
    }

    private mutating func says(_ words: ContextWords, _ start: Int, asWord: Bool = false) -> Bool {
        self.hasContext(words, before: start, within: 40, asWord: asWord)
    }

    private mutating func lastLetter(
        _ detector: Detector, _ range: Range<Int>, _ digits: NumberDigits, _ layout: Int, _ letter: UInt8
    ) -> Finding? {
        let isFound =
            switch (digits.count, layout) {
            case (8, 8):
                NumberDigits.letterOfDNI(digits.value) == letter
                    && (self.says(["dni", "nif"], range.lowerBound, asWord: true)
                        || self.says(["identidad"], range.lowerBound))
            case (17, 17): letter == UInt8(ascii: "x") && digits.isChineseID
            default: false
            }
        return isFound ? Finding(start: range.lowerBound, end: range.upperBound, kind: detector.kind) : nil
    }

    // MARK: Letters first

    private mutating func lettered(_ detector: Detector, first: Int, digits start: Int) -> Finding? {
        let end = self.run(of: .alphanumeric, from: first, most: 19)
        guard !self.at(end).isAlphanumeric, self.endsNumber(end) else { return nil }
        let isFound =
            switch (start - first, end - first) {
            // Mexico: CURP, with date and sex, and its check digit.
            case (4, 18): self.isCURP(first)
            // Italy: codice fiscale, its last letter a checksum.
            case (6, 16): self.isCodiceFiscale(first)
            // India: PAN, near a word for it.
            case (5, 10): self.hasShape("AAAAA9999A", at: first) && self.says(["pan", "permanent account"], first)
            // Spain: number of a foreigner.
            case (1, 9): self.isNIE(first)
            // United Kingdom: national insurance number.
            case (2, 9): self.isNINO(first) && self.hasShape("AA999999A", at: first)
            default: false
            }
        return isFound ? Finding(start: first, end: end, kind: detector.kind) : nil
    }

    /// Whether letters (`A`) and digits (`9`) stand as in `shape`; capitals only.
    private mutating func hasShape(_ shape: StaticString, at first: Int) -> Bool {
        for index in 0..<shape.utf8CodeUnitCount {
            let byte = self.at(first + index)
            guard shape.utf8Start[index] == 0x39 ? byte.isDigit : byte.isUpper else { return false }
        }
        return true
    }

    private mutating func isNINO(_ first: Int) -> Bool {
        let (a, b) = (self.at(first), self.at(first + 1))
        guard a.isUpper, b.isUpper, !ByteSet("DFIQUV").contains(a), !ByteSet("DFIOQUV").contains(b) else {
            return false
        }
        let pair = (a, b)
        let unused: [(UInt8, UInt8)] = [
            (0x42, 0x47), (0x47, 0x42), (0x4B, 0x4E), (0x4E, 0x4B), (0x4E, 0x54), (0x54, 0x4E), (0x5A, 0x5A),
        ]
        return !unused.contains { $0 == pair }
    }

    /// `AB 12 34 56 C`, as it's printed: from its digits on, since no finding begins before a blank that its anchor follows.
    private mutating func spacedNINO(_ detector: Detector, _ range: Range<Int>) -> Finding? {
        let (first, last) = (range.lowerBound - 3, range.upperBound + 1)
        guard self.at(first + 2) == 0x20, self.isNINO(first), self.startsToken(first),
            self.at(last - 1) == 0x20, (0x41...0x44).contains(self.at(last)), !self.at(last + 1).isAlphanumeric
        else { return nil }
        return Finding(start: range.lowerBound, end: last + 1, kind: detector.kind)
    }

    private mutating func isNIE(_ first: Int) -> Bool {
        guard self.hasShape("A9999999A", at: first) else { return false }
        let lead: Int
        switch self.at(first) {
        case UInt8(ascii: "X"): lead = 0
        case UInt8(ascii: "Y"): lead = 1
        case UInt8(ascii: "Z"): lead = 2
        default: return false
        }
        var value = lead
        for offset in (first + 1)..<(first + 8) { value = value * 10 + Int(self.at(offset) - 0x30) }
        return NumberDigits.letterOfDNI(value) == self.at(first + 8).lowercased
    }

    private mutating func isCURP(_ first: Int) -> Bool {
        guard self.hasShape("AAAA999999AAAAAA", at: first), self.at(first + 17).isDigit,
            ByteSet("HMX").contains(self.at(first + 10))
        else { return false }
        var sum = 0
        for index in 0..<17 {
            let byte = self.at(first + index)
            // Letters count from 10 on, with Ñ between N and O.
            let value = byte.isDigit ? Int(byte - 0x30) : Int(byte - 0x41) + 10 + (byte > UInt8(ascii: "N") ? 1 : 0)
            sum += value * (18 - index)
        }
        return (10 - sum % 10) % 10 == Int(self.at(first + 17) - 0x30)
    }

    private mutating func isCodiceFiscale(_ first: Int) -> Bool {
        // Digits may be replaced by letters where two people would have the same (omocodia).
        guard self.hasShape("AAAAAA99A99A", at: first), self.at(first + 15).isUpper else { return false }
        let odd = [1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23]
        var sum = 0
        for index in 0..<15 {
            let byte = self.at(first + index)
            guard byte.isDigit || byte.isUpper else { return false }
            let value = byte.isDigit ? Int(byte - 0x30) : Int(byte - 0x41)
            sum += index % 2 == 0 ? odd[value] : value
        }
        return UInt8(sum % 26) + 0x41 == self.at(first + 15)
    }

    // MARK: Vehicles

    /// A vehicle identification number (ISO 3779) with its check digit (49 CFR 565): the digit at `start` is its first.
    mutating func vin(_ detector: Detector, start: Int) -> Finding? {
        let set = ByteSet.upper.union(.digits)
        let first = self.run(of: set, backFrom: start, most: 18)
        let end = self.run(of: set, from: start, most: 18)
        guard end - first == 17, self.startsToken(first), !self.at(end).isAlphanumeric else { return nil }
        let weights = [8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2]
        let values = [1, 2, 3, 4, 5, 6, 7, 8, 0, 1, 2, 3, 4, 5, 0, 7, 0, 9, 2, 3, 4, 5, 6, 7, 8, 9]
        var sum = 0
        var letters = 0
        for index in 0..<17 {
            let byte = self.at(first + index)
            if ByteSet("IOQ").contains(byte) || (index >= 13 && !byte.isDigit) { return nil }
            if byte.isUpper { letters += 1 }
            sum += (byte.isDigit ? Int(byte - 0x30) : values[Int(byte - 0x41)]) * weights[index]
        }
        let check = sum % 11 == 10 ? UInt8(ascii: "X") : UInt8(sum % 11) + 0x30
        guard letters >= 2, self.at(first + 8) == check else { return nil }
        return Finding(start: first, end: end, kind: detector.kind)
    }
}

/// Up to twenty digits and what checks them.
struct NumberDigits {
    private var digits = InlineArray<20, UInt8>(repeating: 0)
    private(set) var count = 0

    mutating func append(_ digit: UInt8) {
        guard self.count < 20 else { return }
        self.digits[self.count] = digit
        self.count += 1
    }

    subscript(index: Int) -> Int { Int(self.digits[index]) }

    var value: Int { (0..<self.count).reduce(0) { $0 &* 10 &+ self[$1] } }

    private var isUniform: Bool { (1..<self.count).allSatisfy { self[$0] == self[0] } }

    private func sum(_ weights: [Int]) -> Int {
        weights.indices.reduce(0) { $0 + self[$1] * weights[$1] }
    }

    /// Receita Federal: two check digits, each eleven less the remainder, or zero.
    var isCPF: Bool {
        guard self.count == 11, !self.isUniform else { return false }
        func check(_ rest: Int) -> Int { rest < 2 ? 0 : 11 - rest }
        return check(self.sum([10, 9, 8, 7, 6, 5, 4, 3, 2]) % 11) == self[9]
            && check(self.sum([11, 10, 9, 8, 7, 6, 5, 4, 3, 2]) % 11) == self[10]
    }

    var isCNPJ: Bool {
        guard self.count == 14, !self.isUniform else { return false }
        func check(_ rest: Int) -> Int { rest < 2 ? 0 : 11 - rest }
        return check(self.sum([5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2]) % 11) == self[12]
            && check(self.sum([6, 5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2]) % 11) == self[13]
    }

    /// ISO 7064, MOD 11, 10.
    var isMod1110: Bool {
        var product = 10
        for index in 0..<(self.count - 1) {
            let sum = (self[index] + product) % 10
            product = (sum == 0 ? 10 : sum) * 2 % 11
        }
        return self[0] != 0 && (11 - product) % 10 == self[self.count - 1]
    }

    var isPESEL: Bool { (10 - self.sum([1, 3, 7, 9, 1, 3, 7, 9, 1, 3]) % 10) % 10 == self[10] }

    /// The insurance number of Russia: a sum modulo 101.
    var isSNILS: Bool {
        let rest = self.sum([9, 8, 7, 6, 5, 4, 3, 2, 1]) % 101
        return (rest == 100 ? 0 : rest) == self[9] * 10 + self[10]
    }

    var isTCKN: Bool {
        guard self[0] != 0 else { return false }
        let odd = self[0] + self[2] + self[4] + self[6] + self[8]
        let even = self[1] + self[3] + self[5] + self[7]
        return ((odd * 7 - even) % 10 + 10) % 10 == self[9] && (odd + even + self[9]) % 10 == self[10]
    }

    /// The tax number of a person in Russia.
    var isINN: Bool {
        self.sum([7, 2, 4, 10, 3, 5, 9, 4, 6, 8]) % 11 % 10 == self[10]
            && self.sum([3, 7, 2, 4, 10, 3, 5, 9, 4, 6, 8]) % 11 % 10 == self[11]
    }

    /// The individual number of Japan.
    var isMyNumber: Bool {
        let rest = self.sum([6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2]) % 11
        return (rest <= 1 ? 0 : 11 - rest) == self[11]
    }

    /// GB 11643: region, date of birth, and a check digit by ISO 7064, MOD 11-2; without its last when that is an X.
    var isChineseID: Bool {
        let (year, month, day) = (
            self[6] * 1000 + self[7] * 100 + self[8] * 10 + self[9], self[10] * 10 + self[11], self[12] * 10 + self[13]
        )
        guard (11...82).contains(self[0] * 10 + self[1]), (1900...2099).contains(year), (1...12).contains(month),
            (1...31).contains(day)
        else { return false }
        let rest = self.sum([7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2]) % 11
        let check = (12 - rest) % 11
        return self.count == 17 ? check == 10 : check == self[17]
    }

    /// INSEE: sex, year, month, and a key modulo 97.
    var isNIR: Bool {
        guard (1...4).contains(self[0]) || (7...8).contains(self[0]),
            (1...12).contains(self[3] * 10 + self[4]) || self[3] >= 2
        else {
            return false
        }
        let body = (0..<13).reduce(0) { $0 * 10 + self[$1] }
        return 97 - body % 97 == self[13] * 10 + self[14]
    }

    var isLuhn: Bool {
        var sum = 0
        for index in 0..<self.count {
            let digit = self[self.count - 1 - index]
            sum += index % 2 == 0 ? digit : digit > 4 ? digit * 2 - 9 : digit * 2
        }
        return sum % 10 == 0 && !self.isUniform
    }

    var isTFN: Bool { self.sum([1, 4, 3, 7, 5, 8, 6, 9, 10]) % 11 == 0 && !self.isUniform }

    var isNHS: Bool {
        let check = 11 - self.sum([10, 9, 8, 7, 6, 5, 4, 3, 2]) % 11
        return check != 10 && check % 11 == self[9] && !self.isUniform
    }

    var isKoreanID: Bool {
        guard (1...12).contains(self[2] * 10 + self[3]), (1...31).contains(self[4] * 10 + self[5]),
            (1...8).contains(self[6])
        else {
            return false
        }
        return (11 - self.sum([2, 3, 4, 5, 6, 7, 8, 9, 2, 3, 4, 5]) % 11) % 10 == self[12]
    }

    /// J. Verhoeff, "Error detecting decimal codes": the dihedral group of order ten.
    var isVerhoeff: Bool {
        let permutation = [1, 5, 7, 6, 2, 8, 3, 0, 9, 4]
        func times(_ a: Int, _ b: Int) -> Int {
            switch (a < 5, b < 5) {
            case (true, true): (a + b) % 5
            case (true, false): 5 + (a + b - 5) % 5
            case (false, true): 5 + (a - 5 - b + 5) % 5
            case (false, false): (a - b + 5) % 5
            }
        }
        var check = 0
        for index in 0..<self.count {
            var digit = self[self.count - 1 - index]
            for _ in 0..<(index % 8) { digit = permutation[digit] }
            check = times(check, digit)
        }
        return check == 0
    }

    static func letterOfDNI(_ value: Int) -> UInt8 {
        let letters: StaticString = "trwagmyfpdxbnjzsqvhlcke"
        return letters.utf8Start[value % 23]
    }
}
