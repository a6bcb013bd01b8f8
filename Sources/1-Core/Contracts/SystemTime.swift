package import GloveboxCore

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// This machine's clocks: `CLOCK_REALTIME`, `CLOCK_BOOTTIME`, and the kernel's random boot id.
package struct SystemTime: TimeSource {
    package let bootID: BootID

    package init() {
        self.bootID = Self.readBootID()
    }

    package var wall: WallTime {
        WallTime(nanoseconds: Self.read(CLOCK_REALTIME))
    }

    package var boot: BootInstant {
        #if canImport(Glibc)
            BootInstant(nanoseconds: Self.read(CLOCK_BOOTTIME))
        #else
            BootInstant(nanoseconds: Self.read(CLOCK_MONOTONIC))
        #endif
    }

    /// Timers stand still while a machine is suspended, so this wakes at least every second and looks again.
    package func sleep(until instant: BootInstant) async throws {
        while case let left = self.boot.duration(to: instant), left > .zero {
            try await Task.sleep(for: min(left, .seconds(1)))
        }
    }

    private static func read(_ clock: clockid_t) -> Int64 {
        var time = timespec()
        clock_gettime(clock, &time)
        return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
    }

    /// Without the kernel's id every start counts as another boot, which only ever shortens a lease.
    private static func readBootID() -> BootID {
        guard let file = fopen("/proc/sys/kernel/random/boot_id", "r") else {
            return BootID(InstanceID.random().rawValue)
        }
        defer { fclose(file) }
        var line = [CChar](repeating: 0, count: 64)
        guard fgets(&line, Int32(line.count), file) != nil else { return BootID(InstanceID.random().rawValue) }
        return BootID(String(decoding: line.prefix { $0 > 32 }.map { UInt8($0) }, as: UTF8.self))
    }
}
