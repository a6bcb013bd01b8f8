import ControlAPI
import GloveboxCore

/// A record as an event of the Open Cybersecurity Schema Framework (OCSF), version 1.3: statements and sessions as
/// Datastore Activity (6005), leases as User Access Management (3005), sign-ins as Authentication (3002), everything
/// else as API Activity (6003). What the schema has no field for is in `unmapped`.
struct OCSFEvent {
    /// A class of the schema and what was done in its terms.
    private struct Kind {
        var category: Int64
        var classID: Int64
        var activity: Int64
        var isFailure = false
    }

    let json: JSONValue

    init(_ record: RecordEntry) {
        let kind = Self.kind(record.event)
        let user = Self.user(record.identity?.rawValue ?? "unknown")
        var fields: [String: JSONValue] = [
            "metadata": .object([
                "version": .string("1.3.0"), "uid": .string(record.id), "event_code": .string(record.event),
                "product": .object(["name": .string("Glovebox"), "vendor_name": .string("Glovebox")]),
            ]),
            "category_uid": .integer(kind.category), "class_uid": .integer(kind.classID),
            "activity_id": .integer(kind.activity), "type_uid": .integer(kind.classID * 100 + kind.activity),
            // In milliseconds, as OCSF's timestamps are.
            "time": .integer(record.time.wall.nanoseconds / 1_000_000),
            "severity_id": .integer(kind.isFailure ? 3 : 1), "status_id": .integer(kind.isFailure ? 2 : 1),
        ]
        var unmapped = record.details
        unmapped["lease"] = record.lease.map { .string($0.rawValue) }
        switch kind.classID {
        case 6005:
            fields["actor"] = .object(["user": user])
            fields["src_endpoint"] = Self.endpoint(unmapped.removeValue(forKey: "client"))
            fields["database"] = record.target.map { .object(["name": .string($0.rawValue), "type_id": .integer(1)]) }
            fields["type_id"] = .integer(1)
            if let text = unmapped.removeValue(forKey: "text") {
                fields["query_info"] = .object(["query_string": text])
            }
        case 3005:
            fields["user"] = user
            fields["privileges"] = unmapped.removeValue(forKey: "capabilities")
            fields["resources"] = record.target.map { .array([.object(["name": .string($0.rawValue)])]) }
        case 3002:
            fields["user"] = user
            fields["service"] = .object(["name": .string("glovebox")])
        default:
            fields["actor"] = .object(["user": user])
            fields["api"] = .object(["operation": .string(record.event)])
            fields["src_endpoint"] = Self.endpoint(nil)
        }
        if let session = record.session { unmapped["session"] = .string(session.rawValue) }
        fields["message"] = unmapped.removeValue(forKey: "message")
        fields["status_code"] = unmapped.removeValue(forKey: "code")
        if !unmapped.isEmpty { fields["unmapped"] = .object(unmapped) }
        self.json = .object(fields)
    }

    private static func user(_ name: String) -> JSONValue { .object(["name": .string(name)]) }

    private static func endpoint(_ address: JSONValue?) -> JSONValue {
        .object(address.map { ["ip": $0] } ?? ["name": .string("unknown")])
    }

    private static func kind(_ event: String) -> Kind {
        switch event {
        case "statement": Kind(category: 6, classID: 6005, activity: 4)
        case "statement_refused": Kind(category: 6, classID: 6005, activity: 4, isFailure: true)
        case "session_started": Kind(category: 6, classID: 6005, activity: 3)
        case "session_refused": Kind(category: 6, classID: 6005, activity: 3, isFailure: true)
        case "session_ended", "cancel_requested": Kind(category: 6, classID: 6005, activity: 99)
        case "lease_opened", "lease_extended": Kind(category: 3, classID: 3005, activity: 1)
        case "lease_refused": Kind(category: 3, classID: 3005, activity: 1, isFailure: true)
        case "lease_ended": Kind(category: 3, classID: 3005, activity: 2)
        case "enrolled": Kind(category: 3, classID: 3002, activity: 1)
        case "signed_out": Kind(category: 3, classID: 3002, activity: 2)
        case "sign_in_refused": Kind(category: 3, classID: 3002, activity: 1, isFailure: true)
        case "identity_invited", "agent_invited": Kind(category: 6, classID: 6003, activity: 1)
        case "policy_loaded": Kind(category: 6, classID: 6003, activity: 3)
        case "policy_refused": Kind(category: 6, classID: 6003, activity: 3, isFailure: true)
        case "records_pruned": Kind(category: 6, classID: 6003, activity: 4)
        default: Kind(category: 6, classID: 6003, activity: 99)
        }
    }
}
