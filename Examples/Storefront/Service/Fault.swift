import ArgumentParser

/// What version 2 does wrong, each for itself. Where it shows is in docs/storefront.md.
enum Fault: String, CaseIterable {
    /// Inventory reads the stock and writes it later, so that two may buy the last one.
    case race
    /// `available` is called `in_stock`: said so by inventory, read so by orders. Two that differ don't understand each other.
    case rename
    /// Inventory is slow or fails for some; orders waits as long as it takes.
    case slow
    /// Orders takes the yen for a currency with hundredths.
    case currency
    /// Arrays come in another order each time. Harmless, and so for version 1, too.
    case noise
    /// What's called isn't told of the trace and the test.
    case drop

    static var names: String { Self.allCases.map(\.rawValue).joined(separator: ",") }

    static func set(_ list: String) throws -> Set<Fault> {
        var faults: Set<Fault> = []
        for name in list.split(separator: ",") {
            guard let fault = Fault(rawValue: String(name)) else {
                throw ValidationError("there's no fault '\(name)': \(Self.names)")
            }
            faults.insert(fault)
        }
        return faults
    }
}

struct ServiceSettings {
    var name: String
    var version: String
    var port: Int
    var faults: Set<Fault>

    /// As arrays without an order of their own come out: sorted, or in any order.
    func unordered<Element>(_ elements: [Element]) -> [Element] {
        self.faults.contains(.noise) ? elements.shuffled() : elements
    }
}
