import GloveboxCore
import Identity

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Reads a secret from a descriptor, a prompt without echo, or standard input; never from the command line, which
/// every process of the machine can read.
enum SecretInput {
    private static let longest = 4096

    /// - Parameter descriptor: one that the caller's shell opened (`--code-fd 3 3<file`); `nil` asks on the terminal if
    ///   standard input is one, and reads a line of standard input otherwise.
    /// - Throws: `invalid_argument` when there's nothing to read; `CancellationError` on Ctrl-C.
    static func read(prompt: String, descriptor: Int32?) throws -> Secret<String> {
        if let descriptor {
            return try Self.line(from: descriptor, named: "descriptor \(descriptor)")
        }
        guard isatty(STDIN_FILENO) == 1 else {
            return try Self.line(from: STDIN_FILENO, named: "standard input")
        }
        return try Self.ask(prompt)
    }

    /// A machine's token: `GLOVEBOX_TOKEN`, the file (0600) that `GLOVEBOX_TOKEN_FILE` names, or the open descriptor of
    /// `GLOVEBOX_TOKEN_FD`; nil when none is set.
    /// - Throws: `invalid_argument`, `file_exposed`, `file_unusable`.
    static func machineToken(environment: [String: String]) throws -> Secret<String>? {
        func set(_ name: String) -> String? { environment[name].flatMap { $0.isEmpty ? nil : $0 } }
        if let token = set("GLOVEBOX_TOKEN") { return Secret(token) }
        if let path = set("GLOVEBOX_TOKEN_FILE") {
            let text = String(decoding: try PrivateFile.read(path), as: UTF8.self)
            return Secret(text.split(whereSeparator: \.isNewline).first.map(String.init) ?? "")
        }
        guard let text = set("GLOVEBOX_TOKEN_FD") else { return nil }
        guard let descriptor = Int32(text) else {
            throw GloveboxError(.invalidArgument, "GLOVEBOX_TOKEN_FD is no number of an open file descriptor")
        }
        return try Self.line(from: descriptor, named: "descriptor \(descriptor)")
    }

    private static func line(from descriptor: Int32, named name: String) throws -> Secret<String> {
        var bytes: [UInt8] = []
        while let byte = Self.byte(from: descriptor), byte != UInt8(ascii: "\n") {
            bytes.append(byte)
            guard bytes.count <= Self.longest else {
                throw GloveboxError(.invalidArgument, "what \(name) gives is too long to be a code")
            }
        }
        guard !bytes.isEmpty else {
            throw GloveboxError(.invalidArgument, "\(name) gives no code: write the code there, on one line")
        }
        return Secret(String(decoding: bytes, as: UTF8.self))
    }

    /// Reads the terminal key by key, so that Ctrl-C finds its echo switched on again.
    private static func ask(_ prompt: String) throws -> Secret<String> {
        var before = termios()
        guard tcgetattr(STDIN_FILENO, &before) == 0 else {
            return try Self.line(from: STDIN_FILENO, named: "standard input")
        }
        var quiet = before
        quiet.c_lflag &= ~tcflag_t(ECHO | ICANON | ISIG)
        Terminal.write(prompt, to: STDERR_FILENO)
        tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet)
        defer {
            tcsetattr(STDIN_FILENO, TCSAFLUSH, &before)
            Terminal.write("\n", to: STDERR_FILENO)
        }
        var bytes: [UInt8] = []
        while let byte = Self.byte(from: STDIN_FILENO) {
            switch byte {
            case 0x03, 0x1C: throw CancellationError()
            case 0x0A, 0x0D, 0x04:
                guard !bytes.isEmpty else { throw GloveboxError(.invalidArgument, "no code was given") }
                return Secret(String(decoding: bytes, as: UTF8.self))
            case 0x08, 0x7F: _ = bytes.popLast()
            case 0x15: bytes = []
            default: if bytes.count < Self.longest { bytes.append(byte) }
            }
        }
        throw GloveboxError(.invalidArgument, "no code was given")
    }

    private static func byte(from descriptor: Int32) -> UInt8? {
        var byte: UInt8 = 0
        while true {
            #if canImport(Glibc)
                let count = Glibc.read(descriptor, &byte, 1)
            #else
                let count = Darwin.read(descriptor, &byte, 1)
            #endif
            if count == 1 { return byte }
            if count < 0, errno == EINTR { continue }
            return nil
        }
    }
}
