import HTTPWire
import NIOCore

/// The client's side of an exchange: a connection, or one of its streams. It says what comes from the client, and is told
/// what goes to it.
protocol ExchangeClient: AnyObject {
    /// Whether more of the response may be read.
    var canTakeMore: Bool { get }

    /// 100 or 103.
    func interim(_ head: ResponseHead, _ bytes: UnsafeRawBufferPointer)
    /// The final head.
    func answer(_ head: ResponseHead, _ bytes: UnsafeRawBufferPointer, _ plan: AnswerPlan)
    /// Some of the response's body, or of what comes through a pipe.
    func content(_ buffer: ByteBuffer, at: Int, length: Int)
    /// Behind the body's last part.
    func answerEnded(trailers: BodyReader?)
    /// 101: from now on bytes are passed on as they come.
    func switchProtocols(_ head: ResponseHead, _ bytes: UnsafeRawBufferPointer)
    func flushAnswer()
    /// An answer of the proxy's own.
    func refuse(_ refusal: ProxyRefusal, keeps: Bool)
    /// The response can't be completed, and that has to be seen.
    func cut()
    /// The exchange is over.
    /// - Parameter keeps: the connection may take another request.
    func exchangeEnded(keeps: Bool)
    /// More of the request's body may be read.
    func requestMayGoOn()
}

/// How a response goes to the client.
struct AnswerPlan {
    /// How its body ends as it comes from upstream.
    var framing: BodyFraming
    var isToHead: Bool
    /// The client's connection stays open behind it.
    var keeps: Bool
    /// `Cache-Control: no-store` in place of what it says, and `Glovebox-Test: taken`, by which a test knows that it wasn't
    /// served as an ordinary request.
    var isMarked: Bool
}

/// What an upstream connection does behind a head.
enum AnswerFollows {
    case interim
    case body(BodyFraming)
    case pipe
    /// It isn't one that could be passed on.
    case refused
}
