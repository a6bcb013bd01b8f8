package import GloveboxCore

/// A session as the API shows it.
package struct SessionStatus: Sendable, Codable {
    package var id: SessionID
    package var lease: LeaseID
    package var holder: IdentityName
    package var target: TargetName
    /// The client's address.
    package var client: String?
    package var openedAt: Timestamp
    package var endedAt: Timestamp?

    package init(
        id: SessionID, lease: LeaseID, holder: IdentityName, target: TargetName, client: String?, openedAt: WallTime,
        endedAt: WallTime?
    ) {
        self.id = id
        self.lease = lease
        self.holder = holder
        self.target = target
        self.client = client
        self.openedAt = Timestamp(openedAt)
        self.endedAt = endedAt.map { Timestamp($0) }
    }
}

/// `GET /v1/sessions/{id}/records?after=&limit=`: some of a session's records, oldest first, and where to go on.
package struct SessionRecords: Sendable, Codable {
    package var items: [RecordEntry]
    /// For the next `after`, also when nothing more is there yet; a record may come twice, under its own id.
    package var next: String

    package init(items: [RecordEntry], next: String) {
        self.items = items
        self.next = next
    }
}
