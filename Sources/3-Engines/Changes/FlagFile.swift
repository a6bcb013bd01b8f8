package import FlagRules
package import GloveboxCore

/// A file in flagd's form taken apart: definitions that each stand alone, so that one can be changed without the others.
package enum FlagFile {
    private static let deepest = 64

    /// Definitions by key; `$ref`s are replaced by what they name, and the file's metadata stands under each flag's own.
    /// - Throws: `flags_invalid` for the first that isn't right.
    package static func definitions(_ file: FlagValue) throws(GloveboxError) -> [String: FlagValue] {
        // Also says what's wrong with the file as a whole.
        if let fault = try FlagSet(file).faults.first { throw fault }
        let fields = file.object ?? [:]
        let evaluators = fields["$evaluators"]?.object ?? [:]
        let shared = fields["metadata"]?.object ?? [:]
        var definitions: [String: FlagValue] = [:]
        for (key, value) in fields["flags"]?.object ?? [:] {
            guard var flag = value.object else { continue }
            if let targeting = flag["targeting"] {
                flag["targeting"] = try Self.inlined(targeting, evaluators, depth: 0)
            }
            let metadata = shared.merging(flag["metadata"]?.object ?? [:]) { $1 }
            if !metadata.isEmpty { flag["metadata"] = .object(metadata) }
            definitions[key] = .object(flag)
        }
        return definitions
    }

    private static func inlined(
        _ rule: FlagValue, _ evaluators: [String: FlagValue], depth: Int
    ) throws(GloveboxError) -> FlagValue {
        guard depth < Self.deepest else {
            throw GloveboxError(.flagsInvalid, "the rule is nested too deeply: \(Self.deepest) levels at most")
        }
        switch rule {
        case .array(let items):
            var all: [FlagValue] = []
            for item in items { all.append(try Self.inlined(item, evaluators, depth: depth + 1)) }
            return .array(all)
        case .object(let fields):
            if fields.count == 1, let name = fields["$ref"]?.string, let named = evaluators[name] {
                return try Self.inlined(named, evaluators, depth: depth + 1)
            }
            var all: [String: FlagValue] = [:]
            for (key, value) in fields { all[key] = try Self.inlined(value, evaluators, depth: depth + 1) }
            return .object(all)
        default: return rule
        }
    }
}
