import GloveboxCore
import Leases
import TestSupport
import Testing

private func at(_ seconds: Int64) -> BootInstant { BootInstant(nanoseconds: seconds * 1_000_000_000) }

@Suite("The queue of expiries")
struct ExpiryQueueTests {
    @Test("leases come due in the order of their deadlines, and each once")
    func order() {
        var queue = ExpiryQueue()
        let a = LeaseID.random()
        let b = LeaseID.random()
        let c = LeaseID.random()
        #expect(queue.next == nil)
        #expect(queue.takeDue(at: at(100)) == [])
        #expect(queue.schedule(a, at: at(30)) == true)
        #expect(queue.schedule(b, at: at(10)) == true)
        #expect(queue.schedule(c, at: at(20)) == false)
        #expect(queue.next == at(10) && queue.count == 3)
        #expect(queue.takeDue(at: at(9)) == [])
        #expect(queue.takeDue(at: at(20)) == [b, c])
        #expect(queue.takeDue(at: at(20)) == [])
        #expect(queue.takeDue(at: at(31)) == [a])
        #expect(queue.isEmpty && queue.next == nil)
    }

    @Test("a lease that's moved comes due at its new deadline alone")
    func moving() {
        var queue = ExpiryQueue()
        let a = LeaseID.random()
        queue.schedule(a, at: at(10))
        #expect(queue.schedule(a, at: at(50)) == true)
        #expect(queue.schedule(a, at: at(50)) == false)
        #expect(queue.next == at(50) && queue[a] == at(50) && queue.count == 1)
        #expect(queue.takeDue(at: at(49)) == [])
        #expect(queue.schedule(a, at: at(10)) == true)
        #expect(queue.takeDue(at: at(10)) == [a])
        #expect(queue.takeDue(at: at(60)) == [])
    }

    @Test("a lease that's removed never comes due")
    func removing() {
        var queue = ExpiryQueue()
        let a = LeaseID.random()
        let b = LeaseID.random()
        queue.schedule(a, at: at(10))
        queue.schedule(b, at: at(20))
        #expect(queue.remove(a) == true)
        #expect(queue.remove(a) == false)
        #expect(queue.next == at(20))
        #expect(queue.takeDue(at: at(30)) == [b])
    }

    @Test("it agrees with a plain table under ten thousand random steps")
    func model() {
        var generator = SeededGenerator(seed: 5)
        var queue = ExpiryQueue()
        var model: [LeaseID: BootInstant] = [:]
        let ids = (0..<60).map { _ in LeaseID.random() }
        var now: Int64 = 0
        for _ in 0..<10_000 {
            let id = ids.randomElement(using: &generator) ?? ids[0]
            let before = model.values.min()
            switch Int.random(in: 0..<8, using: &generator) {
            case 0..<5:
                let deadline = at(now + Int64.random(in: 0...100, using: &generator))
                model[id] = deadline
                let changed = queue.schedule(id, at: deadline)
                #expect(changed == (model.values.min() != before))
            case 5:
                model[id] = nil
                let changed = queue.remove(id)
                #expect(changed == (model.values.min() != before))
            default:
                now += Int64.random(in: 0...10, using: &generator)
                let due = model.filter { $0.value <= at(now) }.sorted { ($0.value, $0.key) < ($1.value, $1.key) }.map(
                    \.key)
                for id in due { model[id] = nil }
                #expect(queue.takeDue(at: at(now)) == due)
            }
            #expect(queue.next == model.values.min() && queue.count == model.count)
        }
    }
}
