package import HurlFile
package import Suites

/// A suite as it's run: what `suite.yaml` says, and its cases with their files.
package struct TestSuite: Sendable {
    package var title: String
    /// The gateway's target that issues marks: the edge.
    package var edge: String
    package var routes: [SuiteRoute]
    package var variables: [String: SuiteValue]
    package var secrets: [String: SecretSource]
    /// What cases may read, by the name that they write.
    package var files: [String: [UInt8]]
    package var limits: SuiteLimits
    package var guards: [SuiteGuard]
    /// The version that's to answer; nil for whichever serves users.
    package var version: String?
    package var flags: [SuiteFlag]
    package var cases: [SuiteCase]

    /// With other values of its variables, as a command line writes them.
    func with(_ variables: [String: String]) -> TestSuite {
        var suite = self
        for (name, text) in variables where suite.variables[name] != nil {
            suite.variables[name] = SuiteValue(variable: text)
        }
        return suite
    }
}

/// Where the run's marks may be used: all that's under a path, of one host or of any.
package struct SuiteRoute: Hashable, Sendable, CustomStringConvertible {
    /// In small letters, without a port; nil for any.
    package var host: String?
    /// Begins with a slash: `/orders` is that and all under it, but not `/orders2`.
    package var path: String

    package init(host: String? = nil, path: String) {
        self.host = host
        self.path = path
    }

    package var description: String { (self.host ?? "") + self.path }

    package func takes(host: String, path: String) -> Bool {
        guard self.host == nil || self.host == host.lowercased() else { return false }
        guard path.utf8.starts(with: self.path.utf8) else { return false }
        return self.path.hasSuffix("/") || path.utf8.count == self.path.utf8.count
            || path.utf8.dropFirst(self.path.utf8.count).first == UInt8(ascii: "/")
    }
}

/// Where a secret is taken from, when it's needed.
package enum SecretSource: Hashable, Sendable {
    /// Its whole path. Nobody else may read the file; a line end behind its text isn't part of it.
    case file(String)
    case environment(String)
}

/// What a run may do at most, over all that it does at once.
package struct SuiteLimits: Hashable, Sendable {
    /// Requests a second.
    package var rate = 20
    /// Requests at once.
    package var concurrency = 4
    package var duration = Duration.seconds(600)
    /// Requests that may write.
    package var writes = 100

    package init() {}
}

/// A condition on real users' error rate or latency, as a change set has it. The gateway judges it.
package struct SuiteGuard: Hashable, Sendable {
    package var name: String?
    package var signal: String?
    package var query: String?
    package var atMost: Double?
    package var atLeast: Double?
    package var patience: Duration?

    package init(
        name: String? = nil, signal: String? = nil, query: String? = nil, atMost: Double? = nil,
        atLeast: Double? = nil, patience: Duration? = nil
    ) {
        self.name = name
        self.signal = signal
        self.query = query
        self.atMost = atMost
        self.atLeast = atLeast
        self.patience = patience
    }
}

/// A flag that the run alone sees otherwise, as a change set has it.
package struct SuiteFlag: Hashable, Sendable {
    package var key: String
    package var defaultVariant: String?
    package var isEnabled: Bool?

    package init(key: String, defaultVariant: String? = nil, isEnabled: Bool? = nil) {
        self.key = key
        self.defaultVariant = defaultVariant
        self.isEnabled = isEnabled
    }
}

package struct SuiteCase: Sendable {
    package var name: String
    /// As it's shown: from the suite's folder on.
    package var file: String
    package var document: HurlDocument
    package var tags: [String]
    /// Whether it may send methods that aren't safe.
    package var writes: Bool
    /// What it may send.
    package var methods: Set<String>
    package var undo: CaseUndoing
    /// How often the whole case is tried again after it failed.
    package var retries: Int
    package var race: RaceSettings?
    package var variables: [String: SuiteValue]

    /// RFC 9110, section 9.2.1, without TRACE, which no test needs.
    package static let safeMethods: Set<String> = ["GET", "HEAD", "OPTIONS"]
}

package enum CaseUndoing: Hashable, Sendable {
    /// It writes nothing.
    case unneeded
    /// Somebody says why nothing has to be undone.
    case none(reason: String)
    case steps([UndoStep])
}

/// What takes back what a case has written: of an agent's host, as a change set names it.
package struct UndoStep: Hashable, Sendable {
    package enum Kind: String, Hashable, Sendable {
        case runbook
        case call
    }

    package var kind: Kind
    package var target: String
    package var name: String
    /// With `{{run}}` and `{{case}}` where they're put in; nothing else is.
    package var parameters: [String: String]

    package init(kind: Kind, target: String, name: String, parameters: [String: String]) {
        self.kind = kind
        self.target = target
        self.name = name
        self.parameters = parameters
    }

    /// For one run and case.
    func filled(run: String, case name: String) -> UndoStep {
        var step = self
        step.parameters = self.parameters.mapValues {
            $0.replacing("{{run}}", with: run).replacing("{{case}}", with: name)
        }
        return step
    }
}

/// How a case is run several times at once.
package struct RaceSettings: Hashable, Sendable {
    package static let mostLanes = 16

    package var lanes: Int
    /// How often they run at once.
    package var rounds = 10
    /// In how many orders, at most, they're run one request after another.
    package var orders = 24
    /// Whether all wait for each other before every request, rather than before the first alone.
    package var isLockstep = false

    package init(lanes: Int) { self.lanes = lanes }
}
