/// The head of the gateway's log, and that the log is what it was before: `GET /v1/log/checkpoint?since=SIZE`.
package struct CheckpointAnswer: Sendable, Hashable, Codable {
    /// The log's public key, as C2SP signed-note writes it.
    package var key: String
    /// A C2SP tlog-checkpoint, signed.
    package var checkpoint: String
    /// RFC 6962's consistency proof from the tree of `since` records to this one; hashes in base 64. Empty where there's
    /// nothing to show: from 0, from the same size, or from a larger one.
    package var consistency: [String]

    package init(key: String, checkpoint: String, consistency: [String]) {
        self.key = key
        self.checkpoint = checkpoint
        self.consistency = consistency
    }
}

/// That a record is in the log: `GET /v1/records/{id}/proof`. Whoever has the log's key can check it.
package struct RecordProofAnswer: Sendable, Hashable, Codable {
    /// `ORIGIN:SEQUENCE`
    package var record: String
    /// Of the leaf, from 0.
    package var index: UInt64
    /// What the leaf is the hash of: the record's name with the record, or with its hash and its short fields. Base 64.
    package var entry: String
    /// RFC 6962's audit path; hashes in base 64.
    package var inclusion: [String]
    package var key: String
    package var checkpoint: String

    package init(
        record: String, index: UInt64, entry: String, inclusion: [String], key: String, checkpoint: String
    ) {
        self.record = record
        self.index = index
        self.entry = entry
        self.inclusion = inclusion
        self.key = key
        self.checkpoint = checkpoint
    }
}
