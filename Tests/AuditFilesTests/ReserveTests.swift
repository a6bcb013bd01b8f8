import Glibc
import TestSupport
import Testing

@testable import AuditFiles

@Suite("Room that's kept for an emergency")
struct ReserveTests {
    /// In bytes, of the disk.
    private func taken(_ path: String) throws -> Int {
        var status = stat()
        guard stat(path, &status) == 0 else { throw TestSupportError("no \(path)") }
        return Int(status.st_blocks) * 512
    }

    @Test("it takes its room on the disk, gives all of it up, and takes it again")
    func filling() throws {
        let folder = try TemporaryFolder()
        let path = folder.file("reserve")
        let reserve = AuditReserve(path: path, size: 1 << 20)
        #expect(!reserve.isFilled)
        #expect(reserve.fill() && reserve.isFilled)
        #expect(try self.taken(path) >= 1 << 20)
        reserve.giveUp()
        #expect(try self.taken(path) == 0 && !reserve.isFilled)
        reserve.giveUp()
        #expect(reserve.fill())
        #expect(reserve.fill(), "what is there stays")
        #expect(try self.taken(path) >= 1 << 20)
        // Another run of the gateway finds it.
        #expect(AuditReserve(path: path, size: 1 << 20).fill())
    }

    @Test("a disk without room keeps nothing of it")
    func noRoom() throws {
        let folder = try TemporaryFolder()
        let reserve = AuditReserve(path: folder.file("reserve"), size: .max)
        #expect(!reserve.fill() && !reserve.isFilled)
        #expect(try self.taken(folder.file("reserve")) == 0)
        let nowhere = AuditReserve(path: folder.file("no/such/folder"), size: 1)
        #expect(!nowhere.fill())
        nowhere.giveUp()
    }
}
