/// Something on an event loop that has a deadline. The loop looks at all of them a few times a second, so that setting one
/// is a store and nothing more.
class LoopMember {
    /// Uptime in nanoseconds.
    final var deadline = UInt64.max
    /// Its place among the loop's members; -1 when it's none.
    fileprivate final var place = -1

    func deadlinePassed() {}
}

/// The members of one loop.
struct LoopMembers {
    private var members: [LoopMember] = []

    mutating func add(_ member: LoopMember) {
        guard member.place < 0 else { return }
        member.place = self.members.count
        self.members.append(member)
    }

    mutating func remove(_ member: LoopMember) {
        guard self.members.indices.contains(member.place), let last = self.members.last else { return }
        self.members[member.place] = last
        last.place = member.place
        self.members.removeLast()
        member.place = -1
    }

    var count: Int { self.members.count }

    var all: [LoopMember] { self.members }

    func passed(_ now: UInt64) -> [LoopMember] {
        self.members.filter { $0.deadline <= now }
    }
}
