import Contracts
import ControlAPI
import FlagRules
import GloveboxCore

/// Turns epochs into what one that evaluates by itself has to know: the whole of the first, and steps from then on. It ends
/// by itself after about five minutes, so that whoever follows is asked again who they are.
actor FlagFollower {
    private let house: FlagHouse
    private let number: Int
    private var epochs: AsyncStream<ServedEpoch>.AsyncIterator
    /// The epoch that the other side has.
    private var tag: String?
    private var terms: Int?
    private let time: any TimeSource
    private let end: BootInstant
    private var isOver = false
    /// Not all at one moment, though they may have begun so.
    private static let longest = 240...300

    init(_ house: FlagHouse, _ target: TargetName, having tag: String?, time: any TimeSource) {
        let (number, epochs) = house.follow(target, having: tag)
        self.house = house
        self.number = number
        self.epochs = epochs.makeAsyncIterator()
        self.tag = tag
        self.time = time
        self.end = time.boot.advanced(by: .seconds(Int.random(in: Self.longest)))
    }

    nonisolated func acknowledge(_ tag: String) {
        self.house.acknowledge(self.number, tag)
    }

    func next() async -> ServerEvent? {
        guard !self.isOver else { return nil }
        var epochs = self.epochs
        let served = await epochs.next(isolation: self)
        self.epochs = epochs
        guard let served, self.time.boot < self.end else {
            self.isOver = true
            return ServerEvent(.end)
        }
        defer {
            self.tag = served.epoch.tag
            self.terms = served.terms
        }
        guard self.tag != served.epoch.tag else {
            // The same one again is a sign of life.
            return self.terms == served.terms
                ? .alive : ServerEvent(.remaining(served.remaining(at: self.time.reading)))
        }
        self.house.tell(self.number, served.epoch)
        if let step = served.step, step.after == self.tag { return step.event }
        return ServerEvent(
            .epoch(served.epoch.state, tag: served.epoch.tag, remaining: served.remaining(at: self.time.reading)))
    }
}
