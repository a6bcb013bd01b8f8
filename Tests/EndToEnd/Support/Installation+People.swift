import TestSupport

extension Installation {
    /// An administrator's invitation, and the guest's sign-in with it.
    func join(_ name: String, _ role: String) async throws -> Person {
        let person = self.person(name)
        let code = try await self.admin.ask(Invitation.self, "identity", "invite", name, "--role", role).code
        let login = try await person.glovebox(["login", "--gateway", self.gatewayAddress], input: code + "\n")
        guard login.succeeded else { throw TestSupportError("login: \(login.errors)") }
        return person
    }

    /// A machine's token, made by the administrator.
    func token(_ name: String, _ options: String...) async throws -> String {
        let arguments = ["token", "create", name, "--expires", "1h", "--json"] + options
        let result = try await self.admin.glovebox(arguments)
        guard result.succeeded else { throw TestSupportError("token create: \(result.errors)") }
        return try decode(CreatedToken.self, from: result.standardOutput).secret
    }
}

private struct CreatedToken: Decodable {
    var secret: String
}
