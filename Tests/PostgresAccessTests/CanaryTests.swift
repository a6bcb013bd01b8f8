import GloveboxCore
import NIOCore
import Redaction
import Testing

@testable import PostgresAccess

@Suite("Canaries")
struct CanaryTests {
    @Test("none comes out of the masking that sessions have")
    func sound() throws {
        let detectors = try SharedDetectors.result.get()
        try MaskingCanaries().check { try Masker(detectors: detectors, pseudonyms: Pseudonyms(linkable: false)) }
    }

    @Test("a hole in any one way is found, and the way is named", arguments: HoledMasker.Hole.allCases)
    func holes(_ hole: HoledMasker.Hole) throws {
        let detectors = try SharedDetectors.result.get()
        let error = #expect(throws: GloveboxError.self) {
            try MaskingCanaries().check {
                HoledMasker(try Masker(detectors: detectors, pseudonyms: Pseudonyms(linkable: false)), hole)
            }
        }
        #expect(error?.code == .canaryLeaked)
        #expect(error?.message.contains(hole.way) == true, "\(error?.message ?? "")")
    }
}

/// Masks as the real one does, but for what goes through its hole.
final class HoledMasker: SessionMasking {
    enum Hole: String, CaseIterable, Sendable {
        case text, json, message

        /// The first way that leads there.
        var way: String {
            switch self {
            case .text: "a row's text"
            case .json: "a row's JSON"
            case .message: "a result's description"
            }
        }
    }

    private let masker: Masker
    private let hole: Hole

    init(_ masker: Masker, _ hole: Hole) {
        self.masker = masker
        self.hole = hole
    }

    var counts: [Kind: Int] { self.masker.counts }

    func mask(
        _ value: ByteBuffer, as shape: ValueShape, scope: PseudonymScope, general: () -> ByteBuffer?
    ) throws(GloveboxError) -> MaskResult {
        if self.hole == .text && shape == .text || self.hole == .json && shape == .json { return .clean }
        return try self.masker.mask(value, as: shape, scope: scope, general: general)
    }

    func maskWhole(
        _ value: ByteBuffer, kind: Kind, column: MaskingProfile.ColumnName?, as shape: ValueShape,
        scope: PseudonymScope,
        general: () -> ByteBuffer?
    ) throws(GloveboxError) -> MaskResult {
        try self.masker.maskWhole(value, kind: kind, column: column, as: shape, scope: scope, general: general)
    }

    func maskText(_ text: String) throws(GloveboxError) -> String {
        self.hole == .message ? text : try self.masker.maskText(text)
    }

    func streamInPlace() throws(GloveboxError) -> RedactionStream { try self.masker.streamInPlace() }
}
