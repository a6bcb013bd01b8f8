import GloveboxCore

extension ChangeOrder {
    func write(to writer: inout CanonicalWriter) {
        writer.write(1, self.verb.rawValue)
        writer.write(2, self.set.rawValue)
        writer.write(3, signed: Int64(self.number))
        writer.write(4, self.title)
        writer.write(5, self.change.target.rawValue)
        writer.write(6, self.change.lease.rawValue)
        writer.write(7) { self.change.action.write(to: &$0) }
        if let grant { writer.write(8) { grant.write(to: &$0) } }
        writer.write(9, self.cause)
        writer.write(10, self.by?.rawValue)
        writer.write(11, self.isUrgent ? 1 : 0)
    }

    init(_ reader: CanonicalReader) throws(GloveboxError) {
        guard let verb = Verb(rawValue: try reader.string(1)), let number = Int(exactly: try reader.signed(3)),
            number >= 0
        else { throw CanonicalReader.malformed }
        self.init(
            verb, set: try ChangeSetID(reader.string(2)), number: number, title: try reader.string(4),
            change: HostChange(
                target: try TargetName(reader.string(5)), lease: try LeaseID(reader.string(6)),
                action: try HostAction(reader.nested(7))),
            grant: try reader.nestedIfPresent(8).map { (grant) throws(GloveboxError) in try LeaseGrant(grant) },
            cause: try reader.stringIfPresent(9),
            by: try reader.stringIfPresent(10).map { (name) throws(GloveboxError) in try IdentityName(name) },
            isUrgent: try reader.unsigned(11) == 1)
    }
}

extension HostAction {
    fileprivate func write(to writer: inout CanonicalWriter) {
        writer.write(1, self.kind)
        switch self {
        case .runbook(let name, let parameters), .call(let name, let parameters):
            writer.write(2, name)
            writer.write(3, strings: parameters)
        case .file(let path, let content):
            writer.write(2, path)
            writer.write(4, content)
        }
    }

    fileprivate init(_ reader: CanonicalReader) throws(GloveboxError) {
        let name = try reader.string(2)
        switch try reader.string(1) {
        case "runbook": self = .runbook(name: name, parameters: try reader.stringPairs(3))
        case "call": self = .call(name: name, parameters: try reader.stringPairs(3))
        case "file": self = .file(path: name, content: try reader.stringIfPresent(4))
        default: throw CanonicalReader.malformed
        }
    }
}

extension ChangeReport {
    func write(to writer: inout CanonicalWriter) {
        writer.write(1, self.set.rawValue)
        writer.write(2, signed: Int64(self.number))
        writer.write(3, self.target.rawValue)
        writer.write(4, self.state.rawValue)
        writer.write(5, self.failure?.code)
        writer.write(6, self.failure?.message)
        if let conflict {
            writer.write(7) {
                $0.write(1, signed: Int64(conflict.change))
                $0.write(2, conflict.by?.rawValue)
            }
        }
    }

    init(_ reader: CanonicalReader) throws(GloveboxError) {
        guard let number = Int(exactly: try reader.signed(2)), number >= 0,
            let state = ChangeState(rawValue: try reader.string(4))
        else { throw CanonicalReader.malformed }
        self.init(
            set: try ChangeSetID(reader.string(1)), number: number, target: try TargetName(reader.string(3)),
            state: state)
        if let code = try reader.stringIfPresent(5) {
            self.failure = GloveboxFailure(code: code, message: try reader.string(6))
        }
        if let conflict = try reader.nestedIfPresent(7) {
            guard let change = Int(exactly: try conflict.signed(1)) else { throw CanonicalReader.malformed }
            self.conflict = ChangeConflict(
                change: change,
                by: try conflict.stringIfPresent(2).map { (id) throws(GloveboxError) in try ChangeSetID(id) })
        }
    }
}
