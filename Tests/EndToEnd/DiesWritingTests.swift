import Glibc
import TestSupport
import Testing

/// `kill -9` at a chosen write, synchronisation, rename or resize of the agent's journal and the gateway's log, in real
/// processes: what was forwarded is on record, once. (`AuditFilesTests/ExchangeTests` dies at each step, in process.)
@Suite("Killed while it writes", .serialized, .timeLimit(.minutes(10)))
struct DiesWritingTests {
    enum Side: String, CaseIterable, Sendable {
        case agent, gateway

        var path: String { self == .agent ? "/journal/" : "/log/" }
        /// Steps from a start to the end of the work below are about as many.
        var steps: Int { 48 }
    }

    @Test("nothing is lost, doubled, or run without its record, whichever step it dies at", arguments: Side.allCases)
    func dies(_ side: Side) async throws {
        let apart = try await Apart()
        let shop = apart.shop
        let folder = try TemporaryFolder()
        let library = try await Fault.library(in: folder)
        try await shop.database.sql("CREATE TABLE kept (what text); GRANT SELECT, INSERT ON kept TO glovebox_write")
        let lease = try await shop.admin.openLease(for: "30m", capabilities: ["read", "write"])
        var deaths = 0
        for step in stride(from: 1, through: side.steps, by: Repository.runsAllTests ? 1 : 2) {
            for process in [apart.agent, apart.gateway] { await apart.kill(process) }
            let fault = Fault(path: side.path, step: step, half: step.isMultiple(of: 2), library: library)
            switch side {
            case .agent:
                try await apart.startGateway()
                try apart.startAgent(fault)
            case .gateway:
                try apart.startGateway(fault)
                try apart.startAgent()
            }
            let victim = side == .agent ? apart.agent : apart.gateway
            let work = """
                for number in range(40):
                    try:
                        connection = connect()
                        break
                    except psycopg.OperationalError:
                        if number == 39: sys.exit(1)
                        if select.select([sys.stdin], [], [], 0.25)[0]: sys.exit(2)
                for number in range(8):
                    connection.execute(f"INSERT INTO kept VALUES ('\(side.rawValue) \(step) {number}')")
                connection.close()
                """
            let client = try lease.startPython(work)
            // It tries until its victim is there, or dead.
            try await eventually(timeout: .seconds(60), "a death, or the work's end") {
                client.snapshot.finished || victim.snapshot.finished
            }
            client.closeInput()
            #expect(await client.finished(timeout: .seconds(30)))
            if victim.snapshot.status == 128 + SIGKILL { deaths += 1 }
        }
        // How many steps there are hangs on which records come together.
        #expect(deaths >= 4, "it did die")
        for process in [apart.agent, apart.gateway] { await apart.kill(process) }
        try await apart.startGateway()
        try apart.startAgent()
        try await shop.untilOnline()
        #expect(try await lease.rows("SELECT 'last'") == "last")
        try await shop.untilGone(lease)
        _ = try await shop.admin.record(lease: lease, event: "statement") {
            $0.details["text"]?.string == "SELECT 'last'"
        }

        let all = try await shop.admin.records()
        #expect(Set(all.map(\.id)).count == all.count)
        let statements = all.filter { $0.event == "statement" }.compactMap { $0.details["text"]?.string }
        let kept = try await shop.database.sql("SELECT what FROM kept").split(separator: "\n")
        #expect(kept.count > 8)
        for row in kept { #expect(statements.count { $0 == "INSERT INTO kept VALUES ('\(row)')" } == 1, "\(row)") }
        #expect(Set(statements).count == statements.count, "none twice")
        #expect(
            statements.count - 1 - kept.count <= deaths, "at each death at most one was written down and didn't run")
        let numbers = all.compactMap { $0.id.hasPrefix("agent/") ? Int($0.id.split { !$0.isNumber }.last ?? "") : nil }
        #expect(numbers.sorted() == Array(1...max(1, numbers.count)), "no gap")
    }
}
