package import GloveboxCore

/// A flag as `GET /v1/flags` shows it, leased changes included.
package struct FlagStatus: Sendable, Codable {
    package var target: TargetName
    package var key: String
    package var definition: JSONValue
    /// What's wrong with it: it's never evaluated then.
    package var fault: String?
    /// Sets that lie over it and go back, uppermost last.
    package var changes: [ChangeSetID]

    package init(
        target: TargetName, key: String, definition: JSONValue, fault: String?, changes: [ChangeSetID]
    ) {
        self.target = target
        self.key = key
        self.definition = definition
        self.fault = fault
        self.changes = changes
    }
}

/// `GET /v1/flags?target=&after=&limit=`, by target and key.
package struct FlagQuery: Sendable, Hashable {
    package var target: TargetName?
    package var page: PageRequest

    package init(target: TargetName? = nil, page: PageRequest = .init()) {
        self.target = target
        self.page = page
    }
}

/// `POST /v1/flags/{id}/explain`: what a flag comes to for a context, and why.
package struct FlagQuestion: RequestContent {
    package static let fields: Set<String> = ["target", "context"]

    /// May be left out where there's one target with flags.
    package var target: TargetName?
    /// As OFREP has it: `targetingKey` and whatever else rules look at.
    package var context: [String: JSONValue]

    package init(target: TargetName? = nil, context: [String: JSONValue] = [:]) {
        self.target = target
        self.context = context
    }

    private enum CodingKeys: String, CodingKey {
        case target, context
    }

    package init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        self.target = try container.decodeIfPresent(TargetName.self, forKey: .target)
        self.context = try container.decodeIfPresent([String: JSONValue].self, forKey: .context) ?? [:]
    }
}

package struct FlagExplanation: Sendable, Codable {
    package var target: TargetName
    package var key: String
    package var epoch: Int64
    /// Absent where the caller's own default is taken.
    package var value: JSONValue?
    package var variant: String?
    /// OpenFeature's word.
    package var reason: String
    /// OpenFeature's word.
    package var errorCode: String?
    package var detail: String?
    /// Sets that lie over the flag and go back, uppermost last.
    package var changes: [ChangeSetID]

    package init(target: TargetName, key: String, epoch: Int64, reason: String, changes: [ChangeSetID]) {
        self.target = target
        self.key = key
        self.epoch = epoch
        self.reason = reason
        self.changes = changes
    }
}
