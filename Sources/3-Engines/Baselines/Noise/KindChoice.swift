import JSONDocument

/// Which kind of noise has all values of one path. From the narrowest on; none where nothing short of "anything" would
/// do.
struct KindChoice {
    /// Values that differ, by run.
    private let columns: [[JSON]]
    private let now: Double
    /// Whether they're words of a text, which have no words themselves.
    private let isWord: Bool

    /// How much further than was seen a number may go: few runs show little of what there is.
    static let slack = 3.0
    /// Two answers one after the other are seldom further apart.
    static let leastSeconds = 60.0

    init(_ columns: [[JSON]], now: Double, isWord: Bool = false) {
        self.columns = columns
        self.now = now
        self.isWord = isWord
    }

    private var all: [JSON] { self.columns.flatMap(\.self) }

    /// One kind for all; or else for each column its own, if there's one.
    func kind() -> NoiseKind? {
        if let kind = self.commonKind() { return kind }
        guard self.columns.count > 1, let kinds = Self.kinds(self.columns, now: self.now, isWord: self.isWord) else {
            return nil
        }
        return .either(kinds)
    }

    private func commonKind() -> NoiseKind? {
        let texts = self.all.compactMap(\.string)
        let numbers = self.all.compactMap(\.number)
        if texts.count == self.all.count {
            // A token among quotes and the like is looked for by its words, before these are taken for part of it.
            let token = TokenShape.learned(texts)
            let narrow = token.flatMap { $0.alphabet == .visible ? nil : NoiseKind.token($0) }
            return self.uuid(texts) ?? self.time(texts) ?? self.counter() ?? narrow ?? self.tolerance() ?? self.oneOf()
                ?? self.words() ?? token.map { .token($0) }
        }
        if numbers.count == self.all.count {
            return self.unix(numbers.map(\.text)) ?? self.counter() ?? self.tolerance()
        }
        return self.oneOf()
    }

    private func uuid(_ texts: [String]) -> NoiseKind? {
        [false, true].first { isUpperCase in texts.allSatisfy { NoiseKind.isUUID($0, isUpperCase) } }
            .map { .uuid(isUpperCase: $0) }
    }

    // MARK: times

    private func time(_ texts: [String]) -> NoiseKind? {
        var formats: [TimeFormat] = []
        for text in texts {
            guard let format = TimeFormat.recognised(text) else { return self.unix(texts) }
            if !formats.contains(format) { formats.append(format) }
        }
        // Fractions without their last zeros have any length.
        var merged: [TimeFormat] = []
        for format in formats {
            let any = format.withAnyFraction
            let isOneOfSeveral = any != nil && formats.count { $0.withAnyFraction == any } > 1
            let chosen = isOneOfSeveral ? any ?? format : format
            if !merged.contains(chosen) { merged.append(chosen) }
        }
        return .time(merged, within: self.spread(merged))
    }

    private func unix(_ texts: [String]) -> NoiseKind? {
        var format: TimeFormat?
        for text in texts {
            guard let found = TimeFormat.recognised(unix: text, now: self.now), format == nil || format == found else {
                return nil
            }
            format = found
        }
        return format.map { .time([$0], within: self.spread([$0])) }
    }

    /// Ten times what was seen in one column, and a minute at least.
    private func spread(_ formats: [TimeFormat]) -> Int {
        let widest = self.columns.map { column in
            let seconds = column.compactMap { value in
                formats.lazy.compactMap { $0.seconds(value.string ?? value.number?.text ?? "") }.first
            }
            return (seconds.max() ?? 0) - (seconds.min() ?? 0)
        }.max()
        return Int(min(max(Self.leastSeconds, (widest ?? 0) * 10), 1e9).rounded(.up))
    }

    // MARK: numbers

    /// Three runs at least: two numbers are always in some order.
    private func counter() -> NoiseKind? {
        var isFalling: Bool?
        var (least, most, widest) = (Int64.max, Int64.min, 0.0)
        for column in self.columns {
            let values = column.compactMap(NoiseKind.whole)
            guard values.count == column.count, values.count >= 3 else { return nil }
            let rises = zip(values, values.dropFirst()).allSatisfy { $0 < $1 }
            guard rises || zip(values, values.dropFirst()).allSatisfy({ $0 > $1 }), isFalling ?? !rises == !rises else {
                return nil
            }
            isFalling = !rises
            widest = max(widest, abs(Double(values.last ?? 0) - Double(values.first ?? 0)))
            (least, most) = (min(least, values.min() ?? least), max(most, values.max() ?? most))
        }
        // As with times: ten times what was seen.
        let within = Int64(min(max(10, widest * 10), 1e18))
        return isFalling.map { .counter(.init(isFalling: $0, from: $0 ? most : least, within: within)) }
    }

    private func tolerance() -> NoiseKind? {
        var widest = 0.0
        for column in self.columns {
            let values = column.compactMap(NoiseKind.Tolerance.number)
            guard values.count == column.count, let first = values.first,
                values.allSatisfy({ $0.isWhole == first.isWhole || column.first?.number != nil }),
                column.first?.number != nil || values.allSatisfy({ $0.digits == first.digits })
            else { return nil }
            widest = max(widest, (values.map(\.value).max() ?? 0) - (values.map(\.value).min() ?? 0))
        }
        return .tolerance(.init(absolute: Self.rounded(widest * Self.slack)))
    }

    /// Up, to four digits: what's kept is for people to read.
    private static func rounded(_ value: Double) -> Double {
        guard value > 0, value < 1e15, value > 1e-15 else { return value }
        var scale = 1.0
        while value * scale < 1000 { scale *= 10 }
        let whole = (value * scale * (1 - 1e-12)).rounded(.up) / scale
        return value == value.rounded() ? value : whole
    }

    // MARK: texts

    /// Values that come back: each has to be seen twice on average, in four runs at least.
    private func oneOf() -> NoiseKind? {
        guard !self.isWord else { return nil }
        var values: [JSON] = []
        var known: Set<JSON> = []
        for column in self.columns {
            guard column.count >= 4, Set(column).count * 2 <= column.count else { return nil }
            for value in column where known.insert(value).inserted { values.append(value) }
        }
        return .oneOf(values)
    }

    private func words() -> NoiseKind? {
        guard !self.isWord else { return nil }
        var differing: [[JSON]] = []
        for column in self.columns {
            let split = column.map { TextWords.words($0.string ?? "") }
            guard let first = split.first, first.count > 1, split.allSatisfy({ $0.count == first.count }) else {
                return nil
            }
            for index in first.indices where split.contains(where: { $0[index] != first[index] }) {
                differing.append(split.map { .string($0[index]) })
            }
        }
        let kinds = Self.kinds(differing, now: self.now, isWord: true)
        return kinds.flatMap { $0.isEmpty ? nil : .words($0) }
    }

    /// Of each column its kind; those of one are learned together. Nil where one of them has none.
    private static func kinds(_ columns: [[JSON]], now: Double, isWord: Bool) -> [NoiseKind]? {
        var byName: [(name: String, columns: [[JSON]])] = []
        for column in columns {
            guard let kind = KindChoice([column], now: now, isWord: isWord).commonKind() else { return nil }
            if let index = byName.firstIndex(where: { $0.name == kind.name }) {
                byName[index].columns.append(column)
            } else {
                byName.append((kind.name, [column]))
            }
        }
        var kinds: [NoiseKind] = []
        for (_, columns) in byName {
            guard let kind = KindChoice(columns, now: now, isWord: isWord).commonKind() else { return nil }
            kinds.append(kind)
        }
        return kinds
    }
}
