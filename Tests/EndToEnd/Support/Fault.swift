import Glibc
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

/// Lets a process's Vectorscan find nothing while a test says so: masking that no longer does what it must.
struct Blindness: Sendable {
    let environment: [String: String]
    private let path: String

    init(library: String, in folder: TemporaryFolder) {
        self.path = folder.file("blind")
        self.environment = ["LD_PRELOAD": library, "FAULT_BLIND": self.path]
    }

    func begin() throws {
        let file = open(self.path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard file >= 0 else { throw TestSupportError("can't make \(self.path)") }
        close(file)
    }

    func end() { unlink(self.path) }
}

/// The wall clock of one process, which a test sets wrong while it runs. The boot clock goes on as it does.
final class WrongClock: Sendable {
    let environment: [String: String]
    private let path: String

    init(_ name: String, library: String, in folder: TemporaryFolder) throws {
        self.path = folder.file("clock-\(name)")
        self.environment = ["LD_PRELOAD": library, "FAULT_CLOCK": self.path]
        try self.set(by: 0)
    }

    func set(by seconds: Int64) throws {
        let bytes = withUnsafeBytes(of: seconds) { Array($0) }
        // In place: the process has the file in its memory.
        let file = open(self.path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard file >= 0, pwrite(file, bytes, bytes.count, 0) == bytes.count else {
            throw TestSupportError("can't set \(self.path)")
        }
        close(file)
    }
}
