import CCurl
import Contracts
import GloveboxCore

/// libcurl's easy handle. Belongs to one thread.
final class CurlHandle {
    let pointer: UnsafeMutableRawPointer

    private static let isReady = curl_global_init(Int(CURL_GLOBAL_SSL | CURL_GLOBAL_WIN32)) == CURLE_OK

    /// - Throws: `exchange_failed` where there's no memory for one.
    init() throws(GloveboxError) {
        guard Self.isReady, let pointer = curl_easy_init() else {
            throw GloveboxError(.exchangeFailed, "libcurl can't be started")
        }
        self.pointer = pointer
    }

    deinit {
        curl_easy_cleanup(self.pointer)
    }

    /// Back to how it was made, but for cookies, connections and what's known of hosts.
    func reset() { curl_easy_reset(self.pointer) }

    // MARK: options

    func set(_ option: CURLoption, _ value: Int) throws(GloveboxError) {
        try self.check(glovebox_curl_set_long(self.pointer, option, value))
    }

    func set(_ option: CURLoption, _ value: Bool) throws(GloveboxError) { try self.set(option, value ? 1 : 0) }

    func set(offset option: CURLoption, _ value: Int64) throws(GloveboxError) {
        try self.check(glovebox_curl_set_offset(self.pointer, option, value))
    }

    /// A text with a NUL in it would be cut there, and is refused.
    func set(_ option: CURLoption, _ value: String) throws(GloveboxError) {
        guard !value.utf8.contains(0) else {
            throw GloveboxError(.exchangeBadRequest, "a NUL can't be sent in a URL, a header or an option")
        }
        try self.check(glovebox_curl_set_string(self.pointer, option, value))
    }

    func set(_ option: CURLoption, _ list: CurlList) throws(GloveboxError) {
        try self.check(glovebox_curl_set_list(self.pointer, option, list.first))
    }

    func set(_ option: CURLoption, blob: [UInt8]) throws(GloveboxError) {
        try self.check(
            blob.withUnsafeBytes { glovebox_curl_set_blob(self.pointer, option, $0.baseAddress, $0.count) })
    }

    func set(body: [UInt8]) throws(GloveboxError) {
        try self.check(body.withUnsafeBytes { glovebox_curl_set_body(self.pointer, $0.baseAddress, $0.count) })
    }

    func check(_ code: CURLcode) throws(GloveboxError) {
        switch code {
        case CURLE_OK: return
        case CURLE_UNKNOWN_OPTION, CURLE_NOT_BUILT_IN, CURLE_UNSUPPORTED_PROTOCOL:
            throw GloveboxError(.exchangeUnsupported, "this libcurl can't do that: \(Self.words(code))")
        default: throw GloveboxError(.exchangeBadRequest, "libcurl won't send it like that: \(Self.words(code))")
        }
    }

    static func words(_ code: CURLcode) -> String { String(cString: curl_easy_strerror(code)) }

    // MARK: facts

    func integer(_ info: CURLINFO) -> Int {
        var value = 0
        return glovebox_curl_get_long(self.pointer, info, &value) == CURLE_OK ? value : 0
    }

    func offset(_ info: CURLINFO) -> Int64 {
        var value: Int64 = 0
        return glovebox_curl_get_offset(self.pointer, info, &value) == CURLE_OK ? value : 0
    }

    func text(_ info: CURLINFO) -> String? {
        var value: UnsafePointer<CChar>?
        guard glovebox_curl_get_string(self.pointer, info, &value) == CURLE_OK, let value else { return nil }
        return String(cString: value)
    }

    func list(_ info: CURLINFO) -> [String] {
        var value: UnsafeMutablePointer<curl_slist>?
        guard glovebox_curl_get_list(self.pointer, info, &value) == CURLE_OK else { return [] }
        defer { curl_slist_free_all(value) }
        return CurlList.texts(UnsafePointer(value))
    }

    /// Lines of `NAME:VALUE`.
    var certificate: [String] { CurlList.texts(glovebox_curl_certificate(self.pointer)) }
}

/// A list of texts as libcurl takes it; has to live until the transfer is over.
final class CurlList {
    private(set) var first: UnsafeMutablePointer<curl_slist>?

    init(_ texts: [String]) throws(GloveboxError) {
        for text in texts {
            guard !text.utf8.contains(0) else {
                throw GloveboxError(.exchangeBadRequest, "a NUL can't be sent in a URL, a header or an option")
            }
            guard let first = curl_slist_append(self.first, text) else {
                throw GloveboxError(.exchangeFailed, "there's no memory left for the request")
            }
            self.first = first
        }
    }

    deinit {
        curl_slist_free_all(self.first)
    }

    static func texts(_ first: UnsafePointer<curl_slist>?) -> [String] {
        var texts: [String] = []
        var next = first
        while let item = next {
            if let text = item.pointee.data { texts.append(String(cString: text)) }
            next = UnsafePointer(item.pointee.next)
        }
        return texts
    }
}

/// A multipart form; has to live until the transfer is over.
final class CurlForm {
    let pointer: OpaquePointer

    init(_ handle: CurlHandle) throws(GloveboxError) {
        guard let pointer = curl_mime_init(handle.pointer) else {
            throw GloveboxError(.exchangeFailed, "there's no memory left for the request")
        }
        self.pointer = pointer
    }

    deinit {
        curl_mime_free(self.pointer)
    }

    func add(
        name: String, content: [UInt8], fileName: String?, contentType: String?, to handle: CurlHandle
    ) throws(GloveboxError) {
        let part = curl_mime_addpart(self.pointer)
        try handle.check(curl_mime_name(part, name))
        try handle.check(
            content.withUnsafeBytes { bytes in
                curl_mime_data(part, bytes.baseAddress?.assumingMemoryBound(to: CChar.self) ?? nil, bytes.count)
            })
        if content.isEmpty { try handle.check(curl_mime_data(part, "", 0)) }
        if let fileName { try handle.check(curl_mime_filename(part, fileName)) }
        if let contentType { try handle.check(curl_mime_type(part, contentType)) }
    }
}
