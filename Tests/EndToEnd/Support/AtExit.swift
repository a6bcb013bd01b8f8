import Glibc
import Synchronization
import TestSupport

/// What shared things leave behind, since no value of theirs goes away before the test process does.
private let leftovers = Mutex<[(process: pid_t, folder: String)]>([])

/// Ends `process` and removes `folder` when the test process exits.
func atExit(kill process: pid_t, remove folder: String) {
    let isFirst = leftovers.withLock { list in
        list.append((process, folder))
        return list.count == 1
    }
    guard isFirst else { return }
    atexit {
        for leftover in leftovers.withLock({ $0 }) {
            kill(leftover.process, SIGKILL)
            removeTree(leftover.folder)
        }
    }
}
