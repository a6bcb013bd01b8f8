/// A value that must not be shown: it prints as redacted, can't be encoded, and has one way out.
///
/// `exposeSecret()` is the only accessor, so that every use can be found by searching for it.
package struct Secret<Value: Sendable>: Sendable {
    private let value: Value

    package init(_ value: Value) {
        self.value = value
    }

    /// The value itself. Every call is a place to review.
    package func exposeSecret() -> Value {
        self.value
    }
}

extension Secret: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    package var description: String { "‹secret›" }
    package var debugDescription: String { "‹secret›" }
    package var customMirror: Mirror { Mirror(self, children: []) }
}
