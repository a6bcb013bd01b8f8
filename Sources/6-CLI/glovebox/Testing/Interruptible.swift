import TestRunner
import UnixSignals

/// Cancels `body` at the first interrupt, and waits for its end all the same, since what was written is undone then. A second
/// interrupt doesn't wait for that; the gateway undoes it all the same.
func interruptible<Value: Sendable>(_ body: @escaping @Sendable () async throws -> Value) async throws -> Value {
    let signals = await UnixSignalsSequence(trapping: .sigint, .sigterm, .sighup)
    let (stops, stop) = AsyncStream.makeStream(of: Void.self)
    return try await withThrowingTaskGroup(of: Value?.self) { group in
        group.addTask { try await untilStopped(stops, body) }
        group.addTask {
            var isInterrupted = false
            for await _ in signals {
                if isInterrupted { endProgram(ExitStatus.interrupted.rawValue) }
                isInterrupted = true
                Terminal.note("stopping: what was written is being undone")
                stop.yield()
            }
            return nil
        }
        defer { group.cancelAll() }
        guard let value = try await group.next().flatMap(\.self) else { throw CancellationError() }
        return value
    }
}

private func untilStopped<Value: Sendable>(
    _ stops: AsyncStream<Void>, _ body: @escaping @Sendable () async throws -> Value
) async throws -> Value? {
    try await withThrowingTaskGroup(of: Value?.self) { group in
        group.addTask { try await body() }
        group.addTask {
            for await _ in stops { break }
            return nil
        }
        var value: Value?
        while let one = try await group.next() {
            group.cancelAll()
            if let one { value = one }
        }
        return value
    }
}
