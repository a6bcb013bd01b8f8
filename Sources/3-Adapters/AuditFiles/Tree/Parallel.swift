import Dispatch
import Synchronization

/// Work on many things that know nothing of each other, on all of the machine's cores.
enum Parallel {
    /// `body` of each of `indices`, in their order.
    static func map<Value: Sendable>(
        _ indices: Range<UInt64>, _ body: @escaping @Sendable (UInt64) -> Value
    ) -> [Value] {
        let values = Mutex<[Value?]>(Array(repeating: nil, count: indices.count))
        DispatchQueue.concurrentPerform(iterations: indices.count) { place in
            let value = body(indices.lowerBound + UInt64(place))
            values.withLock { $0[place] = value }
        }
        return values.withLock { $0.compactMap { $0 } }
    }
}
