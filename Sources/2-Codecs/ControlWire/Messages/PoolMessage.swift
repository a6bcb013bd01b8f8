package import GloveboxCore

/// What agent and gateway say on a pooled connection, until a session takes it over as a plain byte pipe.
///
///     agent                      gateway
///     poolHello ───────────────►
///               ◄─────────────── poolWelcome        idle from here, for as long as need be
///               ◄─────────────── open(request)
///     taken     ───────────────►                    at once: the connection lives, the gateway stops looking for another
///     accepted  ───────────────►                    the target is open; plain bytes both ways from here
///        or refusedSession ────►                    and the connection is closed
package enum PoolMessage: Hashable, Sendable {
    /// `demanded`: dialled because the gateway asked with `dial`.
    case poolHello(agent: AgentName, instance: InstanceID, demanded: Bool)
    case poolWelcome
    case open(SessionRequest)
    case taken
    case accepted
    case refusedSession(code: String, message: String)
}

extension PoolMessage: WireMessage {
    /// A session request carries a client's start-up parameters: 256 KiB.
    package static let longestFrame = 256 << 10

    package var type: UInt8 {
        switch self {
        case .poolHello: 1
        case .poolWelcome: 2
        case .open: 3
        case .taken: 4
        case .accepted: 5
        case .refusedSession: 6
        }
    }

    package func writePayload(to writer: inout CanonicalWriter) {
        switch self {
        case .poolHello(let agent, let instance, let demanded):
            writer.write(1, agent.rawValue)
            writer.write(2, instance.rawValue)
            writer.write(3, demanded ? 1 : 0)
        case .open(let request):
            request.write(to: &writer)
        case .refusedSession(let code, let message):
            writer.write(1, code)
            writer.write(2, message)
        case .poolWelcome, .taken, .accepted:
            break
        }
    }

    package static func read(type: UInt8, _ payload: CanonicalReader) throws(GloveboxError) -> PoolMessage? {
        switch type {
        case 1:
            return .poolHello(
                agent: try AgentName(payload.string(1)), instance: try InstanceID(payload.string(2)),
                demanded: try payload.unsigned(3) == 1)
        case 2: return .poolWelcome
        case 3: return .open(try SessionRequest(payload))
        case 4: return .taken
        case 5: return .accepted
        case 6: return .refusedSession(code: try payload.string(1), message: try payload.string(2))
        default: return nil
        }
    }
}

extension SessionRequest {
    fileprivate func write(to writer: inout CanonicalWriter) {
        writer.write(1, self.session.rawValue)
        writer.write(2) { self.grant.write(to: &$0) }
        writer.write(3, self.capability.rawValue)
        writer.write(4, strings: self.startup)
        writer.write(5, self.client)
        writer.write(6, signed: Int64(self.cancelKey.processID))
        writer.write(7, signed: Int64(self.cancelKey.secret))
    }

    fileprivate init(_ reader: CanonicalReader) throws(GloveboxError) {
        guard let capability = Capability(rawValue: try reader.string(3)),
            let processID = Int32(exactly: try reader.signed(6)), let secret = Int32(exactly: try reader.signed(7))
        else { throw CanonicalReader.malformed }
        self.init(
            session: try SessionID(reader.string(1)), grant: try LeaseGrant(reader.nested(2)), capability: capability,
            startup: try reader.stringPairs(4), client: try reader.stringIfPresent(5),
            cancelKey: CancelKey(processID: processID, secret: secret))
    }
}

extension LeaseGrant {
    func write(to writer: inout CanonicalWriter) {
        writer.write(1, self.lease.rawValue)
        writer.write(2, self.holder.rawValue)
        writer.write(3, self.target.rawValue)
        writer.write(4, self.purpose)
        writer.write(5, strings: self.capabilities.map(\.rawValue).sorted())
        writer.write(6) { limits in
            limits.write(1, signed: self.limits.rows)
            limits.write(2, signed: self.limits.bytes)
            limits.write(3, signed: self.limits.seconds)
            limits.write(4, signed: self.limits.sessions)
        }
        writer.write(7, self.maskingProfile)
        writer.write(8, self.rule)
        writer.write(9, signed: self.remaining.nanosecondsClamped)
    }

    init(_ reader: CanonicalReader) throws(GloveboxError) {
        let limits = try reader.nested(6)
        self.init(
            lease: try LeaseID(reader.string(1)), holder: try IdentityName(reader.string(2)),
            target: try TargetName(reader.string(3)), purpose: try reader.string(4),
            capabilities: try Set<Capability>(wire: reader.strings(5)),
            limits: Limits(
                rows: try limits.signedIfPresent(1), bytes: try limits.signedIfPresent(2),
                seconds: try limits.signedIfPresent(3), sessions: try limits.signedIfPresent(4)),
            maskingProfile: try reader.string(7), rule: try reader.string(8),
            remaining: .nanoseconds(try reader.signed(9)))
    }
}
