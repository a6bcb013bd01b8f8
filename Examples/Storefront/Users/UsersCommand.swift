import ArgumentParser
import AsyncHTTPClient
import Foundation
import Hummingbird
import Logging
import NIOCore

/// Ordinary users, as many a second as told: they look around, fill baskets, and now and then buy.
struct UsersCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "users", abstract: "Ordinary users: a line a second of how they fare.")

    @Option(help: "The shop's address.")
    var target: String

    @Option(help: "Requests a second.")
    var rate: Int = 20

    @Option(help: "The port on 127.0.0.1 of their own metrics; none without.")
    var port: Int?

    @Option(help: "Ends after so many; never without.")
    var seconds: Int?

    @Option(help: "A file with the certificates, PEM, that the target's is to be of.")
    var certificates: String?

    func validate() throws {
        guard (1...10_000).contains(self.rate) else { throw ValidationError("--rate takes 1 to 10000") }
    }

    func run() async throws {
        let load = UserLoad(target: self.target, rate: self.rate, certificates: self.certificates)
        do {
            try await withThrowingTaskGroup(of: Void.self) { tasks in
                tasks.addTask { try await load.run(seconds: self.seconds) }
                if let port = self.port {
                    let router = StorefrontRouter()
                    router.get("/metrics") { _, _ in
                        Response(
                            status: .ok, headers: [.contentType: "text/plain; version=0.0.4"],
                            body: ResponseBody(byteBuffer: ByteBuffer(string: load.page())))
                    }
                    tasks.addTask { try await Routes.listen(router, port: port, name: "users", logging: .critical) }
                }
                // Whichever ends first ends the other: a signal is the listener's.
                try await tasks.next()
                tasks.cancelAll()
            }
        } catch is CancellationError {}
        try await load.close()
    }
}
