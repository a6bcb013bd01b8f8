import ControlWire
import GloveboxCore
import NIOCore

/// One of each message, with every part filled.
enum Samples {
    static let session = SessionID(unchecked: "0123456789abcdef")
    static let lease = LeaseID(unchecked: "0123456789ab")
    static let instance = InstanceID(unchecked: "fedcba9876543210")
    static let agent = AgentName(unchecked: "shop-agent")

    static func hello(_ versions: ProtocolVersions = .current, features: Set<String> = ["a", "b"]) -> Hello {
        Hello(
            versions: versions, features: features, agent: self.agent, instance: self.instance, software: "0.1.0",
            targets: [
                TargetAnnouncement(
                    name: TargetName(unchecked: "shop-db"), kind: "postgres",
                    labels: ["env": "production", "team": "shop"],
                    capabilities: [.read, .write]),
                TargetAnnouncement(name: TargetName(unchecked: "other"), kind: "log", labels: [:], capabilities: []),
            ], wall: WallTime(nanoseconds: 1_735_689_600_000_000_000), boot: BootInstant(nanoseconds: 42),
            log: KnownLog(origin: "gateway.example/log/1", size: 300))
    }

    static let welcome = Welcome(
        version: 2, features: ["a"], gateway: instance, pace: .standard, pool: .standard, lastSequence: 7,
        wall: WallTime(nanoseconds: -5), log: checkpoint)

    static let checkpoint = LogCheckpoint(
        key: "gateway.example/log/1+00000000+AQ==", note: [1, 2, 3], proof: [[4], [UInt8](repeating: 5, count: 32)])

    static let set = ChangeSetID(unchecked: "ba9876543210")

    static let order = ChangeOrder(
        .apply, set: set, number: 2, title: "deploy",
        change: HostChange(
            target: request.grant.target, lease: lease, action: .runbook(name: "deploy", parameters: ["version": "2"])),
        grant: request.grant)

    static let undo = ChangeOrder(
        .undo, set: set, number: 0, title: "",
        change: HostChange(target: request.grant.target, lease: lease, action: .file(path: "/etc/a", content: nil)),
        cause: "asked for", by: IdentityName(unchecked: "ada"), isUrgent: true)

    static let report = ChangeReport(
        set: set, number: 0, target: request.grant.target, state: .undone,
        failure: GloveboxFailure(code: "unavailable", message: "m"), conflict: ChangeConflict(change: 0, by: set))

    static let request = SessionRequest(
        session: session,
        grant: LeaseGrant(
            lease: lease, holder: IdentityName(unchecked: "ada"), target: TargetName(unchecked: "shop-db"),
            purpose: "INC-4711: wrong totals", capabilities: [.read, .reveal],
            limits: Limits(rows: 10, bytes: nil, seconds: 30, sessions: 2), maskingProfile: "default", rule: "readers",
            remaining: .seconds(900)),
        capability: .read, startup: ["application_name": "psql", "database": "shop"], client: "192.0.2.1",
        cancelKey: CancelKey(processID: -1, secret: .min))

    static let control: [ControlMessage] = [
        .hello(hello()), .welcome(welcome), .refused(code: "forbidden", message: "no ‹entry›"), .ping(0), .pong(.max),
        .dial(count: 3),
        .records([SequencedRecord(sequence: 1, bytes: [1, 2, 3]), SequencedRecord(sequence: 2, bytes: [])]),
        .acknowledged(sequence: 300), .leaseExtended(lease, remaining: .milliseconds(-1)),
        .leaseEnded(lease, .holderDisabled),
        .cancel(session), .sessionEnded(session), .inventory(hello().targets), .inventory([]), .goodbye(reason: ""),
        .checkpoint(checkpoint), .changeOrder(order), .changeOrder(undo), .changeReport(report),
        .changeReport(ChangeReport(set: set, number: 1, target: request.grant.target, state: .applied)),
    ]

    static let pool: [PoolMessage] = [
        .poolHello(agent: agent, instance: instance, demanded: true),
        .poolHello(agent: agent, instance: instance, demanded: false), .poolWelcome, .open(request), .taken, .accepted,
        .refusedSession(code: "ceiling_denied", message: "the ceiling says no"),
    ]

    static func bytes(_ messages: [some WireMessage]) throws -> [UInt8] {
        var buffer = ByteBuffer()
        for message in messages { try message.encode(into: &buffer) }
        return Array(buffer.readableBytesView)
    }

    static func frame(type: UInt8, _ body: (inout CanonicalWriter) -> Void = { _ in }) -> [UInt8] {
        var writer = CanonicalWriter()
        body(&writer)
        var buffer = ByteBuffer()
        buffer.writeInteger(UInt32(writer.bytes.count + 1))
        buffer.writeInteger(type)
        buffer.writeBytes(writer.bytes)
        return Array(buffer.readableBytesView)
    }
}

extension FrameDecoder {
    mutating func all(of pieces: [[UInt8]]) throws -> [Message] {
        var messages: [Message] = []
        for piece in pieces {
            self.feed(ByteBuffer(bytes: piece))
            while let message = try self.next() { messages.append(message) }
        }
        return messages
    }
}
