package import GloveboxCore

/// When which lease runs out, on this boot's clock; the driver sleeps until ``next`` and then takes what's due.
///
/// A binary heap with stale entries left in place: to move or remove a lease costs a look-up, and the heap is built
/// anew when more than half of it is stale. Every entry is of one boot; a reboot begins a new queue.
package struct ExpiryQueue: Sendable {
    private struct Entry: Sendable {
        var deadline: BootInstant
        var lease: LeaseID

        static func isEarlier(_ a: Entry, _ b: Entry) -> Bool { (a.deadline, a.lease) < (b.deadline, b.lease) }
    }

    private var heap: [Entry] = []
    private var deadlines: [LeaseID: BootInstant] = [:]

    package init() {}

    /// How many leases wait.
    package var count: Int { self.deadlines.count }
    package var isEmpty: Bool { self.deadlines.isEmpty }

    /// The moment at which the first lease runs out.
    package var next: BootInstant? { self.heap.first?.deadline }

    /// When `lease` runs out, if it waits.
    package subscript(lease: LeaseID) -> BootInstant? { self.deadlines[lease] }

    /// Lets `lease` wait for `deadline`, in place of what it waited for. Returns whether ``next`` changed, so that the
    /// driver's sleep has to be set anew.
    @discardableResult
    package mutating func schedule(_ lease: LeaseID, at deadline: BootInstant) -> Bool {
        guard self.deadlines[lease] != deadline else { return false }
        let before = self.next
        self.deadlines[lease] = deadline
        self.heap.append(Entry(deadline: deadline, lease: lease))
        self.siftUp(self.heap.count - 1)
        self.dropStale()
        return self.next != before
    }

    /// Returns whether ``next`` changed.
    @discardableResult
    package mutating func remove(_ lease: LeaseID) -> Bool {
        let before = self.next
        guard self.deadlines.removeValue(forKey: lease) != nil else { return false }
        self.dropStale()
        return self.next != before
    }

    /// Takes the leases whose deadline isn't after `now`, earliest first.
    package mutating func takeDue(at now: BootInstant) -> [LeaseID] {
        var due: [LeaseID] = []
        while let first = self.heap.first, first.deadline <= now {
            self.deadlines[first.lease] = nil
            due.append(first.lease)
            self.dropStale()
        }
        return due
    }

    /// Afterwards the first entry, if any, is one that waits, and at most half of the others are stale.
    private mutating func dropStale() {
        while let first = self.heap.first, self.deadlines[first.lease] != first.deadline { self.popFirst() }
        guard self.heap.count > 2 * self.deadlines.count + 64 else { return }
        self.heap = self.deadlines.map { Entry(deadline: $0.value, lease: $0.key) }.sorted(by: Entry.isEarlier)
    }

    private mutating func popFirst() {
        guard let last = self.heap.popLast(), !self.heap.isEmpty else { return }
        self.heap[0] = last
        self.siftDown(0)
    }

    private mutating func siftUp(_ start: Int) {
        var index = start
        while index > 0, case let parent = (index - 1) / 2, Entry.isEarlier(self.heap[index], self.heap[parent]) {
            self.heap.swapAt(index, parent)
            index = parent
        }
    }

    private mutating func siftDown(_ start: Int) {
        var index = start
        while true {
            var least = index
            for child in [2 * index + 1, 2 * index + 2] where child < self.heap.count {
                if Entry.isEarlier(self.heap[child], self.heap[least]) { least = child }
            }
            guard least != index else { return }
            self.heap.swapAt(index, least)
            index = least
        }
    }
}
