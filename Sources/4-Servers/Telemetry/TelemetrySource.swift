package import GloveboxCore

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// What a role tells of itself.
package protocol TelemetrySource: Sendable {
    func metrics() async -> [MetricFamily]

    /// What the role needs to serve, each with whether it's there.
    func checks() async -> [ReadinessCheck]
}

/// One thing that a role needs to serve.
package struct ReadinessCheck: Hashable, Sendable {
    package var name: String
    /// Why it isn't there, in one line; `nil` when it is.
    package var failure: String?

    package init(_ name: String, failure: String? = nil) {
        self.name = name
        self.failure = failure
    }

    package init(_ name: String, failing error: GloveboxError?) {
        self.init(name, failure: error?.message)
    }
}

/// What every role's metrics begin with.
package struct RoleMetrics: Sendable {
    private let role: String
    private let startedAt: WallTime
    /// By what is in them.
    private let folders: [(content: String, path: String)]

    package init(role: String, startedAt: WallTime, folders: [(content: String, path: String)]) {
        self.role = role
        self.startedAt = startedAt
        self.folders = folders
    }

    package func families(_ checks: [ReadinessCheck]) -> [MetricFamily] {
        let disks = self.folders.compactMap { folder in DiskSpace(of: folder.path).map { (folder.content, $0) } }
        return [
            MetricFamily(
                "build_info", "The program that runs, and as what; always 1.", .gauge,
                [.init(1, [.init("role", self.role), .init("version", GloveboxVersion.current)])]),
            .gauge("start_time_seconds", "When the role started, in Unix time.", self.startedAt.inSeconds),
            MetricFamily(
                "ready", "Whether what the role needs to serve is there (1) or not (0), by what it is.", .gauge,
                checks.map { .init($0.failure == nil ? 1 : 0, [.init("check", $0.name)]) }),
            MetricFamily(
                "disk_free_bytes", "What this user may still write to the disk that holds the folder.", .gauge,
                disks.map { .init(Double($1.free), [.init("folder", $0)]) }),
            MetricFamily(
                "disk_size_bytes", "The size of the disk that holds the folder.", .gauge,
                disks.map { .init(Double($1.size), [.init("folder", $0)]) }),
        ]
    }
}

extension WallTime {
    /// Unix time, as metrics give moments.
    package var inSeconds: Double { Double(self.nanoseconds) / 1e9 }
}

/// The room on a folder's disk, in bytes.
package struct DiskSpace: Hashable, Sendable {
    package var free: UInt64
    package var size: UInt64

    /// `nil` when the folder can't be looked at.
    package init?(of folder: String) {
        var status = statvfs()
        guard statvfs(folder, &status) == 0 else { return nil }
        let unit = UInt64(status.f_frsize)
        self.free = UInt64(status.f_bavail) * unit
        self.size = UInt64(status.f_blocks) * unit
    }
}
