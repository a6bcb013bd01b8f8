/// What recognises a kind of sensitive value. Data: what it means is in `Detectors.confirm`.
/// A class, so that asking one copies nothing.
final class Detector: Sendable {
    /// Stable, `snake_case`.
    let name: String
    let kind: Kind
    let form: Form
    /// The pattern as it is written; nil for forms that have none.
    let pattern: String?
    /// Where it is written: the file and the line.
    let place: String
    /// What makes Vectorscan look closer; empty for forms that the byte scan finds.
    let anchors: [String]
    /// Whether letters of an anchor may be of either case.
    let ignoresCase: Bool
    let validator: Validator
    /// How far behind its anchor's first byte a detector looks before it decides. A longer value is masked as far as it
    /// goes (`Finding.Closer`).
    let reach: Int
    /// Texts with the part that must be masked.
    let positive: [Example]
    /// Texts that stay as they are.
    let negative: [String]

    init(
        name: String, kind: Kind, place: String, form: Form, pattern: String?, anchors: [String], ignoresCase: Bool,
        validator: Validator, reach: Int, positive: [Example], negative: [String]
    ) {
        self.name = name
        self.place = place
        self.pattern = pattern
        self.kind = kind
        self.form = form
        self.anchors = anchors
        self.ignoresCase = ignoresCase
        self.validator = validator
        self.reach = reach
        self.positive = positive
        self.negative = negative
    }

    /// Longest delay of a byte in a stream for this detector's sake, in bytes.
    var longestDelay: Int { Detectors.lookBehind + self.reach }

    struct Example: Sendable {
        var text: String
        var secret: String
    }

    /// Each a word: an anchor costs no copy of a pattern.
    indirect enum Form: Sendable {
        /// An anchor at the start of the token, then the pattern. `isMasked`: whether the anchor is masked with it.
        case token(Pattern, isMasked: Bool)
        /// As `token`, with `least...most` bytes of the set before the anchor that belong to it.
        case prefixed(ByteSet, ClosedRange<Int>, Pattern)
        /// The pattern within so many bytes behind a vendor's word.
        case near(Pattern, within: Int)
        /// A token behind a vendor's word, with a name for a key between the two; if `standsAlone`, also right behind it.
        case vendor(standsAlone: Bool)
        /// The value under the anchor, whatever it is.
        case named
        case account
        case netrc
        /// A host whose name the anchor ends.
        case host
        case arguments
        /// The arguments of the command that the anchor names.
        case command([CommandPattern])
        /// A line of `.pgpass`, around a port.
        case passFile
        /// The password before the anchor, in the name of a data source.
        case goSource
        case oracleSource
        /// A private member of a JSON Web Key.
        case webKey
        /// A character of no width, which hides the word that it stands in from the others.
        case invisible
        case jwt
        case armour
        case urlPassword
        case urlUser
        case bearer
        case keyed
        /// As `keyed`, of short names: the anchor ends with the byte behind the name.
        case shortName
        /// The value under a name that a profile has a rule for, which is what becomes of it.
        case profiled(Treatment)
        /// The columns that a statement names, whose values follow.
        case columns
        /// What a statement gives as a password behind the anchor.
        case statement
        /// The data of a Secret of Kubernetes.
        case manifest
        /// The private lines of PuTTY's key files.
        case putty
        case email
        case card
        /// A card with separators of several bytes, which the anchor is one of.
        case spacedCard
        /// A hardware address in three groups with dots, behind a word for one.
        case dottedMAC
        case iban
        case ipAddress
        case ipv6Address
        case macAddress
        case nationalID
        case vin
        case bitcoinAddress
        case birthDate
        case postalAddress
        case documentNumber
        case coordinate
        case phone
        case ssn
    }

    /// What confirms that a match is what it looks like.
    enum Validator: String, CaseIterable, Sendable {
        case none
        /// A letter and a digit.
        case mixed
        /// Upper case, lower case and digit.
        case threeClasses = "three_classes"
        /// Base64url of a JSON object that names an algorithm or a type.
        case jwtHeader = "jwt_header"
        /// Only one case of letters in the hexadecimal digits, and not all the same.
        case hexadecimal

        func confirms(_ bytes: UnsafeBufferPointer<UInt8>) -> Bool {
            switch self {
            case .none:
                return true
            case .mixed:
                return bytes.contains(where: \.isDigit) && bytes.contains(where: \.isLetter)
            case .threeClasses:
                return bytes.contains(where: \.isDigit) && bytes.contains(where: \.isUpper)
                    && bytes.contains(where: \.isLower)
            case .jwtHeader:
                return Self.isJWTHeader(bytes)
            case .hexadecimal:
                guard let first = bytes.first, bytes.contains(where: { $0 != first }) else { return false }
                return !(bytes.contains(where: \.isUpper) && bytes.contains(where: \.isLower))
            }
        }

        /// RFC 7515, section 4: the header is a JSON object; `alg` is required, `typ`, `enc` and `kid` are usual.
        private static func isJWTHeader(_ bytes: UnsafeBufferPointer<UInt8>) -> Bool {
            var text: [UInt8] = []
            var buffer: UInt32 = 0
            var bits: UInt32 = 0
            for byte in bytes.prefix(2048) {
                let value: UInt8
                switch byte {
                case 0x41...0x5A: value = byte - 0x41
                case 0x61...0x7A: value = byte - 0x61 + 26
                case 0x30...0x39: value = byte - 0x30 + 52
                case UInt8(ascii: "-"), UInt8(ascii: "+"): value = 62
                case UInt8(ascii: "_"), UInt8(ascii: "/"): value = 63
                default:
                    return Self.namesAlgorithm(text)
                }
                buffer = (buffer << 6 | UInt32(value)) & 0xFFFF
                bits += 6
                if bits >= 8 {
                    bits -= 8
                    text.append(UInt8(truncatingIfNeeded: buffer >> bits))
                }
            }
            return Self.namesAlgorithm(text)
        }

        private static func namesAlgorithm(_ text: [UInt8]) -> Bool {
            guard text.starts(with: "{".utf8) else { return false }
            let text = String(decoding: text, as: UTF8.self)
            return ["\"alg\"", "\"typ\"", "\"enc\"", "\"kid\""].contains { text.contains($0) }
        }
    }
}
