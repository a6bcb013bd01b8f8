import Glibc

/// Where this checkout is, for tests that run its scripts or use its examples.
package enum Repository {
    /// Absolute path of the checkout.
    package static let root =
        // Tests/Support/TestSupport/Repository.swift: four parts below it.
        #filePath.split(separator: "/", omittingEmptySubsequences: false).dropLast(4).joined(separator: "/")

    package static func file(_ path: String) -> String {
        "\(root)/\(path)"
    }

    /// Whether `scripts/test --all` runs these tests: then those run too that take long.
    package static let runsAllTests = getenv("GLOVEBOX_ALL_TESTS") != nil

    /// Whether tests that make pages of the documentation write them, rather than hold them against what they make.
    package static let writesDocuments = getenv("GLOVEBOX_WRITE_DOCS") != nil

    /// The `glovebox` of the build that these tests belong to.
    package static let program = built("glovebox")

    /// An executable of the build that these tests belong to: beside the test program.
    package static func built(_ name: String) -> String {
        var buffer = [CChar](repeating: 0, count: 4096)
        let count = readlink("/proc/self/exe", &buffer, buffer.count)
        let own = String(decoding: buffer.prefix(max(0, count)).map { UInt8(bitPattern: $0) }, as: UTF8.self)
        let folder = own.split(separator: "/", omittingEmptySubsequences: false).dropLast().joined(separator: "/")
        let beside = "\(folder)/\(name)"
        return access(beside, X_OK) == 0 ? beside : file(".build/release/\(name)")
    }
}
