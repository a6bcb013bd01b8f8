import Glibc
import Synchronization

/// Whether somebody asked the program to stop (SIGINT, SIGTERM), for a loop that looks between its steps.
enum Interrupts {
    private static let flag = Atomic(false)

    static var came: Bool { self.flag.load(ordering: .relaxed) }

    /// From here on the signals are noted, and end nothing by themselves.
    static func note() {
        // Made before a handler, in which nothing may be made, asks for it.
        self.flag.store(false, ordering: .relaxed)
        for number in [SIGINT, SIGTERM] { signal(number) { _ in Interrupts.flag.store(true, ordering: .relaxed) } }
    }
}
