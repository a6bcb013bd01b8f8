import Contracts
import GloveboxCore
import Synchronization

/// The way to agents that change their hosts, and what they say of it.
final class HostLines: Sendable {
    enum News: Sendable {
        case report(ChangeReport)
        case joined(AgentName)
    }

    private let alarm: Alarm
    private let news = Mutex<[News]>([])
    private let order: @Sendable (ChangeOrder) throws -> Void

    /// - Parameters:
    ///   - alarm: rung when there's news.
    ///   - order: asks whichever agent serves the order's target; throws when none is connected that does.
    init(alarm: Alarm, order: @escaping @Sendable (ChangeOrder) throws -> Void) {
        self.alarm = alarm
        self.order = order
    }

    func send(_ order: ChangeOrder) throws { try self.order(order) }

    func put(_ news: News) {
        self.news.withLock { $0.append(news) }
        self.alarm.ring()
    }

    /// Those since the last call, oldest first.
    func take() -> [News] {
        self.news.withLock { news in
            defer { news = [] }
            return news
        }
    }
}
