import Crypto
package import GloveboxCore

/// What an approval is about: one kind of thing that somebody may ask for, with the one byte form that approvers consent
/// to. Two things that differ in anything that matters differ in it.
///
/// What an approver is shown is read back from these bytes, so that nothing else can be shown than what will be allowed.
package protocol ApprovalSubject: Hashable, Sendable {
    static var kind: ApprovalKind { get }
    func write(to writer: inout CanonicalWriter)
    /// - Throws: `protocol_violation`.
    init(_ reader: CanonicalReader) throws(GloveboxError)
}

extension ApprovalSubject {
    package var canonicalBytes: [UInt8] {
        var writer = CanonicalWriter()
        self.write(to: &writer)
        return writer.bytes
    }

    /// SHA-256 of kind and canonical form.
    package var digest: [UInt8] {
        var writer = CanonicalWriter()
        writer.write(1, Self.kind.rawValue)
        writer.write(2) { self.write(to: &$0) }
        return Array(SHA256.hash(data: writer.bytes))
    }

    /// What `approval` is about.
    /// - Throws: `store_corrupt` when it's of another kind, or isn't what its digest says.
    package init(of approval: Approval) throws(GloveboxError) {
        guard approval.kind == Self.kind, let subject = try? Self(CanonicalReader(approval.subject)),
            subject.digest == approval.digest
        else {
            throw GloveboxError(
                .storeCorrupt, "approval \(approval.id) isn't what its digest says: restore the store from a backup")
        }
        self = subject
    }
}

/// A lease as it would be opened: asked for by its holder, with all that its rule makes of it.
package struct LeaseSubject: ApprovalSubject {
    package static var kind: ApprovalKind { .lease }

    package var holder: IdentityName
    package var target: TargetName
    /// Masked already.
    package var purpose: String
    package var capabilities: Set<Capability>
    package var duration: Duration
    package var rule: String
    package var limits: Limits
    package var maskingProfile: String

    package init(
        holder: IdentityName, target: TargetName, purpose: String, capabilities: Set<Capability>, duration: Duration,
        rule: String, limits: Limits, maskingProfile: String
    ) {
        self.holder = holder
        self.target = target
        self.purpose = purpose
        self.capabilities = capabilities
        self.duration = duration
        self.rule = rule
        self.limits = limits
        self.maskingProfile = maskingProfile
    }

    package func write(to writer: inout CanonicalWriter) {
        writer.write(1, self.holder.rawValue)
        writer.write(2, self.target.rawValue)
        writer.write(3, self.purpose)
        writer.write(4, strings: self.capabilities.sorted().map(\.rawValue))
        writer.write(5, signed: self.duration.nanosecondsClamped)
        writer.write(6, self.rule)
        self.limits.write(7, to: &writer)
        writer.write(8, self.maskingProfile)
    }

    package init(_ reader: CanonicalReader) throws(GloveboxError) {
        var capabilities: Set<Capability> = []
        for name in try reader.strings(4) {
            guard let capability = Capability(rawValue: name) else { throw CanonicalReader.malformed }
            capabilities.insert(capability)
        }
        self.init(
            holder: try .init(reader.string(1)), target: try .init(reader.string(2)), purpose: try reader.string(3),
            capabilities: capabilities, duration: .nanoseconds(try reader.signed(5)), rule: try reader.string(6),
            limits: try Limits(reader.nested(7)), maskingProfile: try reader.string(8))
    }
}
