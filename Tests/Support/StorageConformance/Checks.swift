import GloveboxCore

func expect(
    _ holds: Bool, _ what: @autoclosure () -> String, file: StaticString = #fileID, line: UInt = #line
) throws {
    if !holds { throw ContractBroken(description: "\(file):\(line): \(what())") }
}

func expectEqual<T: Equatable>(
    _ found: T, _ wanted: T, _ what: String, file: StaticString = #fileID, line: UInt = #line
) throws {
    try expect(found == wanted, "\(what): found \(found), wanted \(wanted)", file: file, line: line)
}

/// That `body` throws a `GloveboxError` with this code.
func expectFailure(
    _ code: GloveboxError.Code, _ what: String, file: StaticString = #fileID, line: UInt = #line,
    _ body: () async throws -> Void
) async throws {
    do {
        try await body()
    } catch let error as GloveboxError {
        try expect(error.code == code, "\(what): threw \(error), wanted \(code)", file: file, line: line)
        return
    }
    throw ContractBroken(description: "\(file):\(line): \(what): threw nothing, wanted \(code)")
}
