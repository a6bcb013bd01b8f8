package import NIOCore

extension BackendMessage {
    package func write(into buffer: inout ByteBuffer) {
        switch self {
        case .rowDescription(let fields): fields.write(into: &buffer)
        case .errorResponse(let fields): fields.writeError(into: &buffer)
        case .noticeResponse(let fields): fields.writeNotice(into: &buffer)
        case .dataRow(var cells):
            // A row that was malformed when read is cut at the fault.
            var writer = DataRowWriter(startingIn: &buffer)
            while let cell = try? cells.next() { writer.append(cell, to: &buffer) }
            writer.finish(in: &buffer)
        default: buffer.writeMessage(self.kind.rawValue) { self.writeBody(into: &$0) }
        }
    }

    package var kind: Kind {
        switch self {
        case .authentication: .authentication
        case .parameterStatus: .parameterStatus
        case .backendKeyData: .backendKeyData
        case .readyForQuery: .readyForQuery
        case .rowDescription: .rowDescription
        case .dataRow: .dataRow
        case .commandComplete: .commandComplete
        case .emptyQueryResponse: .emptyQueryResponse
        case .errorResponse: .errorResponse
        case .noticeResponse: .noticeResponse
        case .noData: .noData
        case .parameterDescription: .parameterDescription
        case .parseComplete: .parseComplete
        case .bindComplete: .bindComplete
        case .closeComplete: .closeComplete
        case .portalSuspended: .portalSuspended
        case .copyInResponse: .copyInResponse
        case .copyOutResponse: .copyOutResponse
        case .copyBothResponse: .copyBothResponse
        case .copyData: .copyData
        case .copyDone: .copyDone
        case .notificationResponse: .notificationResponse
        case .negotiateProtocolVersion: .negotiateProtocolVersion
        case .functionCallResponse: .functionCallResponse
        }
    }

    private func writeBody(into buffer: inout ByteBuffer) {
        switch self {
        case .authentication(let authentication): authentication.write(into: &buffer)
        case .parameterStatus(let name, let value):
            buffer.writeCString(name)
            buffer.writeCString(value)
        case .backendKeyData(let key):
            buffer.writeInteger(key.processID)
            buffer.writeBytes(key.secret)
        case .readyForQuery(let status): buffer.writeInteger(status.rawValue)
        case .commandComplete(let tag): buffer.writeCString(tag)
        case .parameterDescription(let types):
            buffer.writeInteger(UInt16(clamping: types.count))
            for type in types { buffer.writeInteger(type) }
        case .copyInResponse(let response), .copyOutResponse(let response), .copyBothResponse(let response):
            buffer.writeInteger(UInt8(response.format.rawValue))
            buffer.writeFormats(response.columns)
        case .copyData(let data): buffer.writeImmutableBuffer(data)
        case .notificationResponse(let processID, let channel, let payload):
            buffer.writeInteger(processID)
            buffer.writeCString(channel)
            buffer.writeCString(payload)
        case .negotiateProtocolVersion(let newest, let options):
            buffer.writeMultipleIntegers(newest.major, newest.minor, UInt32(clamping: options.count))
            for option in options { buffer.writeCString(option) }
        case .functionCallResponse(let value): buffer.writeValue(value)
        case .emptyQueryResponse, .noData, .parseComplete, .bindComplete, .closeComplete, .portalSuspended, .copyDone,
            .rowDescription, .dataRow, .errorResponse, .noticeResponse:
            break
        }
    }
}

extension BackendMessage.Authentication {
    func write(into buffer: inout ByteBuffer) {
        switch self {
        case .ok: buffer.writeInteger(UInt32(0))
        case .cleartextPassword: buffer.writeInteger(UInt32(3))
        case .md5Password(let salt):
            buffer.writeInteger(UInt32(5))
            buffer.writeBytes(salt)
        case .sasl(let mechanisms):
            buffer.writeInteger(UInt32(10))
            for mechanism in mechanisms { buffer.writeCString(mechanism) }
            buffer.writeInteger(UInt8(0))
        case .saslContinue(let data):
            buffer.writeInteger(UInt32(11))
            buffer.writeImmutableBuffer(data)
        case .saslFinal(let data):
            buffer.writeInteger(UInt32(12))
            buffer.writeImmutableBuffer(data)
        case .other(let code): buffer.writeInteger(code)
        }
    }
}
