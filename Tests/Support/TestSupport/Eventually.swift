/// Waits until `condition` holds. For what has no event to await (a process's exit seen from outside, a file that
/// another program writes); where there's an event, await that.
///
/// Throws what `condition` threw last, or an error that names the place, once `timeout` has passed.
package func eventually(
    timeout: Duration = .seconds(10), _ what: @autoclosure () -> String = "the condition",
    file: StaticString = #fileID, line: UInt = #line,
    isolation: isolated (any Actor)? = #isolation, _ condition: () async throws -> Bool
) async throws {
    let clock = ContinuousClock()
    let deadline = clock.now.advanced(by: timeout)
    while true {
        var failure: (any Error)?
        do {
            if try await condition() { return }
        } catch {
            failure = error
        }
        try Task.checkCancellation()
        if clock.now >= deadline {
            throw failure ?? TestSupportError("\(file):\(line): \(what()) didn't hold within \(timeout)")
        }
        try await clock.sleep(for: .milliseconds(10))
    }
}

/// Runs `operation`, and cancels it and throws once `timeout` has passed, so that no test hangs. The operation must
/// honour cancellation.
package func within<Value: Sendable>(
    _ timeout: Duration = .seconds(30), file: StaticString = #fileID, line: UInt = #line,
    _ operation: @escaping @Sendable () async throws -> Value
) async throws -> Value {
    try await withThrowingTaskGroup(of: Value.self) { group in
        group.addTask { try await operation() }
        group.addTask {
            try await ContinuousClock().sleep(for: timeout)
            throw TestSupportError("\(file):\(line): took longer than \(timeout)")
        }
        defer { group.cancelAll() }
        guard let value = try await group.next() else { throw TestSupportError("nothing ran") }
        return value
    }
}
