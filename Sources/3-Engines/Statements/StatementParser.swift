import CPgQuery
import Dispatch
package import GloveboxCore
import Synchronization

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Why a text has no syntax tree.
package struct ParseFailure: Error, Hashable, Sendable {
    package enum Reason: Hashable, Sendable {
        /// PostgreSQL's parser doesn't take it.
        case syntax
        /// Longer than is judged.
        case tooLong
    }

    package var reason: Reason
    /// PostgreSQL's words.
    package var message: String
    /// In characters, counted from 1; nil where it isn't about a place.
    package var position: Int?
}

/// PostgreSQL's own parser (libpg_query, the grammar of PostgreSQL 15).
///
/// What it builds of `1+1+1…` is as deep as the text is long, and the C code that writes it out calls itself for each
/// level: a stack that is too small takes the whole process along. So a text is bounded, and parsed on a thread whose
/// stack holds the deepest tree that such a text can have; only short texts, whose deepest tree fits any thread's
/// stack, are parsed where they are.
package final class StatementParser: Sendable {
    /// In bytes of UTF-8.
    package static let longestText = 256 << 10
    /// Texts up to this are parsed on the caller's thread.
    static let shortText = 1 << 10
    /// Four times what the deepest tree of the longest text takes (128 bytes a byte of text, measured on `1+1+1…`). It
    /// becomes memory only where it's used.
    private static let stackSize = 128 << 20

    fileprivate struct Inbox {
        var waiting: [Job] = []
        var isStopped = false
    }

    fileprivate struct Job: Sendable {
        var text: String
        var done: @Sendable (Result<SyntaxTree, ParseFailure>) -> Void
    }

    fileprivate final class Shared: Sendable {
        let inbox = Mutex(Inbox())
        let semaphore = DispatchSemaphore(value: 0)
    }

    private let shared = Shared()

    /// - Throws: `unavailable` when there's no room for the thread.
    package init() throws(GloveboxError) {
        try Self.startThread(self.shared)
    }

    deinit {
        self.shared.inbox.withLock { $0.isStopped = true }
        self.shared.semaphore.signal()
    }

    /// The tree of a short text, at once; nil for a long one, which is for ``parse(_:done:)``.
    package func parseIfShort(_ text: String) throws(ParseFailure) -> SyntaxTree? {
        guard text.utf8.count <= Self.shortText else { return nil }
        return try Self.parse(text)
    }

    /// - Parameter done: called on the parser's thread.
    package func parse(_ text: String, done: @escaping @Sendable (Result<SyntaxTree, ParseFailure>) -> Void) {
        self.shared.inbox.withLock { $0.waiting.append(Job(text: text, done: done)) }
        self.shared.semaphore.signal()
    }

    // MARK: The thread

    private static func startThread(_ shared: Shared) throws(GloveboxError) {
        var attributes = pthread_attr_t()
        pthread_attr_init(&attributes)
        defer { pthread_attr_destroy(&attributes) }
        pthread_attr_setstacksize(&attributes, Self.stackSize)
        pthread_attr_setdetachstate(&attributes, Int32(PTHREAD_CREATE_DETACHED))
        #if canImport(Glibc)
            var thread = pthread_t()
        #else
            var thread: pthread_t?
        #endif
        let argument = Unmanaged.passRetained(shared).toOpaque()
        let result = pthread_create(&thread, &attributes, parseUntilStopped, argument)
        guard result == 0 else {
            Unmanaged<Shared>.fromOpaque(argument).release()
            throw GloveboxError(
                .unavailable,
                "there's no room for the thread that parses statements: \(String(cString: strerror(result)))")
        }
    }

    fileprivate static func run(_ shared: Shared) {
        while true {
            shared.semaphore.wait()
            let (job, isStopped) = shared.inbox.withLock { inbox in
                (inbox.waiting.isEmpty ? nil : inbox.waiting.removeFirst(), inbox.isStopped)
            }
            guard let job else {
                if isStopped { return }
                continue
            }
            do throws(ParseFailure) {
                job.done(.success(try Self.parse(job.text)))
            } catch {
                job.done(.failure(error))
            }
        }
    }

    // MARK: Parsing

    private static func parse(_ text: String) throws(ParseFailure) -> SyntaxTree {
        guard text.utf8.count <= Self.longestText else {
            throw ParseFailure(
                reason: .tooLong,
                message:
                    "a statement of more than \(Self.longestText >> 10) KiB isn't judged: bind its values instead of writing them out"
            )
        }
        guard !text.utf8.contains(0) else {
            throw ParseFailure(reason: .syntax, message: "a statement holds no zero byte")
        }
        // It keeps its memory for the thread, and frees it when that ends; pg_query_exit would do so once more.
        let result = pg_query_parse(text)
        defer { pg_query_free_parse_result(result) }
        if let error = result.error {
            throw ParseFailure(
                reason: .syntax, message: error.pointee.message.map { String(cString: $0) } ?? "it can't be parsed",
                position: error.pointee.cursorpos > 0 ? Int(error.pointee.cursorpos) : nil)
        }
        guard let json = result.parse_tree else {
            throw ParseFailure(reason: .syntax, message: "it can't be parsed")
        }
        let bytes = Array(UnsafeBufferPointer(start: json, count: strlen(json)).lazy.map { UInt8(bitPattern: $0) })
        guard let tree = SyntaxTree(json: bytes) else {
            throw ParseFailure(reason: .syntax, message: "its syntax tree can't be read")
        }
        return tree
    }
}

/// The thread's body.
private func parseUntilStopped(_ argument: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
    if let argument {
        StatementParser.run(Unmanaged<StatementParser.Shared>.fromOpaque(argument).takeRetainedValue())
    }
    return nil
}
