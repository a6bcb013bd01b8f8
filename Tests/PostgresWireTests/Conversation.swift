import NIOCore
import PostgresWire

func bytes(_ messages: [FrontendMessage]) -> ByteBuffer {
    var buffer = ByteBuffer()
    for message in messages { message.write(into: &buffer) }
    return buffer
}

func bytes(_ messages: [BackendMessage]) -> ByteBuffer {
    var buffer = ByteBuffer()
    for message in messages { message.write(into: &buffer) }
    return buffer
}

func bytes(_ packet: InitialPacket) -> ByteBuffer {
    var buffer = ByteBuffer()
    packet.write(into: &buffer)
    return buffer
}

func dataRow(_ cells: [String?]) -> BackendMessage {
    var buffer = ByteBuffer()
    var writer = DataRowWriter(startingIn: &buffer)
    for cell in cells {
        if let cell { writer.append(ByteBuffer(string: cell), to: &buffer) } else { writer.appendNull(to: &buffer) }
    }
    writer.finish(in: &buffer)
    buffer.moveReaderIndex(forwardBy: 5)
    guard let cells = try? DataRowCells(body: buffer) else { return .noData }
    return .dataRow(cells)
}

func fields(_ names: String..., format: ValueFormat = .text) -> RowFields {
    RowFields(names.map { RowField(name: $0, tableOID: 16_384, attribute: 1, format: format) })
}

/// Drives a machine with both peers' bytes and keeps what it says.
struct Conversation: ~Copyable {
    enum Event: Equatable {
        case frontend(FrontendAction)
        case backend(BackendAction)
        case error(PostgresWireError.Code)
    }

    enum Step {
        case client([FrontendMessage])
        case server([BackendMessage])
    }

    var machine: SessionMachine
    var frontend = MessageDecoder(.frontend)
    var backend = MessageDecoder(.backend)
    var events: [Event] = []
    /// What the server would have received.
    var toServer = ByteBuffer()
    /// What the client would have received.
    var toClient = ByteBuffer()

    init(bounds: SessionBounds = SessionBounds(), isShared: Bool = false) {
        self.machine = SessionMachine(bounds: bounds, isShared: isShared)
    }

    mutating func client(_ messages: FrontendMessage...) { self.client(bytes: bytes(messages)) }

    mutating func server(_ messages: BackendMessage...) { self.server(bytes: bytes(messages)) }

    mutating func client(bytes: ByteBuffer) {
        self.frontend.append(bytes)
        do {
            while let frame = try self.frontend.next() {
                let action = try self.machine.received(fromFrontend: frame)
                self.events.append(.frontend(action))
                switch action {
                case .forward(_, let after):
                    if let after { self.toServer.writeImmutableBuffer(after) }
                    self.toServer.writeImmutableBuffer(frame.bytes)
                case .refuse(_, let sending): self.toServer.writeImmutableBuffer(sending)
                case .terminate: self.toServer.writeImmutableBuffer(frame.bytes)
                case .drop, .hold: break
                }
            }
        } catch {
            self.events.append(.error(error.code))
        }
    }

    mutating func server(bytes: ByteBuffer) {
        self.backend.append(bytes)
        do {
            while let frame = try self.backend.next() {
                let action = try self.machine.received(fromBackend: frame)
                self.events.append(.backend(action))
                switch action {
                case .swallow, .described: break
                case .replace(let bytes): self.toClient.writeImmutableBuffer(bytes)
                default: self.toClient.writeImmutableBuffer(frame.bytes)
                }
            }
        } catch {
            self.events.append(.error(error.code))
        }
    }

    /// The actions since the last call.
    mutating func take() -> [Event] {
        defer { self.events = [] }
        return self.events
    }

    /// The kinds of the messages that the client received since the last call.
    mutating func clientKinds() -> String {
        defer { self.toClient = ByteBuffer() }
        return kinds(self.toClient, .backend)
    }

    /// The kinds of the messages that the server received since the last call.
    mutating func serverKinds() -> String {
        defer { self.toServer = ByteBuffer() }
        return kinds(self.toServer, .frontend)
    }
}

func kinds(_ bytes: ByteBuffer, _ sender: Sender) -> String {
    var decoder = MessageDecoder(sender)
    decoder.append(bytes)
    var kinds = ""
    while let frame = try? decoder.next() { kinds.unicodeScalars.append(Unicode.Scalar(frame.kind)) }
    return kinds
}
