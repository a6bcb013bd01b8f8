import TestSupport
import Testing

@Suite("How a connection may begin", .serialized, .timeLimit(.minutes(2)))
struct GreetingTests {
    private static let tlsRequest: [UInt8] = [0, 0, 0, 8, 0x04, 0xD2, 0x16, 0x2F]
    private static let gssRequest: [UInt8] = [0, 0, 0, 8, 0x04, 0xD2, 0x16, 0x30]

    private static func startup(minor: UInt8, _ parameters: [String]) -> [UInt8] {
        var body: [UInt8] = [0, 3, 0, minor]
        for parameter in parameters {
            body += Array(parameter.utf8)
            body.append(0)
        }
        body.append(0)
        return [0, 0, 0, UInt8(truncatingIfNeeded: body.count + 4)] + body
    }

    private func answer(port: Int, _ requests: [[UInt8]], atLeast count: Int) async throws -> [UInt8] {
        let connection = try await RawConnection.open(port: port)
        for request in requests { try await connection.send(request) }
        try await eventually(timeout: .seconds(20), "an answer") { connection.received.count >= count }
        let received = connection.received
        await connection.close()
        return received
    }

    @Test("a request for GSSAPI is declined, one for TLS granted, in either order that clients use")
    func requests() async throws {
        let shop = try await SharedInstallation.get()
        #expect(try await self.answer(port: shop.ports.postgres, [Self.tlsRequest], atLeast: 1) == Array("S".utf8))
        let connection = try await RawConnection.open(port: shop.ports.postgres)
        try await connection.send(Self.gssRequest)
        try await eventually(timeout: .seconds(20), "an answer") { connection.received == Array("N".utf8) }
        try await connection.send(Self.tlsRequest)
        try await eventually(timeout: .seconds(20), "an answer") { connection.received == Array("NS".utf8) }
        await connection.close()
    }

    @Test("a client of protocol 3.2 with options is negotiated down to 3.0 without them, and one of 2.0 refused")
    func versions() async throws {
        let shop = try await SharedInstallation.get()
        let port = try await ConnectedPort.open(shop.admin)
        let startup = Self.startup(minor: 2, ["user", port.user, "_pq_.one", "on", "_pq_.two", ""])
        // NegotiateProtocolVersion (3.0, two options that aren't known), then the SASL mechanisms.
        var negotiated = Array("v".utf8)
        negotiated += [0, 0, 0, 30, 0, 3, 0, 0, 0, 0, 0, 2]
        negotiated += Array("_pq_.one\0_pq_.two\0".utf8)
        var sasl = Array("R".utf8)
        sasl += [0, 0, 0, 23, 0, 0, 0, 10]
        sasl += Array("SCRAM-SHA-256\0\0".utf8)
        let received = try await self.answer(port: port.port, [startup], atLeast: negotiated.count + sasl.count)
        #expect(received == negotiated + sasl)
        let plain = try await self.answer(
            port: port.port, [Self.startup(minor: 0, ["user", port.user])], atLeast: sasl.count)
        #expect(plain == sasl)
        let old = try await RawConnection.open(port: port.port)
        try await old.send([0, 0, 0, 8, 0, 2, 0, 0])
        try await old.untilClosed()
        #expect(String(decoding: old.received, as: UTF8.self).contains("[protocol_unsupported]"))
        port.process.signal(2)
        #expect(await port.process.finished())
    }

    @Test("TLS may begin at once, but only if it's said to be for PostgreSQL")
    func directTLS() async throws {
        let shop = try await SharedInstallation.get()
        let lease = try await shop.admin.openLease()
        let output = try await lease.python(
            """
            import socket, ssl
            host, port = os.environ["PGHOST"], int(os.environ["PGPORT"])
            startup = b"\\x00\\x03\\x00\\x00user\\x00" + os.environ["PGUSER"].encode() + b"\\x00\\x00"
            for protocols in (["postgresql"], ["http/1.1", "postgresql"], ["http/1.1"], []):
                context = ssl.create_default_context(cafile=os.environ["PGSSLROOTCERT"])
                if protocols:
                    context.set_alpn_protocols(protocols)
                with socket.create_connection((host, port)) as plain:
                    with context.wrap_socket(plain, server_hostname=host) as connection:
                        try:
                            connection.sendall((len(startup) + 4).to_bytes(4, "big") + startup)
                            answer = connection.recv(100)
                        except (ConnectionError, ssl.SSLError):
                            answer = b""
                        show([connection.selected_alpn_protocol(), "SCRAM" in answer.decode()])
            with connect(sslnegotiation="direct") as connection:
                show(connection.execute("SELECT ssl_is_used FROM (SELECT 'in') AS s(ssl_is_used)").fetchone()[0])
            # Asked for in the usual way it's no longer needed.
            context = ssl.create_default_context(cafile=os.environ["PGSSLROOTCERT"])
            with socket.create_connection((host, port)) as plain:
                plain.sendall(bytes([0, 0, 0, 8, 4, 0xD2, 0x16, 0x2F]))
                show(plain.recv(1).decode())
                with context.wrap_socket(plain, server_hostname=host) as connection:
                    connection.sendall((len(startup) + 4).to_bytes(4, "big") + startup)
                    show("SCRAM" in connection.recv(100).decode())
            """)
        #expect(
            output.split(separator: "\n") == [
                "[\"postgresql\", true]", "[\"postgresql\", true]", "[null, false]", "[null, false]", "\"in\"", "\"S\"",
                "true",
            ])
        try await shop.admin.endLease(lease)
    }
}
