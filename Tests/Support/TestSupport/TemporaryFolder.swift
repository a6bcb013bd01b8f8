package import Glibc

/// A folder of one test, removed with all that it holds when the value goes away.
package final class TemporaryFolder: Sendable {
    /// Absolute, without a trailing slash.
    package let path: String

    package init() throws {
        var template = Array("/tmp/glovebox-test-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw TestSupportError("can't make a temporary folder: errno \(errno)") }
        self.path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    deinit {
        removeTree(self.path)
    }

    /// The path of `name` inside the folder.
    package func file(_ name: String) -> String {
        "\(self.path)/\(name)"
    }

    /// Writes a file with these permissions and returns its path. Folders in `name` are made.
    @discardableResult
    package func write(_ name: String, _ text: String, mode: mode_t = 0o600) throws -> String {
        let path = self.file(name)
        var folder = self.path
        for part in name.split(separator: "/").dropLast() {
            folder += "/\(part)"
            mkdir(folder, 0o700)
        }
        try writeFile(path, Array(text.utf8), mode: mode)
        return path
    }

    package func read(_ name: String) throws -> [UInt8] {
        try readFile(self.file(name))
    }
}

/// What went wrong in the tests' own machinery.
package struct TestSupportError: Error, CustomStringConvertible {
    package let description: String

    package init(_ description: String) {
        self.description = description
    }
}

/// Writes a whole file; it's truncated first if it exists.
package func writeFile(_ path: String, _ bytes: [UInt8], mode: mode_t = 0o600) throws {
    let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode)
    guard descriptor >= 0 else { throw TestSupportError("can't write \(path): errno \(errno)") }
    defer { close(descriptor) }
    guard writeAll(descriptor, bytes) else { throw TestSupportError("can't write \(path): errno \(errno)") }
}

/// Reads a whole file.
package func readFile(_ path: String) throws -> [UInt8] {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw TestSupportError("can't read \(path): errno \(errno)") }
    defer { close(descriptor) }
    var bytes: [UInt8] = []
    while let chunk = readSome(descriptor) { bytes += chunk }
    return bytes
}

/// Every regular file under `folder`, in no order; a folder that isn't there has none.
package func filesUnder(_ folder: String) -> [String] {
    guard let stream = opendir(folder) else { return [] }
    defer { closedir(stream) }
    var files: [String] = []
    while let entry = readdir(stream) {
        let name = withUnsafeBytes(of: entry.pointee.d_name) { raw in
            String(decoding: raw.prefix { $0 != 0 }, as: UTF8.self)
        }
        if name == "." || name == ".." { continue }
        let path = "\(folder)/\(name)"
        var status = stat()
        guard lstat(path, &status) == 0 else { continue }
        switch status.st_mode & S_IFMT {
        case S_IFDIR: files += filesUnder(path)
        case S_IFREG: files.append(path)
        default: continue
        }
    }
    return files
}

/// Removes a folder and all in it; what can't be removed stays.
package func removeTree(_ path: String) {
    if let stream = opendir(path) {
        while let entry = readdir(stream) {
            let name = withUnsafeBytes(of: entry.pointee.d_name) { raw in
                String(decoding: raw.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name == "." || name == ".." { continue }
            let child = "\(path)/\(name)"
            var status = stat()
            guard lstat(child, &status) == 0 else { continue }
            if status.st_mode & S_IFMT == S_IFDIR { removeTree(child) } else { unlink(child) }
        }
        closedir(stream)
    }
    rmdir(path)
}

/// Writes all of `bytes`; false on an error.
func writeAll(_ descriptor: Int32, _ bytes: [UInt8]) -> Bool {
    var rest = bytes[...]
    while !rest.isEmpty {
        let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
        if count > 0 {
            rest = rest.dropFirst(count)
        } else if count < 0 && errno != EINTR {
            return false
        }
    }
    return true
}

/// What a read gives, or nil at the end or on an error.
func readSome(_ descriptor: Int32) -> [UInt8]? {
    var buffer = [UInt8](repeating: 0, count: 65_536)
    while true {
        let count = buffer.withUnsafeMutableBytes { Glibc.read(descriptor, $0.baseAddress, $0.count) }
        if count > 0 { return Array(buffer.prefix(count)) }
        if count < 0 && errno == EINTR { continue }
        return nil
    }
}
