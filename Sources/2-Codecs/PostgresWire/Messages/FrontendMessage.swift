package import NIOCore

/// A message from a client after its first packet.
package enum FrontendMessage: Hashable, Sendable {
    package enum Kind: UInt8, Hashable, Sendable {
        case query = 0x51  // Q
        case parse = 0x50  // P
        case bind = 0x42  // B
        case describe = 0x44  // D
        case execute = 0x45  // E
        case close = 0x43  // C
        case sync = 0x53  // S
        case flush = 0x48  // H
        case copyData = 0x64  // d
        case copyDone = 0x63  // c
        case copyFail = 0x66  // f
        case functionCall = 0x46  // F
        case password = 0x70  // p
        case terminate = 0x58  // X
    }

    /// What Describe and Close name.
    package enum Object: UInt8, Hashable, Sendable {
        case statement = 0x53  // S
        case portal = 0x50  // P
    }

    package struct Parse: Hashable, Sendable {
        package var statement: String
        package var text: String
        package var parameterTypes: [UInt32]

        package init(statement: String = "", text: String, parameterTypes: [UInt32] = []) {
            self.statement = statement
            self.text = text
            self.parameterTypes = parameterTypes
        }
    }

    package struct Bind: Hashable, Sendable {
        package var portal: String
        package var statement: String
        /// None: all text; one: that for all; else one a value.
        package var parameterFormats: [ValueFormat]
        package var parameters: [ByteBuffer?]
        package var resultFormats: [ValueFormat]

        package init(
            portal: String = "", statement: String = "", parameterFormats: [ValueFormat] = [],
            parameters: [ByteBuffer?] = [], resultFormats: [ValueFormat] = []
        ) {
            self.portal = portal
            self.statement = statement
            self.parameterFormats = parameterFormats
            self.parameters = parameters
            self.resultFormats = resultFormats
        }
    }

    case query(String)
    case parse(Parse)
    case bind(Bind)
    case describe(Object, String)
    case execute(portal: String, maximumRows: UInt32)
    case close(Object, String)
    case sync
    case flush
    case copyData(ByteBuffer)
    case copyDone
    case copyFail(String)
    case functionCall(ByteBuffer)
    /// A password or a SASL message; what it holds depends on what was asked.
    case password(ByteBuffer)
    case terminate

    package init(_ frame: Frame) throws(PostgresWireError) {
        guard let kind = Kind(rawValue: frame.kind) else {
            throw PostgresWireError(
                .unknownMessage, "a PostgreSQL message has a kind that doesn't exist: \(frame.kind)")
        }
        var body = frame.body
        switch kind {
        case .query: self = .query(try body.text("a query"))
        case .parse:
            let statement = try body.text("a statement's name")
            let text = try body.text("a statement")
            let count = Int(try body.field(UInt16.self, "the parameter types"))
            guard count * 4 <= body.readableBytes else { throw .malformed("the parameter types are cut short") }
            var types: [UInt32] = []
            for _ in 0..<count { types.append(try body.field(UInt32.self, "a parameter type")) }
            self = .parse(Parse(statement: statement, text: text, parameterTypes: types))
        case .bind: self = .bind(try Bind(reading: &body))
        case .describe:
            let object = try Object(reading: &body)
            self = .describe(object, try body.text("a name"))
        case .execute:
            let portal = try body.text("a portal's name")
            self = .execute(portal: portal, maximumRows: try body.field(UInt32.self, "the most rows"))
        case .close:
            let object = try Object(reading: &body)
            self = .close(object, try body.text("a name"))
        case .sync: self = .sync
        case .flush: self = .flush
        case .copyData:
            self = .copyData(body)
            return
        case .copyDone: self = .copyDone
        case .copyFail: self = .copyFail(try body.lenientText("a reason"))
        case .functionCall:
            self = .functionCall(body)
            return
        case .password:
            self = .password(body)
            return
        case .terminate: self = .terminate
        }
        try body.finished("a \(kind)")
    }

    package func write(into buffer: inout ByteBuffer) {
        switch self {
        case .query(let text): buffer.writeMessage(Kind.query.rawValue) { $0.writeCString(text) }
        case .parse(let parse):
            buffer.writeMessage(Kind.parse.rawValue) { buffer in
                buffer.writeCString(parse.statement)
                buffer.writeCString(parse.text)
                buffer.writeInteger(UInt16(clamping: parse.parameterTypes.count))
                for type in parse.parameterTypes { buffer.writeInteger(type) }
            }
        case .bind(let bind):
            buffer.writeMessage(Kind.bind.rawValue) { buffer in
                buffer.writeCString(bind.portal)
                buffer.writeCString(bind.statement)
                buffer.writeFormats(bind.parameterFormats)
                buffer.writeInteger(UInt16(clamping: bind.parameters.count))
                for parameter in bind.parameters { buffer.writeValue(parameter) }
                buffer.writeFormats(bind.resultFormats)
            }
        case .describe(let object, let name):
            buffer.writeMessage(Kind.describe.rawValue) { buffer in
                buffer.writeInteger(object.rawValue)
                buffer.writeCString(name)
            }
        case .execute(let portal, let maximumRows):
            buffer.writeMessage(Kind.execute.rawValue) { buffer in
                buffer.writeCString(portal)
                buffer.writeInteger(maximumRows)
            }
        case .close(let object, let name):
            buffer.writeMessage(Kind.close.rawValue) { buffer in
                buffer.writeInteger(object.rawValue)
                buffer.writeCString(name)
            }
        case .sync: buffer.writeMessage(Kind.sync.rawValue) { _ in }
        case .flush: buffer.writeMessage(Kind.flush.rawValue) { _ in }
        case .copyData(let data): buffer.writeMessage(Kind.copyData.rawValue) { _ = $0.writeImmutableBuffer(data) }
        case .copyDone: buffer.writeMessage(Kind.copyDone.rawValue) { _ in }
        case .copyFail(let reason): buffer.writeMessage(Kind.copyFail.rawValue) { $0.writeCString(reason) }
        case .functionCall(let body):
            buffer.writeMessage(Kind.functionCall.rawValue) { _ = $0.writeImmutableBuffer(body) }
        case .password(let body): buffer.writeMessage(Kind.password.rawValue) { _ = $0.writeImmutableBuffer(body) }
        case .terminate: buffer.writeMessage(Kind.terminate.rawValue) { _ in }
        }
    }
}

extension FrontendMessage.Object {
    init(reading body: inout ByteBuffer) throws(PostgresWireError) {
        guard let object = Self(rawValue: try body.field(UInt8.self, "what is named")) else {
            throw .malformed("it names neither a statement nor a portal")
        }
        self = object
    }
}

extension FrontendMessage.Bind {
    init(reading body: inout ByteBuffer) throws(PostgresWireError) {
        self.portal = try body.text("a portal's name")
        self.statement = try body.text("a statement's name")
        self.parameterFormats = try body.formats("a parameter's format")
        let count = Int(try body.field(UInt16.self, "the parameters"))
        guard count * 4 <= body.readableBytes else { throw .malformed("the parameters are cut short") }
        guard self.parameterFormats.count <= 1 || self.parameterFormats.count == count else {
            throw .malformed("there are formats for another number of parameters")
        }
        self.parameters = []
        self.parameters.reserveCapacity(count)
        for _ in 0..<count { self.parameters.append(try body.value("a parameter")) }
        self.resultFormats = try body.formats("a result's format")
    }

    /// The format of one parameter.
    package func parameterFormat(_ index: Int) -> ValueFormat {
        switch self.parameterFormats.count {
        case 0: .text
        case 1: self.parameterFormats[0]
        default: index < self.parameterFormats.count ? self.parameterFormats[index] : .text
        }
    }
}
