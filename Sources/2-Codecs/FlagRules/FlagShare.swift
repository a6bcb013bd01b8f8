package import GloveboxCore

/// A share of the contexts sees a flag as it's to be, the rest as it was: by flagd's own `fractional`, on the flag's key and
/// the targeting key, so that whoever is in the share stays in it as that grows. What the flag itself makes of a `fractional`
/// has nothing to do with it: each of its variants is seen in the share as it will be in the whole.
package enum FlagShare {
    /// - Parameters:
    ///   - former: the flag's definition as it was, JSON.
    ///   - new: as it's to be.
    /// - Returns: the definition for a share of `percent`, JSON; `new` where that's 100.
    /// - Throws: `flags_invalid` where no single definition can be both.
    package static func definition(
        of key: String, from former: String?, to new: String?, percent: Int
    ) throws(GloveboxError) -> String {
        guard let former, let new else { throw Self.unfit(key, "is made or removed, which no share of it can be") }
        guard percent < 100 else { return new }
        guard let after = try FlagValue(json: Array(new.utf8)).object,
            let before = try FlagValue(json: Array(former.utf8)).object
        else { throw Self.unfit(key, "is no object") }
        guard after["state"] == .string("ENABLED"), before["state"] == .string("ENABLED") else {
            throw Self.unfit(key, "is disabled before or after, which no share of it can be")
        }
        var variants = before["variants"]?.object ?? [:]
        for (name, value) in after["variants"]?.object ?? [:] {
            guard variants[name] == nil || variants[name] == value else {
                throw Self.unfit(key, "has a variant '\(name)' of another value than before: give it a name of its own")
            }
            variants[name] = value
        }
        var flag = after
        flag["variants"] = .object(variants)
        // Each side names its own default below; where it has none, no value is what's wanted.
        flag["defaultVariant"] = nil
        flag["targeting"] = .object([
            "if": .array([
                Self.isInside(key, percent), Self.outcome(flag: after, targeting: after["targeting"]),
                Self.outcome(flag: before, targeting: before["targeting"]),
            ])
        ])
        return try FlagEpoch.definition(key, .object(flag))
    }

    private static let inside = "rollout"

    /// Whether a context is in the share. Nobody is who has no targeting key, since all of them would be at once.
    private static func isInside(_ key: String, _ percent: Int) -> FlagValue {
        let targetingKey = FlagValue.object(["var": .string("targetingKey")])
        // By the flag's key and the targeting key alone the share would be the flag's own first bucket, where it has any.
        let hashed = FlagValue.object(["cat": .array([.string("\(Self.inside) \(key) "), targetingKey])])
        let bucket = FlagValue.object([
            "fractional": .array([
                hashed, .array([.string(Self.inside), .integer(Int64(percent))]),
                .array([.string("rest"), .integer(Int64(100 - percent))]),
            ])
        ])
        return .object([
            "and": .array([
                .object(["!=": .array([targetingKey, .null])]),
                .object(["==": .array([bucket, .string(Self.inside)])]),
            ])
        ])
    }

    /// What targeting names, or the default variant where it names none.
    private static func outcome(flag: [String: FlagValue], targeting: FlagValue?) -> FlagValue {
        let variant = flag["defaultVariant"] ?? .null
        guard let targeting, targeting != .object([:]), targeting != .null else { return variant }
        return .object([
            "if": .array([.object(["==": .array([targeting, .null])]), variant, targeting])
        ])
    }

    private static func unfit(_ key: String, _ why: String) -> GloveboxError {
        GloveboxError(.flagsInvalid, "a rollout can't change flag '\(key)', since it \(why)")
    }
}
