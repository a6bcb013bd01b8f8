import HTTPWire
import NIOCore

/// One request on its way to an upstream, and its response on the way back; all on one event loop. It moves bytes and does
/// what `ExchangeMachine` decides.
final class Exchange {
    /// What a request's head is held for, once it has been sent on.
    private struct Request {
        var isHead = false
        var isHTTP10 = false
        var isPersistent = false
        var expectsContinue = false
        var wantsUpgrade = false
        var bodyLeft: UInt64 = 0
        var isChunked = false
    }

    /// Most interim responses before the final one.
    private static let mostInterims = 16

    let client: any ExchangeClient
    private let loop: ProxyLoop
    var upstream: UpstreamConnection?
    private(set) var isRunning = false
    private var machine = ExchangeMachine(isSafe: false, hasBody: false, retries: 0)
    private var request = Request()
    private var route: CompiledRoute?
    private var version: CompiledVersion?
    private var endpoint: Endpoint?
    private var mark: RequestMark?
    /// As it's sent on; kept for another attempt.
    private var head = ByteBuffer()
    /// What came of the body before there was a connection.
    private var early = ByteBuffer()
    private var isConnected = false
    private var isBeginning = false
    private var interims = 0
    private var epoch: UInt64 = 0
    private var account = ExchangeAccount()

    init(_ client: any ExchangeClient, _ loop: ProxyLoop) {
        self.client = client
        self.loop = loop
    }

    // MARK: From the client

    /// A request's head has come. If it's refused, the client is told within this call.
    func begin(
        _ head: RequestHead, _ bytes: UnsafeRawBufferPointer, from origin: ClientOrigin,
        version httpVersion: StaticString
    ) {
        let hasBody = head.framing != .none
        self.machine = ExchangeMachine(
            isSafe: head.method.isSafe, hasBody: hasBody, retries: self.loop.settings.retries.attempts)
        self.isRunning = true
        self.isConnected = false
        self.interims = 0
        self.mark = nil
        self.route = nil
        self.version = nil
        self.endpoint = nil
        self.early.clear()
        self.request = Request(
            isHead: head.method == .head, isHTTP10: head.minorVersion == 0, isPersistent: head.isPersistent,
            expectsContinue: head.expectsContinue, bodyLeft: 0, isChunked: head.framing == .chunked)
        self.loop.countRequest()
        self.loop.counters.sums.activeRequests += 1
        self.account.begin(
            at: self.loop.now, head, bytes, from: origin, httpVersion, isLogged: self.loop.shared.accessLog != nil)
        let table = self.loop.table
        self.epoch = table.epoch
        guard self.loop.counters.sums.activeRequests <= self.loop.mostRequests else { return self.refuse(.overloaded) }
        guard let route = table.match(head, bytes) else { return self.refuse(.noRoute) }
        self.route = route
        self.request.bodyLeft = route.settings.mostBody ?? self.loop.settings.limits.body
        if case .length(let length) = head.framing, length > self.request.bodyLeft {
            return self.refuse(ProxyRefusal(HTTPRefusal(.bodyTooLarge)))
        }
        guard let edit = self.choose(route, head, bytes) else { return }
        guard self.writeHead(head, bytes, from: origin, route, edit) else { return self.refuse(.headUnwritten) }
        // What follows the head in the same read goes out with it.
        self.isBeginning = true
        self.send(besides: nil)
        self.isBeginning = false
    }

    /// Finds the version that serves the request.
    /// - Returns: what's changed in its head; `nil` if it's refused.
    private func choose(_ route: CompiledRoute, _ head: RequestHead, _ bytes: UnsafeRawBufferPointer) -> HeadEdit?? {
        var edit: HeadEdit?
        if head.seen.contains(.baggage), let judge = self.loop.shared.judge {
            switch judge.judge(RequestView(head, bytes, route: route.name, service: route.service.name)) {
            case .ordinary: break
            case .edited(let changes): edit = changes
            case .refused:
                self.refuse(.markRefused)
                return nil
            case .marked(let mark):
                guard self.loop.shared.markBegan() else {
                    self.refuse(.testsBusy)
                    return nil
                }
                self.mark = mark
                edit = mark.edit
            }
        }
        if let name = self.mark?.version {
            self.version = route.service.version(named: name)
            guard self.version != nil else {
                self.refuse(.candidateUnknown)
                return nil
            }
        } else {
            self.version = route.service.version(self.loop.draw())
            guard self.version != nil else {
                self.refuse(.noUpstream)
                return nil
            }
        }
        return .some(edit)
    }

    private func writeHead(
        _ head: RequestHead, _ bytes: UnsafeRawBufferPointer, from origin: ClientOrigin, _ route: CompiledRoute,
        _ edit: HeadEdit?
    ) -> Bool {
        let via = self.loop.shared.viaLine
        let added = edit?.added.reduce(0) { $0 + $1.name.utf8.count + $1.value.utf8.count + 4 } ?? 0
        let size =
            head.length + origin.size(for: head) + via.count + added + route.service.name.utf8.count + 192
        if head.upgrade.map({ ByteScan.isSame(bytes, $0.at, $0.length, "websocket") }) ?? false {
            self.request.wantsUpgrade = route.settings.allowsUpgrade
        }
        self.head.clear()
        return self.head.writeHead(atMost: size) { writer in
            self.write(head, bytes, from: origin, route, edit, to: &writer)
        }
    }

    private func write(
        _ head: RequestHead, _ bytes: UnsafeRawBufferPointer, from origin: ClientOrigin, _ route: CompiledRoute,
        _ edit: HeadEdit?, to writer: inout HeadWriter
    ) {
        head.writeLine(of: bytes, to: &writer)
        if !head.seen.contains(.host), head.authority.length > 0 {
            writer.write("Host: ")
            writer.write(bytes, head.authority)
            writer.write("\r\n")
        } else if head.authority.length == 0 {
            // HTTP/1.0 without a host: it needs one as HTTP/1.1.
            writer.write(Array("Host: \(route.service.name)\r\n".utf8))
        }
        let dropped = FieldSet.hopByHop.union(origin.dropped(from: head))
        if let removed = edit?.removed, !removed.isEmpty {
            let names = removed.map { Array($0.utf8) }
            writer.write(lines: head.fields, of: bytes, dropping: dropped, hasNominated: head.hasNominated) { line in
                names.contains { ByteScan.isSame(bytes, Int(line.name), Int(line.nameLength), $0) }
            }
        } else {
            writer.write(lines: head.fields, of: bytes, dropping: dropped, hasNominated: head.hasNominated)
        }
        head.writeFraming(to: &writer)
        if head.expectsContinue { writer.write("Expect: 100-continue\r\n") }
        if self.request.wantsUpgrade { writer.write("Connection: Upgrade\r\nUpgrade: websocket\r\n") }
        origin.write(for: head, bytes, to: &writer)
        writer.write(self.loop.shared.viaLine)
        for field in edit?.added ?? [] {
            guard HeadLine.isWritable(name: field.name, value: field.value) else { continue }
            writer.write(Array("\(field.name): \(field.value)\r\n".utf8))
        }
        writer.write("\r\n")
    }

    /// Some of the request's body.
    func requestContent(_ buffer: ByteBuffer, at: Int, length: Int) {
        guard self.isRunning, self.machine.isResponseAwaited || self.upstream != nil else { return }
        guard UInt64(length) <= self.request.bodyLeft else {
            self.upstream?.abandon()
            self.upstream = nil
            return self.refuse(ProxyRefusal(HTTPRefusal(.bodyTooLarge)))
        }
        self.request.bodyLeft -= UInt64(length)
        self.account.requestBytes &+= UInt64(length)
        guard self.isConnected, let upstream = self.upstream else {
            self.writeChunkStart(length, to: &self.early)
            if let slice = buffer.getSlice(at: at, length: length) { self.early.writeImmutableBuffer(slice) }
            if self.request.isChunked { self.early.writeStaticString("\r\n") }
            return
        }
        if self.request.isChunked { upstream.write { self.writeChunkStart(length, to: &$0) } }
        upstream.write(buffer, at: at, length: length)
        if self.request.isChunked { upstream.write { $0.writeStaticString("\r\n") } }
        upstream.awaitAnswer(until: self.loop.now &+ self.responseTimeout)
    }

    /// The request is whole. Its trailers end here: nobody has asked for them.
    func requestEnded() {
        guard self.isRunning else { return }
        self.machine.requestEnded()
        guard self.isConnected, let upstream = self.upstream else {
            if self.request.isChunked { self.early.writeStaticString("0\r\n\r\n") }
            return
        }
        if self.request.isChunked { upstream.write { $0.writeStaticString("0\r\n\r\n") } }
        upstream.awaitAnswer(until: self.loop.now &+ self.responseTimeout)
    }

    func flushRequest() {
        if self.isConnected { self.upstream?.flush() }
    }

    /// What comes from the client through a pipe.
    func pipe(_ buffer: ByteBuffer) {
        self.account.requestBytes &+= UInt64(buffer.readableBytes)
        self.upstream?.write(buffer, at: buffer.readerIndex, length: buffer.readableBytes)
        self.upstream?.flush()
    }

    /// More of the request's body may be taken from the client.
    var canTakeMore: Bool {
        self.isConnected && self.upstream?.isWritable ?? false
    }

    /// The client's connection or stream has ended.
    func clientGone() {
        guard self.isRunning else { return }
        self.machine.abandoned()
        self.upstream?.abandon()
        self.upstream = nil
        self.end(refusal: self.account.status == 0 ? "client_gone" : "client_gone_early")
    }

    /// The rest of the request can't be read.
    func requestFailed(_ refusal: ProxyRefusal) {
        guard self.isRunning else { return }
        self.upstream?.abandon()
        self.upstream = nil
        if self.machine.isResponseAwaited {
            self.refuse(refusal)
        } else {
            self.machine.abandoned()
            self.end(refusal: refusal.code)
            self.client.cut()
        }
    }

    /// The client can take more of the response.
    func clientBecameWritable() {
        self.upstream?.readAgain()
    }

    private func writeChunkStart(_ length: Int, to buffer: inout ByteBuffer) {
        guard self.request.isChunked else { return }
        buffer.writeChunkStart(length)
    }

    // MARK: To the upstream

    private var responseTimeout: UInt64 {
        self.route?.settings.responseTimeout?.inNanoseconds ?? self.loop.nanoseconds.response
    }

    private func send(besides tried: Endpoint?) {
        guard let version = self.version,
            let endpoint = self.loop.endpoint(of: version, isMarked: self.mark != nil, besides: tried)
        else { return self.refuse(.noUpstream) }
        self.endpoint = endpoint
        self.isConnected = false
        guard self.loop.pool(of: endpoint, isMarked: self.mark != nil).serve(self) else {
            return self.refuse(.upstreamBusy)
        }
    }

    func connected(_ connection: UpstreamConnection, isReused: Bool) {
        self.upstream = connection
        self.isConnected = true
        self.machine.sent()
        let stream = self.route?.settings.streamTimeout?.inNanoseconds ?? self.loop.nanoseconds.stream
        connection.begin(self, head: self.head, streamTimeout: stream)
        if self.early.readableBytes > 0 {
            connection.write(self.early, at: self.early.readerIndex, length: self.early.readableBytes)
            self.early = ByteBuffer()
        }
        connection.awaitAnswer(until: self.loop.now &+ self.responseTimeout)
        if !self.isBeginning { connection.flush() }
        if !self.machine.isRequestWhole { self.client.requestMayGoOn() }
    }

    func upstreamFailed(_ failure: ExchangeMachine.Failure) {
        self.upstream = nil
        self.isConnected = false
        guard self.isRunning else { return }
        // What tests run into takes nothing from users.
        if self.mark == nil, let endpoint = self.endpoint, endpoint.failed(self.version?.ejection, at: self.loop.now) {
            self.loop.counters.sums.ejections &+= 1
        }
        switch self.machine.failed(failure, mayTryAgain: self.loop.takeRetry()) {
        case .again:
            self.loop.counters.sums.retries &+= 1
            self.send(besides: self.endpoint)
        case .answer(let failure):
            self.answer(Self.refusal(of: failure))
        case .cut:
            self.end(refusal: Self.refusal(of: failure).code)
            self.client.cut()
        case .nothing: break
        }
    }

    private static func refusal(of failure: ExchangeMachine.Failure) -> ProxyRefusal {
        switch failure {
        case .unreachable: .unreachable
        case .closed: .closedEarly
        case .timedOut: .timedOut
        case .invalid: .invalidAnswer
        }
    }

    func pipeEnded() {
        self.upstream = nil
        guard self.isRunning else { return }
        self.machine.abandoned()
        self.end(refusal: nil)
        self.client.exchangeEnded(keeps: false)
    }

    // MARK: From the upstream

    func answered(_ head: ResponseHead, _ bytes: UnsafeRawBufferPointer) -> AnswerFollows {
        if head.status == 101 {
            guard self.request.wantsUpgrade, let upgrade = head.upgrade,
                ByteScan.isSame(bytes, upgrade.at, upgrade.length, "websocket"),
                self.machine.answered(isUpstreamPersistent: false, isClientPersistent: false) != nil
            else { return .refused }
            self.endpoint?.served()
            self.account.status = 101
            self.loop.counters.sums.upgrades &+= 1
            self.client.switchProtocols(head, bytes)
            return .pipe
        }
        if head.isInterim {
            self.interims += 1
            guard self.interims <= Self.mostInterims else { return .refused }
            let isWanted = !self.request.isHTTP10 && (head.status != 100 || self.request.expectsContinue)
            if isWanted { self.client.interim(head, bytes) }
            return .interim
        }
        let framing = head.framing(toHead: self.request.isHead)
        let isPersistent = self.request.isPersistent && !self.loop.isDraining
        let keeps = self.machine.answered(
            isUpstreamPersistent: head.isPersistent, isClientPersistent: isPersistent)
        guard let keeps else { return .refused }
        self.endpoint?.served()
        self.account.status = head.status
        self.client.answer(
            head, bytes,
            AnswerPlan(
                framing: framing, isToHead: self.request.isHead, keeps: keeps, isMarked: self.mark != nil))
        return .body(framing)
    }

    func answerContent(_ buffer: ByteBuffer, at: Int, length: Int) {
        self.account.responseBytes &+= UInt64(length)
        self.client.content(buffer, at: at, length: length)
    }

    func answerEnded(isPersistent: Bool, trailers: BodyReader?) {
        guard self.isRunning else { return }
        switch self.machine.responseEnded() {
        case .wait: break
        case .finish(let keepsUpstream, let keepsClient):
            self.client.answerEnded(trailers: trailers)
            // Before the flush, with which a stream ends at once: it would take what's still held for it along.
            let upstream = self.upstream
            self.upstream = nil
            upstream?.release(keeping: keepsUpstream && isPersistent)
            self.end(refusal: nil)
            self.client.flushAnswer()
            self.client.exchangeEnded(keeps: keepsClient)
        }
    }

    // MARK: The end

    private func refuse(_ refusal: ProxyRefusal) {
        guard self.machine.refused() else { return }
        self.answer(refusal)
    }

    private func answer(_ refusal: ProxyRefusal) {
        let keeps = self.machine.isRequestWhole && self.request.isPersistent && !self.loop.isDraining
        self.account.status = refusal.status
        self.end(refusal: refusal.code)
        self.client.refuse(refusal, keeps: keeps)
        self.client.exchangeEnded(keeps: keeps)
    }

    private func end(refusal: String?) {
        guard self.isRunning else { return }
        self.isRunning = false
        self.isConnected = false
        if self.mark != nil { self.loop.shared.markEnded() }
        let duration = self.loop.now &- self.account.began
        self.loop.counters.sums.activeRequests -= 1
        self.loop.counters.sums.requestBytes &+= self.account.requestBytes
        self.loop.counters.sums.responseBytes &+= self.account.responseBytes
        if let version = self.version {
            self.loop.counters.count(
                version, isMarked: self.mark != nil, status: self.account.status, nanoseconds: duration)
        }
        if let refusal { self.loop.counters.sums.refusals[refusal, default: 0] &+= 1 }
        if let log = self.loop.shared.accessLog {
            var event = self.account.event
            event.duration = duration
            event.status = self.account.status
            event.requestBytes = self.account.requestBytes
            event.responseBytes = self.account.responseBytes
            event.route = self.route?.name
            event.service = self.route?.service.name
            event.serviceVersion = self.version?.name
            event.upstream = self.endpoint?.description
            event.attempts = self.machine.attempts
            event.mark = self.mark?.label
            event.refusal = refusal
            event.epoch = self.epoch
            log(event)
        }
    }
}

/// What's counted and logged of an exchange.
struct ExchangeAccount {
    var began: UInt64 = 0
    var status = 0
    var requestBytes: UInt64 = 0
    var responseBytes: UInt64 = 0
    /// As far as it's known from the request's head.
    private(set) var event = AccessEvent.empty

    mutating func begin(
        at now: UInt64, _ head: RequestHead, _ bytes: UnsafeRawBufferPointer, from origin: ClientOrigin,
        _ version: StaticString, isLogged: Bool
    ) {
        self.began = now
        self.status = 0
        self.requestBytes = 0
        self.responseBytes = 0
        guard isLogged else { return }
        func text(_ place: RequestHead.Place) -> String {
            String(decoding: bytes[place.at..<place.end], as: UTF8.self)
        }
        self.event = .empty
        self.event.began = now
        self.event.client = origin.address
        self.event.version = version.description
        self.event.method = text(head.methodPlace)
        self.event.target = text(head.target)
        self.event.host = text(head.authority)
    }
}

extension AccessEvent {
    static let empty = AccessEvent(
        began: 0, duration: 0, client: "", version: "", method: "", target: "", host: "", status: 0, requestBytes: 0,
        responseBytes: 0, attempts: 0, epoch: 0)
}

enum HeadLine {
    /// Whether these make one field line and nothing more.
    static func isWritable(name: String, value: String) -> Bool {
        !name.isEmpty && name.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: ":") }
            && value.utf8.allSatisfy { $0 >= 0x20 && $0 != 0x7F }
    }
}

extension ByteBuffer {
    /// RFC 9112, 7.1: a chunk's size and its line's end.
    mutating func writeChunkStart(_ length: Int) {
        var shift = max(0, (Int.bitWidth - 1 - length.leadingZeroBitCount) / 4 * 4)
        while shift >= 0 {
            let digit = UInt8(truncatingIfNeeded: length >> shift) & 0xF
            self.writeInteger(digit < 10 ? 0x30 + digit : 0x57 + digit)
            shift -= 4
        }
        self.writeStaticString("\r\n")
    }
}
