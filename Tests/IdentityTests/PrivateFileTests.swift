import Glibc
import GloveboxCore
import Identity
import TestSupport
import Testing

@Suite("Private files")
struct PrivateFileTests {
    let folder: TemporaryFolder

    init() throws {
        self.folder = try TemporaryFolder()
    }

    private func mode(_ path: String) -> mode_t {
        var status = stat()
        return lstat(path, &status) == 0 ? status.st_mode & 0o7777 : 0
    }

    @Test("a file is replaced whole, is its owner's alone, and nothing else is left in the folder")
    func write() throws {
        let path = self.folder.file("key")
        try self.folder.write("key", "a longer text that was there", mode: 0o644)
        try PrivateFile.write(Array("new".utf8), to: path)
        #expect(try self.folder.read("key") == Array("new".utf8))
        #expect(self.mode(path) == 0o600)
        #expect(filesUnder(self.folder.path) == [path])
        try PrivateFile.write(Array("open".utf8), to: path, mode: 0o644)
        #expect(self.mode(path) == 0o644)
    }

    @Test("a link in a file's place is refused, and what it leads to is untouched")
    func links() throws {
        try self.folder.write("victim", "untouched")
        symlink(self.folder.file("victim"), self.folder.file("key"))
        for attempt in [
            { try PrivateFile.write([1], to: self.folder.file("key")) },
            { _ = try PrivateFile.read(self.folder.file("key")) },
        ] {
            let error = #expect(throws: GloveboxError.self) { try attempt() }
            #expect(error?.code == .fileUnusable)
        }
        #expect(try self.folder.read("victim") == Array("untouched".utf8))
        let error = #expect(throws: GloveboxError.self) { try PrivateFile.create([1], at: self.folder.file("key")) }
        #expect(error?.code == .conflict)
    }

    @Test("a file that others can read is refused, and the message names the chmod")
    func exposed() throws {
        for mode in [0o640, 0o604, 0o602, 0o644] as [mode_t] {
            let path = try self.folder.write("key-\(mode)", "secret", mode: mode)
            chmod(path, mode)
            let error = #expect(throws: GloveboxError.self) { try PrivateFile.read(path) }
            #expect(error?.code == .fileExposed)
            #expect(error?.message.contains("chmod 600 \(path)") == true)
            #expect(error?.message.contains("secret") == false)
        }
        let shared = try self.folder.write("shared", "text", mode: 0o644)
        #expect(try PrivateFile.read(shared, sharing: true) == Array("text".utf8))
        chmod(shared, 0o664)
        #expect(throws: GloveboxError.self) { try PrivateFile.read(shared, sharing: true) }
    }

    @Test("a file is made once, however many try")
    func create() async throws {
        let path = self.folder.file("once")
        let won = await withTaskGroup(of: Bool.self) { group in
            for number in 0..<16 {
                group.addTask { (try? PrivateFile.create([UInt8(number)], at: path)) != nil }
            }
            return await group.reduce(0) { $0 + ($1 ? 1 : 0) }
        }
        #expect(won == 1)
        #expect(filesUnder(self.folder.path) == [path])
    }

    @Test("a missing file is told from one that can't be read, and one that's too long is refused")
    func missing() throws {
        #expect(try PrivateFile.readIfPresent(self.folder.file("none")) == nil)
        #expect(throws: GloveboxError.self) { try PrivateFile.readIfPresent(self.folder.path) }
        let path = try self.folder.write("long", String(repeating: "x", count: 100))
        #expect(throws: GloveboxError.self) { try PrivateFile.read(path, limit: 99) }
        #expect(try PrivateFile.read(path, limit: 100).count == 100)
        try PrivateFile.remove(path)
        try PrivateFile.remove(path)
    }

    @Test("folders are made for the owner alone, and one that others can write to is refused")
    func folders() throws {
        let path = self.folder.file("a/b/c")
        try PrivateFile.makeFolder(path)
        try PrivateFile.makeFolder(path)
        #expect(self.mode(path) == 0o700)
        chmod(path, 0o777)
        let error = #expect(throws: GloveboxError.self) { try PrivateFile.makeFolder(path) }
        #expect(error?.code == .fileExposed)
        try self.folder.write("file", "")
        #expect(throws: GloveboxError.self) { try PrivateFile.makeFolder(self.folder.file("file")) }
    }
}
