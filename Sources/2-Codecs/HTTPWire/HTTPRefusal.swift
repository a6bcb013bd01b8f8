/// Why a message isn't taken: it breaks RFC 9112 or RFC 9110, or a limit. What could be read in two ways is refused, never
/// mended, since whoever stands behind might read it in the other.
package struct HTTPRefusal: Error, Hashable, Sendable {
    package enum Code: String, Hashable, Sendable, CaseIterable {
        case bareCarriageReturn = "bare_carriage_return"
        case bareLineFeed = "bare_line_feed"
        case controlCharacter = "control_character"
        case requestLineInvalid = "request_line_invalid"
        case requestLineTooLong = "request_line_too_long"
        case methodInvalid = "method_invalid"
        case methodUnsupported = "method_unsupported"
        case targetInvalid = "target_invalid"
        case versionInvalid = "version_invalid"
        case versionUnsupported = "version_unsupported"
        case statusLineInvalid = "status_line_invalid"
        case fieldNameInvalid = "field_name_invalid"
        case fieldNameMissing = "field_name_missing"
        case spaceBeforeColon = "space_before_colon"
        case lineFolding = "line_folding"
        case headTooLarge = "head_too_large"
        case tooManyFields = "too_many_fields"
        case hostMissing = "host_missing"
        case hostRepeated = "host_repeated"
        case hostInvalid = "host_invalid"
        case hostMismatch = "host_mismatch"
        case contentLengthInvalid = "content_length_invalid"
        case contentLengthRepeated = "content_length_repeated"
        case contentLengthWithTransferEncoding = "content_length_with_transfer_encoding"
        case lengthRequired = "length_required"
        case transferEncodingInvalid = "transfer_encoding_invalid"
        case transferEncodingUnsupported = "transfer_encoding_unsupported"
        case transferEncodingInHTTP10 = "transfer_encoding_in_http_1_0"
        case connectionInvalid = "connection_invalid"
        case expectationUnsupported = "expectation_unsupported"
        case chunkSizeInvalid = "chunk_size_invalid"
        case chunkInvalid = "chunk_invalid"
        case chunkExtensionTooLong = "chunk_extension_too_long"
        case trailerTooLarge = "trailer_too_large"
        case bodyTooLarge = "body_too_large"
        case upgradeUnexpected = "upgrade_unexpected"
    }

    package var code: Code

    package init(_ code: Code) {
        self.code = code
    }

    /// The status that a client is answered with.
    package var status: Int {
        switch self.code {
        case .requestLineTooLong: 414
        case .headTooLarge, .tooManyFields, .trailerTooLarge: 431
        case .bodyTooLarge: 413
        case .lengthRequired: 411
        case .expectationUnsupported: 417
        case .methodUnsupported, .transferEncodingUnsupported: 501
        case .versionUnsupported: 505
        case .bareCarriageReturn, .bareLineFeed, .controlCharacter, .requestLineInvalid, .methodInvalid, .targetInvalid,
            .versionInvalid, .statusLineInvalid, .fieldNameInvalid, .fieldNameMissing, .spaceBeforeColon, .lineFolding,
            .hostMissing, .hostRepeated, .hostInvalid, .hostMismatch, .contentLengthInvalid, .contentLengthRepeated,
            .contentLengthWithTransferEncoding, .transferEncodingInvalid, .transferEncodingInHTTP10, .connectionInvalid,
            .chunkSizeInvalid, .chunkInvalid, .chunkExtensionTooLong, .upgradeUnexpected:
            400
        }
    }

    /// What to do about it; never a part of the message.
    package var message: String {
        switch self.code {
        case .bareCarriageReturn: "a carriage return stands without a line feed: end lines with both"
        case .bareLineFeed: "a line feed stands without a carriage return: end lines with both"
        case .controlCharacter: "the head has a control character: leave it out or encode it"
        case .requestLineInvalid: "the request line isn't 'METHOD TARGET HTTP/1.1' with single spaces"
        case .requestLineTooLong: "the request line is too long: shorten the target"
        case .methodInvalid: "the method isn't a token"
        case .methodUnsupported: "this method isn't served here"
        case .targetInvalid: "the target isn't a path that begins with '/', a whole http(s) URI, or '*' for OPTIONS"
        case .versionInvalid: "the version isn't HTTP/1.1 or HTTP/1.0"
        case .versionUnsupported: "this version of HTTP isn't served here: use HTTP/1.1"
        case .statusLineInvalid: "the status line isn't 'HTTP/1.1 STATUS REASON'"
        case .fieldNameInvalid: "a field's name isn't a token"
        case .fieldNameMissing: "a field line has no name before a colon"
        case .spaceBeforeColon: "white space stands between a field's name and its colon"
        case .lineFolding: "a field line begins with white space: write the field on one line"
        case .headTooLarge: "the head is too large: send fewer or shorter fields"
        case .tooManyFields: "the head has too many fields"
        case .hostMissing: "HTTP/1.1 needs a Host field"
        case .hostRepeated: "there's more than one Host field"
        case .hostInvalid: "the host isn't a name or address with an optional port"
        case .hostMismatch: "the target's host isn't the one of the Host field"
        case .contentLengthInvalid: "Content-Length isn't a number of bytes that can be"
        case .contentLengthRepeated: "there's more than one Content-Length"
        case .contentLengthWithTransferEncoding: "Content-Length and Transfer-Encoding contradict each other: send one"
        case .lengthRequired: "say how long the body is, by Content-Length"
        case .transferEncodingInvalid: "Transfer-Encoding isn't exactly 'chunked', once"
        case .transferEncodingUnsupported: "no transfer coding but 'chunked' is understood here"
        case .transferEncodingInHTTP10: "HTTP/1.0 has no Transfer-Encoding: use HTTP/1.1 or Content-Length"
        case .connectionInvalid: "Connection isn't a list of tokens, or names a field that frames the message"
        case .expectationUnsupported: "no expectation but '100-continue' is met here"
        case .chunkSizeInvalid: "a chunk's size isn't a hexadecimal number that can be"
        case .chunkInvalid: "a chunk isn't as long as its size says"
        case .chunkExtensionTooLong: "a chunk's extension is too long, or isn't text"
        case .trailerTooLarge: "the trailers are too large"
        case .bodyTooLarge: "the body is larger than is taken here"
        case .upgradeUnexpected: "the protocol was switched, or a body was sent, where that wasn't asked for"
        }
    }
}

extension HTTPRefusal: CustomStringConvertible {
    package var description: String { "\(self.code.rawValue): \(self.message)" }
}
