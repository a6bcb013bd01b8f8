/// An option that makes sense for a person at hurl's own command line only: it writes files or to the terminal, or takes
/// what is in that person's home. Such an option is refused at its line. Everything else that a file can say is
/// honoured. This table is all there is, and the documentation is made from it.
package struct ShellOnlyFeature: Hashable, Sendable {
    package let option: HurlOptionName
    /// Why it's refused, as the end of a sentence that begins with the option.
    package let reason: String
    /// What to do.
    package let instead: String

    package static let all: [Self] = [
        Self(
            option: .output, reason: "writes the response to a file of whoever runs hurl",
            instead: "capture or assert what you want of it"),
        Self(
            option: .verbose, reason: "writes to hurl's terminal",
            instead: "leave it out: a failure says the request, the response and the trace"),
        Self(
            option: .veryVerbose, reason: "writes to hurl's terminal",
            instead: "leave it out: a failure says the request, the response and the trace"),
        Self(
            option: .verbosity, reason: "says how much is written to hurl's terminal",
            instead: "leave it out: a failure says the request, the response and the trace"),
        Self(
            option: .failWithBody, reason: "writes a failed response's body to hurl's terminal",
            instead: "leave it out: a failure says what was expected and what came"),
        Self(
            option: .netrc, reason: "takes credentials from the home of whoever runs hurl",
            instead: "name the secret in suite.yaml and write it as a variable"),
        Self(
            option: .netrcOptional, reason: "takes credentials from the home of whoever runs hurl",
            instead: "name the secret in suite.yaml and write it as a variable"),
        Self(
            option: .netrcFile, reason: "takes credentials from a file on the machine of whoever runs hurl",
            instead: "name the secret in suite.yaml and write it as a variable"),
    ]

    package static subscript(option: HurlOptionName) -> Self? { self.all.first { $0.option == option } }

    func error(at position: SourcePosition) -> HurlError {
        HurlError(.shellOnly, "'\(self.option.rawValue)' \(self.reason): \(self.instead)", at: position)
    }
}

extension HurlDocument {
    /// What of the file is for a person at hurl's command line only, in order.
    package var shellOnly: [HurlError] {
        self.entries.flatMap { entry in
            entry.request.options.compactMap { option in
                ShellOnlyFeature[option.name]?.error(at: option.nameSpan.start)
            }
        }
    }
}
