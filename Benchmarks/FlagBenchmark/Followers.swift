import Foundation
import GloveboxKit
import Synchronization

/// Clients that follow a gateway, each over a connection of its own. For each epoch that all of them run one line is printed:
/// when the half, 99 in a hundred, and the last of them began to, by the machine's monotonic clock in nanoseconds.
struct Followers {
    var gateway: String
    var authority: String
    var target: String
    var count: Int

    private struct Line: Encodable {
        var epoch: Int64
        var half: Int64
        var most: Int64
        var last: Int64
    }

    private final class Times: Sendable {
        let ran = Mutex<[Int64: [Int64]]>([:])
    }

    func run() async throws {
        let token = readLine() ?? ""
        let clients = (0..<self.count).map { _ in
            FlagClient(
                .init(gateway: self.gateway, target: self.target, token: token, certificates: self.authority),
                logger: FlagBenchmark.logger)
        }
        let times = Times()
        await withTaskGroup(of: Void.self) { tasks in
            for client in clients {
                tasks.addTask { await client.run() }
                tasks.addTask { await self.watch(client, times) }
            }
            // On a thread of its own, which may wait.
            await withCheckedContinuation { end in
                Thread {
                    _ = try? FileHandle.standardInput.readToEnd()
                    end.resume()
                }.start()
            }
            tasks.cancelAll()
        }
    }

    private func watch(_ client: FlagClient, _ times: Times) async {
        var last: Int64 = -1
        for await _ in client.events {
            guard let epoch = client.epoch, epoch > last else { continue }
            last = epoch
            let now = Self.now
            let all = times.ran.withLock { ran -> [Int64]? in
                ran[epoch, default: []].append(now)
                return ran[epoch]?.count == self.count ? ran[epoch] : nil
            }
            guard let all = all?.sorted() else { continue }
            try? FlagBenchmark.show(
                Line(epoch: epoch, half: all[all.count / 2], most: all[all.count * 99 / 100], last: all[all.count - 1]))
        }
    }

    private static var now: Int64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
    }
}
