/// What a detector found and why, without the value.
package struct Detection: Hashable, Sendable {
    /// The detector's name; `encoded` for what was found in decoded bytes, `tainted` for what was masked before.
    package var detector: String
    package var kind: Kind
    /// The offset of its first byte, in the text or the stream.
    package var start: Int
    /// The offset behind its last byte; nil while that hasn't arrived.
    package var end: Int?
    /// What made the detector sure, in words.
    package var reason: String
}

extension Masker {
    /// Tells of a cluster by the detector whose finding begins it.
    func tell(of cluster: Cluster) {
        guard let onDetection = self.onDetection else { return }
        let (name, reason) =
            switch cluster.rank {
            case Finding.tainted: ("tainted", "the same lease has masked it before")
            case let rank where self.detectors.table.indices.contains(rank):
                (self.detectors.table[rank].name, self.detectors.table[rank].reason)
            default: ("encoded", "what it encodes has such a value")
            }
        onDetection(
            Detection(
                detector: name, kind: cluster.kind, start: cluster.start,
                end: cluster.open.isEmpty ? cluster.end : nil, reason: reason))
    }
}

extension Detector {
    fileprivate var reason: String {
        switch self.form {
        case .token: "it begins as such tokens do, and goes on like one"
        case .prefixed: "the mark of such tokens stands in it, with the right characters around it"
        case .near: "it has the shape of such a token, beside the vendor's word"
        case .vendor: "it has the shape of a token, and stands with a vendor's word"
        case .named: "it stands under a name that is known for it"
        case .account: "it's the name that goes with the secret behind it"
        case .netrc: "it's an entry of a .netrc with its password"
        case .host: "it's the host of one customer at a provider"
        case .arguments: "it's what a call that takes credentials is given"
        case .command: "it's the argument of a command that takes a secret"
        case .passFile: "it's the last part of a line of a .pgpass"
        case .goSource, .oracleSource: "it's the password in the name of a database"
        case .webKey: "it's a private member of a JSON Web Key"
        case .invisible: "a character of no width stands in it"
        case .jwt: "its header is that of a JSON Web Token"
        case .armour: "a header of armour opens it"
        case .urlPassword: "it's the password in a URL"
        case .urlUser: "it's the user in a URL with a password"
        case .bearer: "it stands behind an authentication scheme"
        case .keyed, .shortName: "it stands under a sensitive name"
        case .profiled: "it stands under a name that the profile has a rule for"
        case .columns: "it stands in the place of a column with a sensitive name"
        case .statement: "a statement sets it as a password"
        case .manifest: "it's the data of a Secret of Kubernetes"
        case .putty: "it's the private part of a key file of PuTTY's"
        case .email: "it's an address around an @"
        case .card, .spacedCard: "an issuer's digits, and the Luhn checksum holds"
        case .iban: "a country's form, and its checksum holds"
        case .phone: "the digits are a number of a numbering plan's"
        case .ssn: "the digits are of the areas and groups that are given out"
        case .ipAddress: "four numbers of an address that is routed on the internet"
        case .ipv6Address: "groups of an address that is routed on the internet"
        case .macAddress: "six pairs as a network card's address has them"
        case .dottedMAC: "three groups as a network card's address has them, behind a word for one"
        case .nationalID: "it has the form of a country's number for people, and the check digits hold"
        case .vin: "it has the form of a vehicle's number, and the check digit holds"
        case .bitcoinAddress: "the checksum of an address holds"
        case .birthDate: "it's a date behind a word for birth"
        case .postalAddress: "it stands where an address was said to follow"
        case .documentNumber: "it stands behind the name of a document"
        case .coordinate: "it's in degrees, under a name for a place"
        }
    }
}

extension Detectors {
    /// A text of the built-in examples.
    package struct LabelledText: Sendable {
        /// The detector's name.
        package var detector: String
        package var text: String
        /// The part that must be masked; nil where all may pass.
        package var secret: String?
    }

    /// What each detector is held to, in the order of the table.
    package var examples: [LabelledText] {
        self.table.flatMap { detector in
            detector.positive.map { LabelledText(detector: detector.name, text: $0.text, secret: $0.secret) }
                + detector.negative.map { LabelledText(detector: detector.name, text: $0, secret: nil) }
        }
    }
}
