package import GloveboxCore
import JSONDocument

extension ObservedAnswer {
    /// With every text in it, names and numbers as well, as `mask` has it.
    /// - Parameter rules: values of paths that differ from answer to answer stay as they are where they are what they
    ///   have to
    ///   be, since that couldn't be seen of a masked one.
    /// - Throws: `redaction_failed` when `mask` throws.
    package func masked(
        _ mask: @escaping TextMask, besides rules: NoiseRules? = nil
    ) throws(GloveboxError) -> ObservedAnswer {
        do {
            var walk = MaskingWalk(mask: mask, table: rules.map { PathTable($0) })
            var answer = self
            answer.headers = try walk.masked(.object(self.headers), .header).object ?? JSONObject()
            answer.servedBy = try self.servedBy.map(mask)
            switch self.body {
            case .none: break
            case .json(let json): answer.body = .json(try walk.masked(json, .json))
            case .html(let source): answer.body = .html(try mask(source))
            case .text(let text): answer.body = .text(try mask(text))
            case .bytes(let type, let count, let digest):
                answer.body = .bytes(type: try mask(type), count: count, digest: digest)
            }
            return answer
        } catch {
            throw GloveboxError.masking(error)
        }
    }
}

extension GloveboxError {
    static func masking(_ error: any Error) -> GloveboxError {
        GloveboxError(.redactionFailed, "an answer couldn't be masked, and isn't kept: see the cause", cause: error)
    }
}

private struct MaskingWalk {
    let mask: TextMask
    var table: PathTable?

    mutating func masked(_ value: JSON, _ root: AnswerPath.Root) throws -> JSON {
        let path = self.table?.root(root)
        return try self.masked(value, path)
    }

    private mutating func masked(_ value: JSON, _ path: Int?) throws -> JSON {
        switch value {
        case .null, .bool: return value
        case .string, .number: return try self.masked(scalar: value, path)
        case .array(let elements):
            var masked: [JSON] = []
            for element in elements { masked.append(try self.masked(element, self.child(path, nil))) }
            return .array(masked)
        case .object(let object):
            var members: [JSONObject.Member] = []
            for member in object.members {
                members.append(
                    JSONObject.Member(
                        try self.mask(member.name), try self.masked(member.value, self.child(path, member.name))))
            }
            return .object(JSONObject(members))
        }
    }

    private mutating func child(_ path: Int?, _ name: String?) -> Int? {
        path.flatMap { self.table?.child($0, name) }
    }

    private func masked(scalar value: JSON, _ path: Int?) throws -> JSON {
        if let path, let kind = self.table?.rule(path)?.kind, !kind.isOfText,
            kind.fault(of: value, expected: value, isConcurrent: false) == nil
        {
            return value
        }
        guard let text = value.string ?? value.number?.text else { return value }
        let masked = try self.mask(text)
        return masked == text ? value : .string(masked)
    }
}

extension NoiseKind {
    /// Whether texts of it may have in them what has to be masked.
    var isOfText: Bool {
        switch self {
        case .words, .any, .list: true
        case .either(let kinds): kinds.contains(where: \.isOfText)
        case .uuid, .time, .counter, .token, .tolerance, .oneOf: false
        }
    }
}

extension NoiseKind {
    /// Values of answers that a rule has in it.
    fileprivate var keptValues: [JSON] {
        switch self {
        case .oneOf(let values): values
        case .either(let kinds), .words(let kinds): kinds.flatMap(\.keptValues)
        case .token(let shape): shape.prefix.isEmpty ? [] : [.string(shape.prefix)]
        case .counter(let counter): [.number(JSONNumber(counter.from))]
        case .uuid, .time, .tolerance, .list, .any: []
        }
    }
}

extension LearnedNoise {
    /// What's kept of values is masked. A kind that has one in it which would be masked is no rule any more.
    mutating func mask(_ mask: @escaping TextMask) throws(GloveboxError) {
        do {
            for (path, rule) in self.rules {
                guard let values = rule.kind?.keptValues, !values.isEmpty else { continue }
                let texts = values.compactMap { $0.string ?? $0.number?.text }
                guard try texts.contains(where: { try mask($0) != $0 }) else { continue }
                self.rules[path]?.kind = nil
                if rule.isOptional == false, rule.isNullable == false { self.rules[path] = nil }
                self.unexplained.append(
                    .init(path: path.description, what: "a kind of noise that would show what's masked", values: []))
            }
            for index in self.unexplained.indices {
                self.unexplained[index].values = try self.unexplained[index].values.map(mask)
            }
        } catch {
            throw GloveboxError.masking(error)
        }
    }
}

extension Difference {
    func masked(_ mask: @escaping TextMask) throws(GloveboxError) -> Difference {
        do {
            var difference = self
            // Names of members are in paths.
            difference.path = try mask(self.path)
            difference.place = try mask(self.place)
            difference.expected = try self.expected.map(mask)
            difference.actual = try self.actual.map(mask)
            difference.detail = try self.detail.map(mask)
            return difference
        } catch {
            throw GloveboxError.masking(error)
        }
    }
}
