package import GloveboxCore

extension UndoCause {
    /// In one line.
    package var summary: String {
        switch self {
        case .asked(let identity): "asked for by \(identity)"
        case .leaseEnded(let reason): "its lease ended (\(reason.rawValue))"
        case .guardTripped(let name, let reason): "guard '\(name)' tripped: \(reason)"
        case .failed(let code, let message): "it couldn't be applied: \(message) [\(code)]"
        case .told(let reason): reason
        }
    }
}
