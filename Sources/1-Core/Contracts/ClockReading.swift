package import GloveboxCore

/// What a machine's clocks showed at one moment.
package struct ClockReading: Hashable, Sendable {
    package var wall: WallTime
    package var boot: BootInstant
    package var bootID: BootID

    package init(wall: WallTime, boot: BootInstant, bootID: BootID) {
        self.wall = wall
        self.boot = boot
        self.bootID = bootID
    }
}

extension TimeSource {
    /// All clocks, read one after the other.
    package var reading: ClockReading {
        ClockReading(wall: self.wall, boot: self.boot, bootID: self.bootID)
    }
}
