import Foundation
package import GloveboxCore
import HurlFile
import Suites
import YAMLDocument

/// What's wrong with a suite, and where.
package struct SuiteProblem: Hashable, Sendable, CustomStringConvertible {
    /// Begins with the place, where it has one.
    package var message: String
    package var code: String

    package var description: String { "\(self.message) [\(self.code)]" }

    package var gloveboxError: GloveboxError { GloveboxError(GloveboxError.Code(self.code), self.message) }
}

/// A suite as it was found: everything that's wrong with it, not the first thing alone.
package struct SuiteLoading: Sendable {
    /// Nil where there are problems.
    package let suite: TestSuite?
    package let problems: [SuiteProblem]
    /// What's worth knowing and no mistake.
    package let notes: [String]
    /// How many cases it has, as far as they could be read.
    package let caseCount: Int

    /// - Parameters:
    ///   - path: a folder with `suite.yaml`, or that file.
    ///   - secret: reads a file that nobody else may read.
    package init(_ path: String, secret: @escaping (String) throws(GloveboxError) -> [UInt8]) throws(GloveboxError) {
        let isFolder = Self.isFolder(path)
        let trimmed = path.count > 1 && path.hasSuffix("/") ? String(path.dropLast()) : path
        let name = isFolder ? "suite.yaml" : String(trimmed.split(separator: "/").last ?? "suite.yaml")
        var parent = trimmed
        if !isFolder {
            let slash = trimmed.lastIndex(of: "/")
            parent = slash.map { $0 == trimmed.startIndex ? "/" : String(trimmed[..<$0]) } ?? "."
        }
        let folder = try SuiteFolder(parent)
        var reader = SuiteReader(folder: folder, name: name, secret: secret)
        let suite = reader.read()
        self.problems = reader.problems
        self.notes = reader.notes
        self.caseCount = reader.caseCount
        self.suite = reader.problems.isEmpty ? suite : nil
    }

    /// Of one file of Hurl's by itself: what's wrong with it.
    package static func problems(ofFile path: String) throws(GloveboxError) -> [SuiteProblem] {
        let bytes = try SuiteFolder.read(path, shown: path)
        do throws(HurlError) {
            var problems: [SuiteProblem] = []
            _ = CaseSettings(try HurlDocument(bytes: bytes)) { position, what in
                problems.append(SuiteProblem(path, position, what))
            }
            return problems
        } catch {
            return [SuiteProblem(path, error)]
        }
    }

    package static func isFolder(_ path: String) -> Bool {
        var isFolder: ObjCBool = false
        return FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) && isFolder.boolValue
    }
}

extension SuiteProblem {
    init(_ file: String, _ position: SourcePosition, _ what: String, code: GloveboxError.Code = .configurationInvalid) {
        self.init(message: "\(file):\(position.line):\(position.column): \(what)", code: code.rawValue)
    }

    init(_ file: String, _ error: HurlError) {
        self.init(file, error.position, error.message, code: GloveboxError.Code(error.code.rawValue))
    }

    init(_ error: GloveboxError) { self.init(message: error.message, code: error.code.rawValue) }
}

/// Joins `suite.yaml` with the files that it names.
struct SuiteReader {
    let folder: SuiteFolder
    let name: String
    let secret: (String) throws(GloveboxError) -> [UInt8]
    private(set) var problems: [SuiteProblem] = []
    private(set) var notes: [String] = []
    private(set) var caseCount = 0

    init(folder: SuiteFolder, name: String, secret: @escaping (String) throws(GloveboxError) -> [UInt8]) {
        self.folder = folder
        self.name = name
        self.secret = secret
    }

    mutating func read() -> TestSuite? {
        do throws(GloveboxError) {
            let bytes = try self.folder.read(self.name)
            let file = try SuiteFile(try YAMLNode(bytes: bytes, file: self.folder.shown(self.name)))
            return self.suite(file)
        } catch {
            self.problems.append(SuiteProblem(error))
            return nil
        }
    }

    private mutating func suite(_ file: SuiteFile) -> TestSuite {
        var suite = TestSuite(
            title: file.title, edge: file.edge, routes: file.routes, variables: file.variables, secrets: [:],
            files: self.files(file.files), limits: file.limits, guards: file.guards, version: file.version,
            flags: file.flags, cases: [])
        suite.secrets = self.secrets(file)
        let explicit = Set(
            file.entries.filter { !$0.pattern.contains("*") }.compactMap { SuiteFolder.normal($0.pattern) })
        var names: Set<String> = []
        for entry in file.entries {
            for path in self.paths(entry, explicit) {
                self.caseCount += 1
                guard let testCase = self.testCase(entry, path, file, suite) else { continue }
                if !names.insert(testCase.name).inserted {
                    self.problem(entry.node, "there are two cases '\(testCase.name)': give one another name")
                }
                suite.cases.append(testCase)
            }
        }
        return suite
    }

    private mutating func problem(_ node: YAMLNode, _ what: String) {
        self.problems.append(SuiteProblem(node.error(what)))
    }

    // MARK: what cases use

    private mutating func files(_ nodes: [YAMLNode]) -> [String: [UInt8]] {
        var files: [String: [UInt8]] = [:]
        for node in nodes {
            do throws(GloveboxError) {
                let pattern = try node.string
                guard let normal = SuiteFolder.normal(pattern) else {
                    throw node.error("'\(pattern)' leads out of the suite's folder: put the file into it")
                }
                let matches = self.folder.matches(normal)
                guard !matches.isEmpty else { throw node.error("there is no file '\(pattern)'") }
                for name in matches { files[name] = try self.folder.read(name) }
            } catch {
                self.problems.append(SuiteProblem(error))
            }
        }
        return files
    }

    /// Files of secrets begin in the suite's folder, but may be anywhere.
    private mutating func secrets(_ file: SuiteFile) -> [String: SecretSource] {
        var sources: [String: SecretSource] = [:]
        for (name, secret) in file.secrets.sorted(by: { $0.key < $1.key }) {
            guard case .file(let path) = secret.source else {
                sources[name] = secret.source
                continue
            }
            let place = path.hasPrefix("/") ? path : "\(self.folder.path)/\(path)"
            sources[name] = .file(place)
            do throws(GloveboxError) {
                _ = try self.secret(place)
            } catch {
                if error.code == .notFound {
                    self.notes.append("the secret '\(name)' isn't there yet: \(place)")
                } else {
                    self.problems.append(
                        SuiteProblem(
                            message: secret.node.error(error.message).message, code: error.code.rawValue))
                }
            }
        }
        return sources
    }

    // MARK: cases

    private mutating func paths(_ entry: SuiteFile.Entry, _ explicit: Set<String>) -> [String] {
        guard let normal = SuiteFolder.normal(entry.pattern) else {
            self.problem(entry.node, "'\(entry.pattern)' leads out of the suite's folder: put the file into it")
            return []
        }
        let isPattern = normal.contains("*")
        let matches = self.folder.matches(normal).filter { !isPattern || !explicit.contains($0) }
        if matches.isEmpty, !isPattern || self.folder.matches(normal).isEmpty {
            self.problem(entry.node, "there is no file '\(entry.pattern)'")
        }
        return matches
    }

    private mutating func testCase(
        _ entry: SuiteFile.Entry, _ path: String, _ file: SuiteFile, _ suite: TestSuite
    ) -> SuiteCase? {
        let shown = self.folder.shown(path)
        guard let document = self.document(path, shown) else { return nil }
        var complaints: [SuiteProblem] = []
        let comments = CaseSettings(document) { complaints.append(SuiteProblem(shown, $0, $1)) }
        self.problems += complaints
        let settings = entry.settings.over(comments)
        let writes = settings.writes ?? false
        let name = settings.name ?? (path.hasSuffix(".hurl") ? String(path.dropLast(5)) : path)
        if name.utf8.count > 200 { self.problem(entry.node, "the case's name is longer than 200 bytes: give it one") }
        let sent = Set(document.entries.map(\.request.start.content.method))
        var testCase = SuiteCase(
            name: name, file: path, document: document, tags: settings.tags ?? [], writes: writes,
            methods: settings.methods.map { Set($0).union(SuiteCase.safeMethods) } ?? sent.union(["GET"]),
            undo: .unneeded, retries: settings.retries ?? 0, race: settings.race,
            variables: settings.variables ?? [:])
        if writes {
            if let undo = settings.undo ?? file.undo {
                testCase.undo = undo
            } else {
                self.problem(
                    entry.node,
                    "the case '\(name)' writes: say what takes that back ('undo'), or why nothing has to ('undo: none' with a 'reason')"
                )
            }
        } else if settings.undo != nil {
            self.problem(
                entry.node, "the case '\(name)' has an undo, but doesn't say that it writes: add 'writes: true'")
        }
        if let race = testCase.race, race.lanes > file.limits.concurrency {
            self.problem(
                entry.node,
                "the case '\(name)' is to run \(race.lanes) times at once, and 'limits' allow \(file.limits.concurrency) requests at once: raise 'concurrency'"
            )
        }
        self.checkMethods(testCase, shown)
        self.checkUses(testCase, suite, shown)
        return testCase
    }

    private mutating func document(_ path: String, _ shown: String) -> HurlDocument? {
        let bytes: [UInt8]
        do throws(GloveboxError) {
            bytes = try self.folder.read(path)
        } catch {
            self.problems.append(SuiteProblem(error))
            return nil
        }
        do throws(HurlError) {
            return try HurlDocument(bytes: bytes)
        } catch {
            self.problems.append(SuiteProblem(shown, error))
            return nil
        }
    }

    private mutating func checkMethods(_ testCase: SuiteCase, _ shown: String) {
        for entry in testCase.document.entries {
            let line = entry.request.start.content
            if !testCase.writes, !SuiteCase.safeMethods.contains(line.method) {
                self.problems.append(
                    SuiteProblem(
                        shown, line.methodSpan.start,
                        "\(line.method) may write, and this case doesn't say that it does: add 'writes: true', and its undo",
                        code: .caseMayNotWrite))
            } else if !testCase.methods.contains(line.method) {
                self.problems.append(
                    SuiteProblem(
                        shown, line.methodSpan.start,
                        "\(line.method) isn't among the methods of this case: add it to 'methods'",
                        code: .caseMayNotWrite))
            }
        }
    }

    private mutating func checkUses(_ testCase: SuiteCase, _ suite: TestSuite, _ shown: String) {
        let uses = HurlUses(testCase.document)
        for use in uses.variables {
            let isKnown =
                suite.variables[use.name] != nil || suite.secrets[use.name] != nil
                || testCase.variables[use.name] != nil || SuiteScope.ownVariables.contains(use.name)
            guard !isKnown else { continue }
            self.problems.append(
                SuiteProblem(
                    shown, use.position,
                    "nothing before here sets '\(use.name.prefix(80))': declare it in suite.yaml, or capture it first",
                    code: GloveboxError.Code(SuiteError.Code.unknownVariable.rawValue)))
        }
        for use in uses.files where suite.file(use.name, of: testCase) == nil {
            self.problems.append(
                SuiteProblem(
                    shown, use.position,
                    "the suite has no file '\(use.name.prefix(80))': add it to 'files' in suite.yaml",
                    code: GloveboxError.Code(SuiteError.Code.noFile.rawValue)))
        }
    }
}

extension TestSuite {
    /// As Hurl has it, a name begins in the folder of the case's file; else it begins in the suite's.
    func file(_ name: String, of testCase: SuiteCase) -> [UInt8]? {
        SuiteFolder.normal(name, in: SuiteFolder.parent(testCase.file)).flatMap { self.files[$0] }
            ?? SuiteFolder.normal(name).flatMap { self.files[$0] }
    }
}

extension GloveboxError.Code {
    /// A case was to send what it hasn't declared.
    package static let caseMayNotWrite = Self("case_may_not_write")
}
