package import GloveboxCore
package import NIOCore
package import Redaction

/// What a session asks of the redaction engine; ``Redaction/Masker`` is what answers.
package protocol SessionMasking: AnyObject {
    /// Values masked so far, by kind.
    var counts: [Kind: Int] { get }
    /// Values found and shown so far, by kind and reason.
    var shown: [ShownValue: Int] { get }

    /// - Parameter general: of a value of another type than text, what's left when the exact is taken away.
    func mask(
        _ value: ByteBuffer, as shape: ValueShape, scope: PseudonymScope, general: () -> ByteBuffer?
    ) throws(GloveboxError) -> MaskResult
    func maskWhole(
        _ value: ByteBuffer, kind: Kind, column: MaskingProfile.ColumnName?, as shape: ValueShape,
        scope: PseudonymScope,
        general: () -> ByteBuffer?
    ) throws(GloveboxError) -> MaskResult
    func maskText(_ text: String) throws(GloveboxError) -> String
    /// A stream of text whose output is as long as its input.
    func streamInPlace() throws(GloveboxError) -> RedactionStream
}

extension SessionMasking {
    package var shown: [ShownValue: Int] { [:] }

    func maskWhole(
        _ value: ByteBuffer, kind: Kind, column: MaskingProfile.ColumnName?, as shape: ValueShape, scope: PseudonymScope
    ) throws(GloveboxError) -> MaskResult {
        try self.maskWhole(value, kind: kind, column: column, as: shape, scope: scope, general: { nil })
    }
}

extension Masker: SessionMasking {
    package func streamInPlace() throws(GloveboxError) -> RedactionStream {
        try RedactionStream(self, inPlace: true)
    }
}
