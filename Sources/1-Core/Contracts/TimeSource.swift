package import GloveboxCore

/// The clocks that leases are judged by. Injected, so that tests own time.
package protocol TimeSource: Sendable {
    /// For people and records.
    var wall: WallTime { get }
    /// Time since this machine started, suspended time included.
    var boot: BootInstant { get }
    /// Which start of this machine `boot` counts from.
    var bootID: BootID { get }

    /// Returns at `instant` or soon after it.
    /// - Throws: `CancellationError` when the task is cancelled first.
    func sleep(until instant: BootInstant) async throws
}
