/// A type of PostgreSQL, by its object identifier (the built-in ones are fixed: `pg_type.dat`).
package struct PostgresType: Hashable, Sendable {
    package let oid: UInt32

    package init(oid: UInt32) {
        self.oid = oid
    }

    package static let bool = Self(oid: 16)
    package static let bytea = Self(oid: 17)
    package static let char = Self(oid: 18)
    package static let name = Self(oid: 19)
    package static let int8 = Self(oid: 20)
    package static let int2 = Self(oid: 21)
    package static let int4 = Self(oid: 23)
    package static let text = Self(oid: 25)
    package static let oid = Self(oid: 26)
    package static let json = Self(oid: 114)
    package static let xml = Self(oid: 142)
    package static let jsonArray = Self(oid: 199)
    package static let cidr = Self(oid: 650)
    package static let float4 = Self(oid: 700)
    package static let float8 = Self(oid: 701)
    package static let unknown = Self(oid: 705)
    package static let inet = Self(oid: 869)
    package static let bpchar = Self(oid: 1042)
    package static let varchar = Self(oid: 1043)
    package static let date = Self(oid: 1082)
    package static let timestamp = Self(oid: 1114)
    package static let timestamptz = Self(oid: 1184)
    package static let numeric = Self(oid: 1700)
    package static let cstring = Self(oid: 2275)
    package static let uuid = Self(oid: 2950)
    package static let jsonb = Self(oid: 3802)
    package static let textArray = Self(oid: 1009)
    package static let varcharArray = Self(oid: 1015)

    /// A pseudonym is a value of this type: any text is. (`"char"` and `name` are too short to hold one.)
    package var isText: Bool {
        switch self {
        case .text, .varchar, .bpchar, .unknown, .cstring: true
        default: false
        }
    }

    /// Must stay a JSON document when part of it is masked.
    package var isJSON: Bool { self == .json || self == .jsonb }

    /// An array of a built-in type.
    package var isArray: Bool {
        switch self.oid {
        // xml, json, bool, bytea, "char", name, int2, int4, text, bpchar, varchar, int8, float4, float8, oid, dates and
        // times, numeric, uuid, jsonb.
        case 143, 199, 1000...1003, 1005, 1007, 1009, 1014...1016, 1021, 1022, 1028, 1115, 1182, 1183, 1185, 1231, 1270,
            2951, 3807:
            true
        default: false
        }
    }
}
