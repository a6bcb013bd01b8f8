import Contracts
import ControlAPI
import GloveboxCore
import ServiceLifecycle

/// A log's records as they come in, for one who follows.
///
/// It ends by itself after ``longest``, so that whoever follows is asked again who they are.
actor RecordFollower {
    static let longest = Duration.seconds(300)
    private static let pause = Duration.milliseconds(250)
    private static let pausesUntilAlive = 60
    private static let recordsAtOnce = 100

    private let log: any RecordLog
    private let filter: RecordFilter
    private let time: any TimeSource
    private let end: BootInstant
    private var cursor: UInt64
    private var waiting: ArraySlice<ServerEvent> = []

    init(log: any RecordLog, filter: RecordFilter, after cursor: UInt64, time: any TimeSource) {
        self.log = log
        self.filter = filter
        self.time = time
        self.cursor = cursor
        self.end = time.boot.advanced(by: Self.longest)
    }

    /// - Returns: `nil` at the end.
    func next() async throws -> ServerEvent? {
        var pauses = 0
        while true {
            if let event = self.waiting.popFirst() { return event }
            try Task.checkCancellation()
            guard !Task.isShuttingDownGracefully, self.time.boot < self.end else { return nil }
            let page = try await self.log.read(after: self.cursor, limit: Self.recordsAtOnce, where: self.filter)
            self.cursor = max(self.cursor, page.reached)
            if !page.records.isEmpty {
                self.waiting = try Self.events(page)[...]
            } else if page.next == nil {
                guard pauses < Self.pausesUntilAlive else { return .alive }
                pauses += 1
                try await self.time.sleep(until: self.time.boot.advanced(by: Self.pause))
            }
        }
    }

    /// The cursor stands with the last one of a page: whoever breaks off before gets the page again.
    private static func events(_ page: RecordPage) throws -> [ServerEvent] {
        var events = try page.records.map { record in
            ServerEvent(
                name: "record", data: String(decoding: try JSONForm.encode(RecordEntry(record)), as: UTF8.self))
        }
        events[events.count - 1].id = String(page.reached)
        return events
    }
}
