import TestSupport

/// Lets a real process die at a chosen step of its writing (`Tests/Support/Fault/fault.c`).
struct Fault: Sendable {
    /// Part of the path of the files.
    var path: String
    /// From 1.
    var step: Int
    /// Whether a write is done by half.
    var half: Bool
    let library: String

    var environment: [String: String] {
        ["LD_PRELOAD": self.library, "FAULT_PATH": self.path, "FAULT_AT": String(self.step)]
            .merging(self.half ? ["FAULT_HALF": "1"] : [:]) { $1 }
    }

    /// Compiles the library into `folder`.
    static func library(in folder: TemporaryFolder) async throws -> String {
        let path = folder.file("fault.so")
        // Swift on Linux brings it along.
        try await Subprocess.check([
            "clang", "-Wall", "-shared", "-fPIC", "-o", path, Repository.file("Tests/Support/Fault/fault.c"),
        ])
        return path
    }
}
