/// What a kind of change outside the gateway has to be able to do. Each of these may be called again after a crash at any
/// point, and then comes to the same.
package protocol ChangeKind: Sendable {
    /// What it's about: of two changes with the same subject the later lies over the earlier. `nil` where nothing is known
    /// of what was there before.
    var subject: String? { get }
    /// Whether ``look()`` tells all that it changes, so that what's neither the former nor the applied is somebody else's.
    var isExact: Bool { get }

    /// What is there now, so that it can be put back; changes nothing. `nil` where that can't be asked for.
    func look() async throws -> [UInt8]?
    /// Whether what's to be applied is in force; changes nothing. `nil` where that can't be asked for.
    func isApplied() async throws -> Bool?
    /// Whether `state`, as ``look()`` gave it, is what ``apply()`` makes; `nil` where only a look afterwards tells.
    func hasMade(_ state: [UInt8]) -> Bool?
    func apply() async throws
    /// - Parameter former: what ``look()`` gave before it was applied.
    func undo(_ former: [UInt8]?) async throws
    /// Breaks off what runs now, which then throws.
    func interrupt()
}

/// What an undo comes to, by what is there when it's to begin.
package enum UndoJudgement: Hashable, Sendable {
    case undo
    /// It has gone back already.
    case nothing
    /// Somebody has changed it since: it's left as it is.
    case conflict

    /// - Parameters:
    ///   - wasApplied: whether all of it was applied, and going back hasn't begun: otherwise it may be halfway.
    ///   - isFormer: whether what is there is what it goes back to; `nil` where that isn't known.
    ///   - isBeneath: whether what is there is what it was made on, where it goes back further than that: to what an
    ///     earlier change, gone since, would have gone back to.
    ///   - isApplied: what ``ChangeKind/isApplied()`` says.
    ///   - isAsLeft: whether what is there is what was there right after it was applied; `nil` where that isn't known.
    package init(
        wasApplied: Bool, isExact: Bool, isFormer: Bool?, isBeneath: Bool, isApplied: Bool?, isAsLeft: Bool?
    ) {
        switch (isExact, wasApplied) {
        case (true, _):
            // One that was broken off may have stopped before its own beginning, or after its end.
            let isOwn = (isApplied == true && isAsLeft != false) || (isBeneath && !wasApplied)
            self = isFormer == true ? .nothing : isOwn ? .undo : .conflict
        case (false, true):
            self = isFormer == true ? .nothing : (isApplied ?? isAsLeft ?? true) ? .undo : .conflict
        case (false, false):
            // Halfway there or back: what can be seen isn't all there is.
            self = .undo
        }
    }
}
