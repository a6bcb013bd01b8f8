import GloveboxKit
import HTTPTypes

/// Whose rows a request reads and writes: everybody's, or those of one test run besides.
enum Scope {
    /// Empty for an ordinary request.
    static var reading: String { TestContext.current?.run ?? "" }

    /// - Throws: a problem for a test that isn't declared to write.
    static func writing() throws -> String {
        guard let test = TestContext.current else { return "" }
        guard test.usesSyntheticData else {
            throw Problem(.forbidden, "test_may_not_write", "this case isn't declared to write: say so in its suite")
        }
        return test.run
    }
}
