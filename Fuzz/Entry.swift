import ControlWire
import GloveboxCore
import NIOCore
import PostgresWire

/// What libFuzzer calls with each input, which it finds by what the codecs' branches do (`scripts/fuzz`). The first byte
/// chooses who reads the rest, the second how it's split.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ start: UnsafePointer<UInt8>?, _ count: Int) -> Int32 {
    let input = Array(UnsafeBufferPointer(start: start, count: count))
    guard input.count > 2 else { return 0 }
    let size = max(1, Int(input[1]))
    let bytes = input[2...]
    let pieces = stride(from: bytes.startIndex, to: bytes.endIndex, by: size).map {
        ByteBuffer(bytes: bytes[$0..<min($0 + size, bytes.endIndex)])
    }
    switch input[0] % 6 {
    case 0: signIn(pieces)
    case 1: session(pieces, from: .frontend)
    case 2: session(pieces, from: .backend)
    case 3: openTarget(pieces)
    case 4: read(ControlMessage.self, pieces)
    default: read(PoolMessage.self, pieces)
    }
    return 0
}

private let verifier = ScramVerifier(
    salt: [1], iterations: 1, storedKey: [UInt8](repeating: 0, count: 32), serverKey: [0])

private func signIn(_ pieces: [ByteBuffer]) {
    var machine = ServerSignIn(offersTLS: false, allowsPlaintext: true)
    for piece in pieces {
        machine.append(piece)
        while let action = machine.next() {
            switch action {
            case .lookUp: _ = machine.authenticate(against: verifier, isKnown: true, nonce: "nonce")
            case .send: continue
            case .signedIn: fatalError("signed in without the token")
            case .startTLS, .startDirectTLS, .cancel, .refuse, .close: return
            }
        }
    }
}

private func session(_ pieces: [ByteBuffer], from sender: Sender) {
    var machine = SessionMachine()
    var decoder = MessageDecoder(sender, limit: 1 << 16)
    if sender == .backend {
        // Something for it to answer.
        for message in [FrontendMessage.query("SELECT 1"), .parse(.init(text: "SELECT 2")), .bind(.init()), .sync] {
            var buffer = ByteBuffer()
            message.write(into: &buffer)
            _ = try? machine.received(fromFrontend: Frame(kind: buffer.readableBytesView.first ?? 0, bytes: buffer))
        }
    }
    for piece in pieces {
        decoder.append(piece)
        do {
            while let frame = try decoder.next() {
                if sender == .frontend {
                    _ = try machine.received(fromFrontend: frame)
                } else {
                    _ = try machine.received(fromBackend: frame)
                }
            }
        } catch {
            return
        }
        precondition(decoder.unreadBytes <= 1 << 17, "the decoder grows")
    }
}

private func openTarget(_ pieces: [ByteBuffer]) {
    var machine = ClientSignIn(
        parameters: StartupParameters([.init(name: "user", value: "u")]), password: Secret("p"), allowsCleartext: false,
        nonce: "nonce")
    _ = machine.startup
    var decoder = MessageDecoder(.backend, limit: 1 << 16)
    for piece in pieces {
        decoder.append(piece)
        do {
            while let frame = try decoder.next() { _ = try machine.received(frame) }
        } catch {
            return
        }
    }
}

private func read<Message: WireMessage>(_: Message.Type, _ pieces: [ByteBuffer]) {
    var decoder = FrameDecoder<Message>()
    var agent = ControlAgentMachine()
    var gateway = ControlGatewayMachine(agent: AgentName(unchecked: "shop-agent"))
    for piece in pieces {
        decoder.feed(piece)
        do {
            while let message = try decoder.next() {
                guard let message = message as? ControlMessage else { continue }
                _ = agent.received(message)
                _ = gateway.received(message)
            }
        } catch {
            return
        }
    }
}
