import ArgumentParser
import ControlAPI
import ControlClient
import GloveboxCore

/// Options of every command that shows something.
struct OutputOptions: ParsableArguments {
    @Flag(name: .customLong("json"), help: "Print JSON instead of text for people; also GLOVEBOX_OUTPUT=json.")
    var isJSON = false

    var json: Bool { self.isJSON || Settings.current.output == .json }
}

/// Where a single-use code comes from.
struct CodeOptions: ParsableArguments {
    @Option(
        name: .customLong("code-fd"),
        help: "Read the code from this open file descriptor. Otherwise it's asked for, or read from standard input.")
    var descriptor: Int32?

    /// Taken so that it's refused without being repeated.
    @Argument(help: .hidden)
    var unwanted: [String] = []

    func validate() throws {
        guard self.unwanted.isEmpty else {
            throw ValidationError(
                "a code doesn't go on a command line, where others can read it: give it when asked, or on standard input"
            )
        }
    }

    func read() throws -> Secret<String> {
        try SecretInput.read(prompt: "Code: ", descriptor: self.descriptor)
    }
}

struct LoginCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "login", abstract: "Sign in to a gateway with a single-use code.",
        discussion: "The code is sent only to the gateway that made it. Never put it on a command line.")

    @Option(help: "The gateway, https://HOST:PORT; otherwise GLOVEBOX_GATEWAY, or the one you were signed in to.")
    var gateway: String?
    @OptionGroup var code: CodeOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        let folder = try SignedIn.folder
        let gateway = try SignedIn.gateway(self.gateway, folder: folder)
        let profile = try await ClientEnrolment.enrol(
            code: try self.code.read(), for: .identity, gateway: gateway, folder: folder)
        try EnrolledOutput(profile).show(self.output)
    }
}

struct LogoutCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "logout", abstract: "Sign out: revoke the certificate and remove it from this machine.")

    func run() async throws {
        let folder = try SignedIn.folder
        var failure: (any Error)?
        do {
            try await SignedIn.call { client, _ in try await client.revokeCurrentCertificate() }
        } catch {
            failure = error
        }
        try Profile.forget(folder: folder)
        guard let failure else {
            Terminal.show("Signed out.")
            return
        }
        if let failure = failure as? GloveboxError, ExitStatus(failure.code) == .unreachable {
            throw GloveboxError(
                failure.code,
                "signed out on this machine only, since the gateway couldn't be told; the certificate runs out by itself (\(failure.message))",
                cause: failure)
        }
        throw failure
    }
}

struct WhoAmICommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "whoami", abstract: "Show who you are to the gateway.")

    @OptionGroup var output: OutputOptions

    func run() async throws {
        let (me, gateway) = try await SignedIn.call { client, place in (try await client.whoAmI(), place.gateway) }
        if self.output.json { return try Terminal.show(json: me) }
        Terminal.show(
            Terminal.fields([
                ("Name", me.subject.description), ("Role", me.role?.rawValue),
                ("Groups", me.groups.isEmpty ? nil : me.groups.joined(separator: ", ")),
                ("Gateway", gateway.description),
                ("Certificate", me.certificate.map { "until \($0.expiresAt.forPeople)" }),
                ("Token", me.token.map { "\($0.name), until \($0.expiresAt.forPeople)" }),
                ("Scope", me.token?.scope.description),
            ]))
    }
}

struct IdentityCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "identity", abstract: "People and machines that Glovebox knows.",
        subcommands: [Invite.self, List.self, Show.self, Disable.self, Enable.self])

    struct Invite: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Make a single-use code with which somebody signs in.")

        @Argument(help: "The new identity's name.", transform: argument { try IdentityName($0) })
        var name: IdentityName
        @Option(help: "admin, approver, auditor or member.")
        var role = Role.member
        @OptionGroup var output: OutputOptions

        func run() async throws {
            let invitation = try await SignedIn.call { client, place in
                (try await client.inviteIdentity(.init(name: self.name, role: self.role)), place.gateway)
            }
            try show(invitation.0, "glovebox login --gateway \(invitation.1)", self.output)
        }
    }
}

/// An invitation for people: the code, and what its guest does with it.
func show(_ invitation: Invitation, _ command: String, _ output: OutputOptions) throws {
    if output.json { return try Terminal.show(json: invitation) }
    Terminal.show(
        """
        \(invitation.code.secret.exposeSecret())

        This code lets \(invitation.subject) in once, until \(invitation.expiresAt.forPeople). It isn't shown again.
        There, give it when asked by:  \(command)
        """)
}

/// What enrolling yielded.
struct EnrolledOutput: Encodable {
    var subject: Subject
    var gateway: String
    var expiresAt: Timestamp
    var folder: String

    init(_ profile: Profile) {
        self.subject = profile.subject
        self.gateway = profile.gateway.description
        self.expiresAt = Timestamp(profile.certificateExpiresAt)
        self.folder = profile.folder
    }

    func show(_ output: OutputOptions) throws {
        if output.json { return try Terminal.show(json: self) }
        Terminal.show(
            "Enrolled as \(self.subject) at \(self.gateway), until \(self.expiresAt.forPeople) (renews itself while in use)."
        )
    }
}

extension Role: ExpressibleByArgument {}
