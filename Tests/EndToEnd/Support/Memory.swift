import Foundation
import TestSupport

/// What Linux says of a process's memory, in bytes (`proc(5)`).
extension RunningProcess {
    /// Resident now.
    var residentBytes: Int {
        get throws { try self.status("VmRSS") }
    }

    /// The most that was resident since ``forgetPeak()``.
    var peakBytes: Int {
        get throws { try self.status("VmHWM") }
    }

    /// Counts the peak from now on.
    func forgetPeak() throws {
        try Data("5".utf8).write(to: URL(fileURLWithPath: "/proc/\(self.pid)/clear_refs"))
    }

    private func status(_ name: String) throws -> Int {
        let status = try String(contentsOfFile: "/proc/\(self.pid)/status", encoding: .utf8)
        guard let line = status.split(separator: "\n").first(where: { $0.hasPrefix(name + ":") }),
            let kilobytes = line.split(whereSeparator: { !$0.isNumber }).first.flatMap({ Int($0) })
        else { throw TestSupportError("process \(self.pid) has no \(name)") }
        return kilobytes * 1024
    }
}
