/// Runs other programs: an argument vector (no shell), a bounded time, all output kept.
///
/// A program started here is killed when the test process dies, however that happens (`PR_SET_PDEATHSIG`).
package enum Subprocess {
    /// What a program left behind.
    package struct Result: Sendable {
        /// The exit status; 128 + n if signal n ended it.
        package var status: Int32
        package var standardOutput: [UInt8]
        package var standardError: [UInt8]

        package var output: String { String(decoding: self.standardOutput, as: UTF8.self) }
        package var errors: String { String(decoding: self.standardError, as: UTF8.self) }
        package var succeeded: Bool { self.status == 0 }

        /// The output without its last line break.
        package var line: String {
            self.output.hasSuffix("\n") ? String(self.output.dropLast()) : self.output
        }
    }

    /// Where a program's standard input comes from.
    package enum Input: Sendable {
        case none
        case bytes([UInt8])
        /// A pipe that stays open for ``RunningProcess/write(_:)``.
        case open

        package static func text(_ text: String) -> Input { .bytes(Array(text.utf8)) }
    }

    /// Runs a program to its end.
    ///
    /// - Parameters:
    ///   - environment: all of the program's environment; nil hands on this process's own.
    ///   - descriptors: descriptors of this process (values) that the program gets under other numbers (keys).
    /// - Throws: if it can't be started, or isn't done within `timeout` (then its process group is killed).
    package static func run(
        _ arguments: [String], environment: [String: String]? = nil, input: Input = .none,
        descriptors: [Int32: Int32] = [:], folder: String? = nil, timeout: Duration = .seconds(60)
    ) async throws -> Result {
        let process = try RunningProcess(
            arguments, environment: environment, input: input, descriptors: descriptors, folder: folder)
        guard await process.finished(timeout: timeout) else {
            process.signalGroup(9)
            throw TestSupportError(
                "\(arguments.first ?? "?") took longer than \(timeout); its errors: \(process.errors.suffix(2000))")
        }
        return process.result
    }

    /// Runs a program that must succeed, and returns what it printed without the last line break.
    @discardableResult
    package static func check(
        _ arguments: [String], environment: [String: String]? = nil, input: Input = .none,
        folder: String? = nil, timeout: Duration = .seconds(60)
    ) async throws -> String {
        let result = try await self.run(
            arguments, environment: environment, input: input, folder: folder, timeout: timeout)
        guard result.succeeded else {
            throw TestSupportError("\(arguments.first ?? "?") exited with \(result.status): \(result.errors)")
        }
        return result.line
    }
}
