import ArgumentParser

/// A production worth testing: three small services over HTTP on PostgreSQL, web → orders → inventory, each in two versions.
@main
struct Storefront: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "storefront", abstract: "A shop of three services, to be tested in production.",
        subcommands: [WebCommand.self, OrdersCommand.self, InventoryCommand.self, UsersCommand.self])
}

/// What each service is started with.
struct ServiceOptions: ParsableArguments {
    @Option(help: "The port on 127.0.0.1.")
    var port: Int

    @Option(help: "1, or 2, which may have faults.")
    var version: Int = 1

    @Option(help: ArgumentHelp("Faults of version 2: \(Fault.names).", valueName: "list"))
    var faults: String = ""

    @Option(help: "A file with the public keys of the edges before it, a line each; without, no request is a test's.")
    var contextKeys: String?

    func settings(_ name: String) throws -> ServiceSettings {
        guard self.version == 1 || self.version == 2 else { throw ValidationError("there are the versions 1 and 2") }
        let faults = try Fault.set(self.faults)
        if self.version == 1, let fault = faults.first(where: { $0 != .noise }) {
            throw ValidationError("version 1 has no fault: '\(fault.rawValue)' is for version 2")
        }
        return ServiceSettings(name: name, version: String(self.version), port: self.port, faults: faults)
    }
}

struct DatabaseOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "The database's address, without a password: PGPASSFILE or PGPASSWORD has it.", valueName: "url"))
    var database: String
}

struct UpstreamOptions: ParsableArguments {
    @Option(help: "The address of the service behind it.")
    var upstream: String
}

struct WebCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "web", abstract: "The page and the API that people use.")
    @OptionGroup var options: ServiceOptions
    @OptionGroup var upstream: UpstreamOptions

    func run() async throws {
        let settings = try self.options.settings("web")
        let orders = Upstream(self.upstream.upstream, settings: settings, timeout: .seconds(5))
        try await WebService(orders: orders).routes().serve(settings, keys: self.options.contextKeys)
        try await orders.close()
    }
}

struct OrdersCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "orders", abstract: "Catalogue, baskets and orders.")
    @OptionGroup var options: ServiceOptions
    @OptionGroup var upstream: UpstreamOptions
    @OptionGroup var database: DatabaseOptions

    func run() async throws {
        let settings = try self.options.settings("orders")
        // Version 2 has forgotten the time-out.
        let inventory = Upstream(
            self.upstream.upstream, settings: settings,
            timeout: settings.faults.contains(.slow) ? nil : .seconds(1))
        let database = Database(url: self.database.database)
        let service = OrdersService(
            orders: OrderStore(database: database), inventory: InventoryClient(upstream: inventory, settings: settings),
            settings: settings)
        try await service.routes().serve(settings, keys: self.options.contextKeys)
        try await inventory.close()
        try await database.close()
    }
}

struct InventoryCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "inventory", abstract: "What's in stock.")
    @OptionGroup var options: ServiceOptions
    @OptionGroup var database: DatabaseOptions

    func run() async throws {
        let settings = try self.options.settings("inventory")
        let database = Database(url: self.database.database)
        let service = InventoryService(stock: StockStore(database: database), settings: settings)
        try await service.routes().serve(settings, keys: self.options.contextKeys)
        try await database.close()
    }
}
