package import GloveboxCore
import Synchronization

/// The policy in force: the last good one. A document that can't be read never takes its place.
package final class PolicyHolder: Sendable {
    private struct State {
        var current: PolicyDocument
        var refusal: GloveboxError?
    }

    private let state: Mutex<State>

    package init(_ document: PolicyDocument) {
        self.state = Mutex(State(current: document))
    }

    /// The document in force.
    package var current: PolicyDocument { self.state.withLock { $0.current } }

    /// Why the newest file isn't in force; `nil` when it is.
    package var refusal: GloveboxError? { self.state.withLock { $0.refusal } }

    /// Puts `document` in force and returns whether it differs from the one before.
    @discardableResult
    package func replace(with document: PolicyDocument) -> Bool {
        self.state.withLock { state in
            state.refusal = nil
            defer { state.current = document }
            return state.current != document
        }
    }

    /// Reads a policy and puts it in force, as ``replace(with:)``.
    /// - Throws: `configuration_invalid` when it can't be read; the document before stays in force, and `refusal` says
    ///   why.
    @discardableResult
    package func replace(yaml: String, file: String) throws(GloveboxError) -> Bool {
        let document: PolicyDocument
        do throws(GloveboxError) {
            document = try PolicyDocument(yaml: yaml, file: file)
        } catch {
            self.refuse(error)
            throw error
        }
        return self.replace(with: document)
    }

    /// Notes that the newest file couldn't even be read; the document before stays in force.
    package func refuse(_ error: GloveboxError) {
        self.state.withLock { $0.refusal = error }
    }
}
