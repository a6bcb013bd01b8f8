/// Why a mark doesn't count. The request goes on without it, as an ordinary user's; the name is for metrics and logs.
package enum TestContextRefusal: String, Error, Hashable, Sendable, CaseIterable {
    /// It's no token in the one form that there is: another version, letters, lengths, fields, or a member with properties.
    case malformed
    /// More than one member of the mark's name.
    case duplicated
    /// For services behind the edge, and met at it; or the other way round. Or the key isn't for this audience.
    case wrongAudience = "wrong_audience"
    /// Signed by a key that isn't in the set, or so it says.
    case unknownKey = "unknown_key"
    /// Signed by a key whose time hasn't come or is over.
    case keyNotValid = "key_not_valid"
    /// The signature doesn't hold.
    case altered
    case expired
    case notYetValid = "not_yet_valid"
    /// Meant to be valid for longer than anything may be.
    case tooLongLived = "too_long_lived"
    /// For another edge.
    case foreign
    case routeNotAllowed = "route_not_allowed"
    case methodNotAllowed = "method_not_allowed"
    /// Its nonce was used, or may have been before this edge started.
    case replayed
    /// Its run was ended.
    case revoked
    /// The edge hears no gateway, and doesn't know which runs there are.
    case cutOff = "cut_off"
    /// The run has sent as many writing requests to this edge as it may.
    case overBudget = "over_budget"
    /// There's no room to remember the nonce or the run.
    case memoryFull = "memory_full"
}
