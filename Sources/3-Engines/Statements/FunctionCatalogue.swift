/// What a database's catalogue says of its functions, operators and types: which exist, and which may do more than compute
/// (`pg_proc.provolatile`; PostgreSQL manual, "Function Volatility Categories").
package struct FunctionCatalogue: Hashable, Sendable {
    /// What is known of all functions of a name together: which of them a call means depends on its arguments' types.
    enum Standing: Hashable, Sendable {
        case unknown
        /// All are immutable or stable: PostgreSQL itself lets them change nothing.
        case calm
        case volatile
    }

    private var bySchema: [String: [String: Standing]] = [:]
    private var byName: [String: Standing] = [:]
    private var volatileOperators: Set<String> = []
    private var ownVolatile: Set<String> = []
    private var foreign: Set<String> = []
    private var setReturning: Set<String> = []
    private var foreignOperators: Set<String> = []
    private var volatileTypes: Set<String> = []
    private var volatileTypeIDs: Set<UInt32> = []
    private var foreignTypes: Set<String> = []
    private var foreignAttributes: Set<String> = []
    private var foreignRowAttributes: Set<String> = []

    package init() {}

    package mutating func addFunctions(_ names: some Sequence<String>, schema: String, isVolatile: Bool) {
        let standing: Standing = isVolatile ? .volatile : .calm
        for name in names {
            if self.bySchema[schema]?[name] != .volatile { self.bySchema[schema, default: [:]][name] = standing }
            if self.byName[name] != .volatile { self.byName[name] = standing }
            if schema != "pg_catalog", schema != "information_schema" { self.foreign.insert(name) }
            if isVolatile, schema != "pg_catalog" { self.ownVolatile.insert(name) }
        }
    }

    package mutating func addSetReturning(_ names: some Sequence<String>) {
        self.setReturning.formUnion(names)
    }

    package mutating func addVolatileOperators(_ names: some Sequence<String>) {
        self.volatileOperators.formUnion(names)
    }

    /// Operators of functions that aren't PostgreSQL's own and may read what they like.
    package mutating func addForeignOperators(_ names: some Sequence<String>) {
        self.foreignOperators.formUnion(names)
    }

    /// Types of which a value is made by a function that's marked VOLATILE: a cast's, an input function, or what a domain
    /// checks; and what is made of such types.
    package mutating func addVolatileTypes(_ names: some Sequence<String>, ids: some Sequence<UInt32>) {
        self.volatileTypes.formUnion(names)
        self.volatileTypeIDs.formUnion(ids)
    }

    /// Types to which a cast is a function that isn't PostgreSQL's own and may read what it likes.
    package mutating func addForeignTypes(_ names: some Sequence<String>) {
        self.foreignTypes.formUnion(names)
    }

    /// Functions that aren't PostgreSQL's own and can be called with one value, which `value.name` does as well (manual,
    /// "Using Composite Types in Queries": functional notation).
    /// - Parameter takeRows: their value may be a row.
    package mutating func addForeignAttributes(_ names: some Sequence<String>, takeRows: Bool) {
        for name in names {
            self.foreignAttributes.insert(name)
            if takeRows { self.foreignRowAttributes.insert(name) }
        }
    }

    /// - Parameter schema: nil where the call names none: then any in the search path may be meant.
    func standing(of name: String, schema: String?) -> Standing {
        guard let schema else { return self.byName[name] ?? .unknown }
        return self.bySchema[schema]?[name] ?? .unknown
    }

    /// Whether a call may mean a function that isn't PostgreSQL's own: nobody knows what that reads.
    func isForeign(_ name: String, schema: String?) -> Bool {
        if let schema { return schema != "pg_catalog" && schema != "information_schema" }
        return self.foreign.contains(name)
    }

    /// Whether there's one of this name that isn't PostgreSQL's own.
    func isOwn(_ name: String) -> Bool { self.foreign.contains(name) }

    func mayReturnSet(_ name: String) -> Bool { self.setReturning.contains(name) }

    func isVolatile(operator name: String) -> Bool { self.volatileOperators.contains(name) }

    func isForeign(operator name: String) -> Bool { self.foreignOperators.contains(name) }

    /// Whether a value of a type of this name, in any schema, may be made by what does more than compute.
    func isVolatile(type name: String) -> Bool { self.volatileTypes.contains(name) }

    func isForeign(type name: String) -> Bool { self.foreignTypes.contains(name) }

    /// Whether `value.name` may call a function that isn't PostgreSQL's own.
    /// - Parameter isRow: the value is known to be a table's row.
    func isForeign(attribute name: String, ofRow isRow: Bool) -> Bool {
        (isRow ? self.foreignRowAttributes : self.foreignAttributes).contains(name)
    }

    package var hasVolatileTypes: Bool { !self.volatileTypeIDs.isEmpty }

    /// Of these types by their numbers, as a Parse names them for parameters.
    package func mayWrite(parameters types: [UInt32]) -> Bool {
        types.contains(where: self.volatileTypeIDs.contains)
    }

    /// Whether there's one of this name that isn't PostgreSQL's own and may do more than compute.
    func isOwnVolatile(_ name: String) -> Bool { self.ownVolatile.contains(name) }
}
