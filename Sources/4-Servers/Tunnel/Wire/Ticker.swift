import Contracts
import GloveboxCore

/// Calls back at an even pace of an injected clock, until stopped. One of the two places where the tunnel begins a
/// task by itself: all timers of liveness hang on it, so that tests own their time.
final class Ticker: Sendable {
    private let task: Task<Void, Never>

    init(every pace: Duration, of time: any TimeSource, _ body: @escaping @Sendable (BootInstant) -> Void) {
        self.task = Task {
            while (try? await time.sleep(until: time.boot.advanced(by: pace))) != nil {
                body(time.boot)
            }
        }
    }

    func stop() {
        self.task.cancel()
    }
}
