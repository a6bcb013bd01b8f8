import GloveboxCore
import NIOCore
import PostgresAccess
import Redaction
import Synchronization

enum SharedDetectors {
    /// Made once: compiling the patterns takes a while.
    static let result = Result { () throws(GloveboxError) in try Detectors() }
}

/// Fails at the first value that holds `trap`, as a broken detector would; masks nothing else.
final class FailingMasker: SessionMasking {
    let trap: String
    var counts: [Kind: Int] { [:] }

    init(trap: String) {
        self.trap = trap
    }

    func mask(
        _ value: ByteBuffer, as shape: ValueShape, scope: PseudonymScope, general: () -> ByteBuffer?
    ) throws(GloveboxError) -> MaskResult {
        guard !String(buffer: value).contains(self.trap) else {
            throw GloveboxError(.redactionFailed, "a detector failed")
        }
        return .clean
    }

    func maskWhole(
        _ value: ByteBuffer, kind: Kind, column: MaskingProfile.ColumnName?, as shape: ValueShape,
        scope: PseudonymScope,
        general: () -> ByteBuffer?
    ) throws(GloveboxError) -> MaskResult { .null }

    func maskText(_ text: String) throws(GloveboxError) -> String { text }

    func streamInPlace() throws(GloveboxError) -> RedactionStream {
        throw GloveboxError(.redactionFailed, "a detector failed")
    }
}
