/// An option or function that makes sense for a person at hurl's own command line only: it writes files or to the
/// terminal, or takes what is in that person's home or shell. It's refused at its line. Everything else that a file can
/// say is honoured. This table is all there is, and the documentation is made from it.
package struct ShellOnlyFeature: Hashable, Sendable {
    package enum Construct: Hashable, Sendable {
        case option(HurlOptionName)
        /// Of a template. It's no ``HurlFunction``, for it's refused even where options are kept.
        case function(String)
    }

    package let construct: Construct
    /// Why it's refused, as the end of a sentence that begins with the name.
    package let reason: String
    /// What to do.
    package let instead: String

    package static let all: [Self] = [
        Self(
            construct: .option(.output), reason: "writes the response to a file of whoever runs hurl",
            instead: "capture or assert what you want of it"),
        Self(
            construct: .option(.verbose), reason: "writes to hurl's terminal",
            instead: "leave it out: a failure says the request, the response and the trace"),
        Self(
            construct: .option(.veryVerbose), reason: "writes to hurl's terminal",
            instead: "leave it out: a failure says the request, the response and the trace"),
        Self(
            construct: .option(.verbosity), reason: "says how much is written to hurl's terminal",
            instead: "leave it out: a failure says the request, the response and the trace"),
        Self(
            construct: .option(.failWithBody), reason: "writes a failed response's body to hurl's terminal",
            instead: "leave it out: a failure says what was expected and what came"),
        Self(
            construct: .option(.netrc), reason: "takes credentials from the home of whoever runs hurl",
            instead: "name the secret in suite.yaml and write it as a variable"),
        Self(
            construct: .option(.netrcOptional), reason: "takes credentials from the home of whoever runs hurl",
            instead: "name the secret in suite.yaml and write it as a variable"),
        Self(
            construct: .option(.netrcFile), reason: "takes credentials from a file on the machine of whoever runs hurl",
            instead: "name the secret in suite.yaml and write it as a variable"),
        Self(
            construct: .function("getEnv"), reason: "takes a value from the shell of whoever runs hurl",
            instead: "declare a variable in suite.yaml and write its name"),
    ]

    package static subscript(construct: Construct) -> Self? { self.all.first { $0.construct == construct } }

    package var name: String {
        switch self.construct {
        case .option(let option): option.rawValue
        case .function(let name): name
        }
    }

    func error(at position: SourcePosition) -> HurlError {
        HurlError(.shellOnly, "'\(self.name)' \(self.reason): \(self.instead)", at: position)
    }
}

extension HurlDocument {
    /// The options of the file that are for a person at hurl's command line only, in order.
    package var shellOnly: [HurlError] {
        self.entries.flatMap { entry in
            entry.request.options.compactMap { option in
                ShellOnlyFeature[.option(option.name)]?.error(at: option.nameSpan.start)
            }
        }
    }
}
