import ControlWire
package import GloveboxCore
import Identity
import Synchronization
import TransparencyLog

/// What the agent knows of its gateway's log: the last checkpoint that it saw, in its state folder. A log that isn't what
/// it was then is refused until a person on this host says otherwise.
package final class LogMemory: Sendable {
    private struct State {
        var known: KnownCheckpoint?
        var refusal: GloveboxError?
        /// From where the gateway wants records, once its log is accepted.
        var postponed: UInt64?
    }

    private let folder: String
    private let state: Mutex<State>

    private static func path(in folder: String) -> String { "\(folder)/log.checkpoint" }
    private static func refusedPath(in folder: String) -> String { "\(folder)/log.refused" }

    /// - Throws: `configuration_invalid` when what's remembered is damaged; `file_exposed`, `file_unusable`.
    package init(folder: String) throws(GloveboxError) {
        self.folder = folder
        self.state = Mutex(State(known: try Self.load(Self.path(in: folder))))
    }

    private static func load(_ path: String) throws(GloveboxError) -> KnownCheckpoint? {
        guard let bytes = try PrivateFile.readIfPresent(path) else { return nil }
        do {
            return try KnownCheckpoint(bytes)
        } catch {
            throw GloveboxError(
                .configurationInvalid,
                "\(path) isn't the checkpoint that was kept there (\(error.message)): look who changed it; once that's clear, remove the file, and the agent takes the log as it is now",
                cause: error)
        }
    }

    var known: KnownLog? {
        self.state.withLock { $0.known }.map { KnownLog(origin: $0.checkpoint.origin, size: $0.checkpoint.size) }
    }

    /// Why no session may open.
    var refusal: GloveboxError? { self.state.withLock { $0.refusal } }

    /// The gateway wants records from after `sequence`.
    func postpone(_ sequence: UInt64) { self.state.withLock { $0.postponed = sequence } }

    func takePostponed() -> UInt64? { self.state.withLock { $0.postponed.take() } }

    /// Holds what the gateway shows against what was seen, and remembers it if it goes on from there.
    /// - Throws: why this log is refused; nothing is taken back by a later one, but by ``accept(folder:)`` alone.
    func saw(_ shown: LogCheckpoint?) throws(GloveboxError) {
        let result = self.state.withLock { state in
            Result { () throws(GloveboxError) in
                do throws(GloveboxError) {
                    if state.refusal != nil { state.known = try Self.load(Self.path(in: self.folder)) }
                    try self.judge(shown, &state)
                    state.refusal = nil
                } catch {
                    state.refusal = error
                    throw error
                }
            }
        }
        try result.get()
    }

    private func judge(_ shown: LogCheckpoint?, _ state: inout State) throws(GloveboxError) {
        guard let shown else {
            throw GloveboxError(.logReplaced, "the gateway shows no checkpoint of its log: upgrade or repair it")
        }
        let next = try KnownCheckpoint(key: NoteVerifier(shown.key), note: shown.note)
        if let known = state.known {
            do throws(GloveboxError) {
                _ = try known.advanced(to: next, proof: shown.proof)
            } catch {
                try PrivateFile.write(next.bytes, to: Self.refusedPath(in: self.folder))
                throw GloveboxError(
                    error.code,
                    "\(error.message); no session opens here until that's clear (docs/audit.md says how to look, and when 'glovebox agent accept-log' is right)",
                    cause: error)
            }
            // The file is as new as the log's last growth.
            if known.checkpoint.size == next.checkpoint.size { return }
        }
        try PrivateFile.write(next.bytes, to: Self.path(in: self.folder))
        state.known = next
    }

    /// What ``accept(folder:)`` did.
    package struct Acceptance: Sendable {
        package var before: String
        package var now: String
    }

    /// Takes the log that was refused last as the gateway's from now on: said by a person on this host after a gateway
    /// was restored. The agent goes on with the next checkpoint that it's shown.
    /// - Throws: `not_found` when none was refused; `log_forked`, `log_shortened` when it's the same log, altered: that
    ///   isn't what a restored gateway shows.
    package static func accept(folder: String) throws(GloveboxError) -> Acceptance {
        let (path, refusedPath) = (Self.path(in: folder), Self.refusedPath(in: folder))
        guard let refused = try Self.load(refusedPath) else {
            throw GloveboxError(.notFound, "no log was refused here: there is nothing to accept")
        }
        let known = try Self.load(path)
        if let known, known.key == refused.key {
            let isShorter = refused.checkpoint.size < known.checkpoint.size
            throw GloveboxError(
                isShorter ? .logShortened : .logForked,
                "the refused log is \(known.checkpoint.origin) itself, altered: a restored gateway begins a new log; keep \(path) as evidence"
            )
        }
        try PrivateFile.write(refused.bytes, to: path)
        try PrivateFile.remove(refusedPath)
        return Acceptance(before: known?.checkpoint.origin ?? "none", now: refused.checkpoint.origin)
    }
}
