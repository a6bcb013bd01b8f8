import Foundation
import GloveboxCore

/// The folder of a suite: all that a suite names is in it, and nothing that leads out of it is read.
struct SuiteFolder {
    /// As it was given.
    let path: String
    private let real: String

    static let mostBytes = 16 << 20

    init(_ path: String) throws(GloveboxError) {
        self.path = path
        guard let real = Self.realPath(path) else { throw GloveboxError(.notFound, "there is no folder \(path)") }
        self.real = real
    }

    /// How a file in it is shown.
    func shown(_ name: String) -> String { self.path == "." ? name : "\(self.path)/\(name)" }

    /// `name` without `.` and `..`, as seen from `folder` in it. Nil for what would lead out.
    static func normal(_ name: String, in folder: String = "") -> String? {
        guard !name.hasPrefix("/") else { return nil }
        var parts: [Substring] = []
        for part in folder.split(separator: "/") + name.split(separator: "/") {
            switch part {
            case ".": continue
            case "..":
                guard !parts.isEmpty else { return nil }
                parts.removeLast()
            default: parts.append(part)
            }
        }
        return parts.isEmpty ? nil : parts.joined(separator: "/")
    }

    /// The folder that a file in it is in; empty for the suite's own.
    static func parent(_ name: String) -> String {
        name.split(separator: "/").dropLast().joined(separator: "/")
    }

    /// The files that a name with `*` (any part of one name that isn't hidden) stands for, sorted.
    func matches(_ pattern: String) -> [String] {
        var found = [""]
        for part in pattern.split(separator: "/").map(String.init) {
            found = found.flatMap { folder -> [String] in
                let place = folder.isEmpty ? part : "\(folder)/\(part)"
                guard part.contains("*") else { return self.isThere(place) ? [place] : [] }
                let names = (try? FileManager.default.contentsOfDirectory(atPath: "\(self.path)/\(folder)")) ?? []
                return names.filter { !$0.hasPrefix(".") && Self.fits($0, part) }
                    .map { folder.isEmpty ? $0 : "\(folder)/\($0)" }
            }
        }
        return found.filter { self.isFile($0) }.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    }

    private static func fits(_ name: String, _ pattern: String) -> Bool {
        let parts = pattern.split(separator: "*", omittingEmptySubsequences: false).map(String.init)
        guard let first = parts.first, let last = parts.last, name.hasPrefix(first) else { return false }
        var rest = name.dropFirst(first.count)
        for part in parts.dropFirst().dropLast() where !part.isEmpty {
            guard let place = rest.firstRange(of: part) else { return false }
            rest = rest[place.upperBound...]
        }
        return rest.count >= last.count && rest.hasSuffix(last)
    }

    private func isThere(_ name: String) -> Bool { FileManager.default.fileExists(atPath: "\(self.path)/\(name)") }

    private func isFile(_ name: String) -> Bool {
        var isFolder: ObjCBool = false
        return FileManager.default.fileExists(atPath: "\(self.path)/\(name)", isDirectory: &isFolder)
            && !isFolder.boolValue
    }

    /// - Throws: `not_found`, `file_unusable`.
    func read(_ name: String) throws(GloveboxError) -> [UInt8] {
        let place = "\(self.path)/\(name)"
        guard let real = Self.realPath(place) else {
            throw GloveboxError(.notFound, "there is no file \(self.shown(name))")
        }
        guard real.hasPrefix(self.real + "/"), self.isFile(name) else {
            throw GloveboxError(
                GloveboxError.Code("file_unusable"),
                "\(self.shown(name)) is no file of the suite's folder: put it there")
        }
        return try Self.read(place, shown: self.shown(name))
    }

    static func read(_ path: String, shown: String) throws(GloveboxError) -> [UInt8] {
        guard let data = FileManager.default.contents(atPath: path) else {
            throw GloveboxError(GloveboxError.Code("file_unusable"), "can't read \(shown): look at its permissions")
        }
        guard data.count <= Self.mostBytes else {
            throw GloveboxError(
                GloveboxError.Code("file_unusable"),
                "\(shown) is longer than \(Self.mostBytes >> 20) MiB: use a smaller one")
        }
        return Array(data)
    }

    private static func realPath(_ path: String) -> String? {
        guard let real = realpath(path, nil) else { return nil }
        defer { free(real) }
        return String(cString: real)
    }
}
