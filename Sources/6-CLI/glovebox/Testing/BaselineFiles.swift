import Baselines
import Contracts
import Foundation
import GloveboxCore
import Identity

/// Baselines and rules beside a suite: `baselines/CASE.yaml`, a file a case, and `rules.yaml`, which people write.
struct BaselineFiles {
    let folder: String
    private var rulesPath: String { "\(self.folder)/rules.yaml" }
    private func path(of name: String) -> String { "\(self.folder)/baselines/\(CaseWord.of(name)).yaml" }

    /// - Parameter suite: as it's given, the suite's folder or its file.
    init(suite: String) {
        var isFolder: ObjCBool = false
        let isThere = FileManager.default.fileExists(atPath: suite, isDirectory: &isFolder)
        self.folder =
            isThere && isFolder.boolValue ? suite : URL(fileURLWithPath: suite).deletingLastPathComponent().path
    }

    private var today: CalendarDay { CalendarDay(SystemTime().wall) }

    /// Those that there are of these cases, by name.
    /// - Throws: `baseline_invalid`, `baseline_expired` with file and place, `file_unusable`.
    func read(_ names: [String]) throws -> [String: Baseline] {
        var baselines: [String: Baseline] = [:]
        for name in names {
            guard let text = try self.text(self.path(of: name)) else { continue }
            baselines[name] = try Baseline(yaml: text, file: self.path(of: name), today: self.today)
        }
        return baselines
    }

    /// What people wrote; nothing where there's no such file.
    func rules() throws -> RuleFile {
        try self.text(self.rulesPath).map { try RuleFile(yaml: $0, file: self.rulesPath, today: self.today) }
            ?? RuleFile()
    }

    /// - Returns: the files that were written.
    /// - Throws: `baseline_invalid`, `file_unusable`.
    func write(_ baselines: [Baseline]) throws -> [String] {
        let paths = baselines.map { self.path(of: $0.caseName) }
        guard Set(paths).count == paths.count else {
            throw GloveboxError(
                .invalidArgument, "two cases would have one file of a baseline: give them names that differ in letters")
        }
        do {
            try FileManager.default.createDirectory(
                atPath: "\(self.folder)/baselines", withIntermediateDirectories: true)
            return try baselines.map { baseline in
                let path = self.path(of: baseline.caseName)
                try Data(try baseline.yaml().utf8).write(to: URL(fileURLWithPath: path), options: .atomic)
                return path
            }
        } catch let error as GloveboxError {
            throw error
        } catch {
            throw GloveboxError(
                .fileUnusable, "\(self.folder)/baselines can't be written: \(error.localizedDescription)", cause: error)
        }
    }

    /// So many days from today on.
    func expiry(in days: Int) -> CalendarDay { CalendarDay(number: self.today.number + days) }

    private func text(_ path: String) throws -> String? {
        guard FileManager.default.fileExists(atPath: path) else { return nil }
        do {
            return String(decoding: try Data(contentsOf: URL(fileURLWithPath: path)), as: UTF8.self)
        } catch {
            throw GloveboxError(.fileUnusable, "\(path) can't be read: \(error.localizedDescription)", cause: error)
        }
    }
}
