import CVectorscan
package import GloveboxCore

/// The compiled detectors: immutable, made once, shared by every session of the process.
///
/// Two tiers. What has a literal is found by Vectorscan, which looks for all literals at once (`literals`); what has none
/// (mail addresses, numbers) by a byte scan for `@` and the first digit of a row. Either only finds an anchor; a detector
/// then looks at the bytes around it (`View`) and confirms.
package final class Detectors: Sendable {
    /// How far before its anchor's first byte a detector may look, and a finding may begin.
    package static let lookBehind = 256

    let table: [Detector]
    /// The table's detectors again, and how far each looks.
    private let references: [Unmanaged<Detector>]
    let reaches: [Int]
    /// By the literal's id: its length, and where the detectors that it stands for begin among `anchored`; those of the next
    /// literal end them.
    let anchorCounts: [Int]
    let anchoredStarts: [Int]
    let anchored: [AnchoredDetector]
    /// From this literal's id on they are words for a telephone, which stand for no detector: where one stands says which of
    /// the many rows of digits are looked at.
    let firstPhoneWord: Int
    /// By the literal's id: whether a word for a secret has it in it (`SecretWords`). Empty where one of these has none.
    let isPartOfSecretWord: [Bool]
    /// How many of the table's first are for names that a profile has rules for.
    private let nameCount: Int
    let emailDetectors: [Int]
    let colonDetectors: [Int]
    /// By the form's bit.
    let numberDetectors: [[Int]]
    let everyNumberForm: NumberForms
    /// Vectorscan's compiled literals, for whole values and for streams. `unsafe` since Swift can't know what stands behind
    /// a C pointer: a database isn't written to once it's compiled, and any number of threads may scan by one (Vectorscan
    /// manual, "Scanning for Patterns").
    nonisolated(unsafe) let block: OpaquePointer
    nonisolated(unsafe) let stream: OpaquePointer
    /// A scratch space to clone for each masker: allocating one takes far longer. Nothing is ever scanned with it, so that
    /// cloning, which only reads it, needs no lock.
    nonisolated(unsafe) private let scratch: OpaquePointer

    /// The built-in detectors.
    /// - Throws: `redaction_failed` when Vectorscan doesn't run on this machine or the set can't be compiled.
    package convenience init() throws(GloveboxError) {
        try self.init(table: DetectorFile.builtIn())
    }

    /// The built-in detectors after those of somebody's own files, which name the kind where both find something.
    ///
    /// - Parameter own: the files' names, for errors, and their YAML.
    /// - Throws: `configuration_invalid` with file and line, when a file can't be read or one of its own examples fails;
    ///   `redaction_failed` as above.
    package convenience init(own: [(file: String, yaml: [UInt8])]) throws(GloveboxError) {
        var table: [Detector] = []
        for (file, yaml) in own { table += try DetectorFile.read(yaml, file: file) }
        let count = table.count
        table += try DetectorFile.builtIn()
        try DetectorFile.refuseTwins(table)
        try self.init(table: table)
        try self.checkExamples(of: table.prefix(count))
    }

    /// Those of `others`, behind ones for the values under the names that a profile has rules for.
    ///
    /// - Throws: `redaction_failed`.
    convenience init(_ others: Detectors, names profile: MaskingProfile) throws(GloveboxError) {
        try self.init(table: profile.nameDetectors + others.table)
    }

    /// What a profile has for the name that led to a finding of the detector at `rank`.
    func treatment(byName rank: Int) -> Treatment? {
        guard rank < self.nameCount, case .profiled(let treatment) = self.table[rank].form else { return nil }
        return treatment
    }

    /// - Throws: `configuration_invalid` with the place of the first detector that doesn't do what its examples say.
    private func checkExamples(of table: ArraySlice<Detector>) throws(GloveboxError) {
        let masker = try Masker(detectors: self, pseudonyms: Pseudonyms(linkable: false))
        for detector in table {
            for example in detector.positive where try masker.maskText(example.text).contains(example.secret) {
                throw detector.refusal("doesn't mask its own example: mend its pattern or the example")
            }
            for text in detector.negative where try masker.maskText(text) != text {
                throw detector.refusal("masks something in a text that it says must stay: mend its pattern or the text")
            }
        }
    }

    init(table: [Detector]) throws(GloveboxError) {
        var literals: [Literal] = []
        var places: [Literal: Int] = [:]
        var detectors: [[Int]] = []
        for (index, detector) in table.enumerated() {
            for anchor in detector.anchors {
                let literal = Literal(
                    detector.ignoresCase ? anchor.lowercased() : anchor, detector.ignoresCase)
                if let place = places[literal] {
                    detectors[place].append(index)
                } else {
                    places[literal] = literals.count
                    literals.append(literal)
                    detectors.append([index])
                }
            }
        }
        self.firstPhoneWord = literals.count
        if table.contains(where: { if case .phone = $0.form { true } else { false } }) {
            for word in View.phoneWords.words { literals.append(Literal("\(word)", true)) }
        }
        self.isPartOfSecretWord = SecretWords.parts(among: literals.map { $0.ignoresCase ? $0.bytes : [] })
        self.table = table
        self.nameCount = table.prefix { if case .profiled = $0.form { true } else { false } }.count
        self.references = table.map { Unmanaged.passUnretained($0) }
        self.reaches = table.map(\.reach)
        self.anchorCounts = literals.map { $0.bytes.count }
        detectors += Array(repeating: [], count: literals.count - detectors.count)
        self.anchoredStarts = detectors.reduce(into: [0]) { $0.append($0[$0.count - 1] + $1.count) }
        self.anchored = zip(literals, detectors).flatMap { literal, detectors in
            detectors.map { AnchoredDetector($0, table[$0].form, literal.bytes) }
        }
        self.emailDetectors = table.indices.filter { if case .email = table[$0].form { true } else { false } }
        self.colonDetectors = table.indices.filter {
            switch table[$0].form {
            case .ipv6Address, .macAddress: true
            default: false
            }
        }
        self.numberDetectors = (0..<NumberForms.count).map { bit in
            table.indices.filter { NumberForms(table[$0].form).rawValue == 1 << UInt16(bit) }
        }
        self.everyNumberForm = table.reduce([]) { $0.union(NumberForms($1.form)) }
        let block = try Self.compile(literals, mode: HS_MODE_BLOCK)
        do throws(GloveboxError) {
            let stream = try Self.compile(literals, mode: HS_MODE_STREAM)
            do throws(GloveboxError) {
                self.scratch = try Self.allocateScratch(block, stream)
            } catch {
                hs_free_database(stream)
                throw error
            }
            self.stream = stream
        } catch {
            hs_free_database(block)
            throw error
        }
        self.block = block
    }

    deinit {
        hs_free_scratch(self.scratch)
        hs_free_database(self.block)
        hs_free_database(self.stream)
    }

    /// One literal of the database.
    private struct Literal: Hashable {
        var bytes: [UInt8]
        var ignoresCase: Bool

        init(_ text: String, _ ignoresCase: Bool) {
            self.bytes = Array(text.utf8)
            self.ignoresCase = ignoresCase
        }
    }

    private static func compile(_ literals: [Literal], mode: Int32) throws(GloveboxError) -> OpaquePointer {
        var text: [CChar] = []
        var starts: [Int] = []
        for literal in literals {
            starts.append(text.count)
            text += literal.bytes.map { CChar(bitPattern: $0) } + [0]
        }
        var database: OpaquePointer?
        var failure: UnsafeMutablePointer<hs_compile_error_t>?
        let status = text.withUnsafeBufferPointer { text in
            let pointers = starts.map { start in text.baseAddress.map { UnsafePointer($0 + start) } }
            let flags = literals.map { UInt32($0.ignoresCase ? HS_FLAG_CASELESS : 0) }
            let lengths = literals.map(\.bytes.count)
            return hs_compile_lit_multi(
                pointers, flags, Array(0..<UInt32(literals.count)), lengths, UInt32(literals.count), UInt32(mode), nil,
                &database, &failure)
        }
        if let failure { hs_free_compile_error(failure) }
        guard status == HS_SUCCESS, let database else {
            throw GloveboxError(
                .redactionFailed, "the detectors can't be compiled on this machine (Vectorscan \(status))")
        }
        return database
    }

    private static func allocateScratch(_ databases: OpaquePointer...) throws(GloveboxError) -> OpaquePointer {
        var scratch: OpaquePointer?
        for database in databases {
            let status = hs_alloc_scratch(database, &scratch)
            guard status == HS_SUCCESS else {
                if let scratch { hs_free_scratch(scratch) }
                throw GloveboxError(.redactionFailed, "no memory for the detectors (Vectorscan \(status))")
            }
        }
        guard let scratch else { throw GloveboxError(.redactionFailed, "no memory for the detectors") }
        return scratch
    }

    /// A scratch space of one's own; freed with `hs_free_scratch`.
    func makeScratch() throws(GloveboxError) -> OpaquePointer {
        var clone: OpaquePointer?
        let status = hs_clone_scratch(self.scratch, &clone)
        guard status == HS_SUCCESS, let clone else {
            throw GloveboxError(.redactionFailed, "no memory for a session's detectors (Vectorscan \(status))")
        }
        return clone
    }

    /// Asks one detector about one anchor.
    func confirm(_ index: Int, start: Int, anchorCount: Int, _ view: inout View) -> Finding? {
        // The table holds on to it: no need to count another reference at each of millions of anchors.
        self.references[index]._withUnsafeGuaranteedRef {
            guard var finding = Self.confirm($0, start: start, anchorCount: anchorCount, &view) else { return nil }
            finding.rank = index
            return finding
        }
    }

    private static func confirm(_ detector: Detector, start: Int, anchorCount: Int, _ view: inout View) -> Finding? {
        switch detector.form {
        case .token(let pattern, let isMasked):
            view.token(detector, start: start, anchorCount: anchorCount, pattern: pattern, isMasked: isMasked)
        case .prefixed(let set, let count, let pattern):
            view.prefixedToken(
                detector, start: start, anchorCount: anchorCount, set: set, count: count, pattern: pattern)
        case .near(let pattern, let distance):
            view.tokenNear(detector, behind: start + anchorCount, pattern: pattern, within: distance)
        case .vendor(let standsAlone):
            view.vendorToken(detector, start: start, anchorCount: anchorCount, standsAlone: standsAlone)
        case .named: view.named(detector, start: start, anchorCount: anchorCount)
        case .account: view.account(detector, start: start, anchorCount: anchorCount)
        case .netrc: view.netrc(detector, start: start, anchorCount: anchorCount)
        case .host: view.host(detector, start: start, anchorCount: anchorCount)
        case .arguments: view.arguments(detector, start: start, anchorCount: anchorCount)
        case .command(let patterns):
            view.command(detector, start: start, anchorCount: anchorCount, patterns: patterns)
        case .passFile: view.passFile(detector, start: start, anchorCount: anchorCount)
        case .goSource: view.goSource(detector, start: start)
        case .oracleSource: view.oracleSource(detector, start: start, anchorCount: anchorCount)
        case .webKey: view.webKey(detector, start: start, anchorCount: anchorCount)
        case .invisible:
            Finding(start: start, end: start + anchorCount, kind: detector.kind, hint: .isInvisible)
        case .jwt: view.webToken(detector, start: start)
        case .armour: view.armour(detector, start: start, anchorCount: anchorCount)
        case .urlPassword: view.urlPassword(detector, start: start)
        case .urlUser: view.urlUser(detector, start: start)
        case .bearer: view.bearer(detector, start: start, anchorCount: anchorCount)
        case .columns: view.columns(detector, start: start, anchorCount: anchorCount)
        case .statement: view.statement(detector, start: start, anchorCount: anchorCount)
        case .manifest: view.manifest(detector, start: start, anchorCount: anchorCount)
        case .putty: view.putty(detector, start: start, anchorCount: anchorCount)
        case .keyed: view.keyed(detector, start: start, anchorCount: anchorCount)
        case .shortName: view.shortName(detector, start: start, anchorCount: anchorCount)
        case .profiled: view.profiled(detector, start: start, anchorCount: anchorCount)
        case .email: view.email(detector, at: start)
        case .card: view.card(detector, start: start)
        case .spacedCard: view.spacedCard(detector, start: start, anchorCount: anchorCount)
        case .dottedMAC: view.dottedMAC(detector, start: start, anchorCount: anchorCount)
        case .iban: view.iban(detector, checkDigits: start)
        case .ipAddress: view.ipAddress(detector, start: start)
        case .ipv6Address: view.ipv6Address(detector, start: start)
        case .macAddress: view.macAddress(detector, start: start)
        case .nationalID: view.nationalID(detector, start: start)
        case .vin: view.vin(detector, start: start)
        case .bitcoinAddress: view.bitcoinAddress(detector, start: start)
        case .birthDate: view.birthDate(detector, start: start, anchorCount: anchorCount)
        case .postalAddress: view.postalAddress(detector, start: start, anchorCount: anchorCount)
        case .documentNumber: view.documentNumber(detector, start: start, anchorCount: anchorCount)
        case .coordinate: view.coordinate(detector, start: start, anchorCount: anchorCount)
        case .phone: view.phone(detector, start: start)
        case .ssn: view.socialSecurity(detector, start: start)
        }
    }
}
