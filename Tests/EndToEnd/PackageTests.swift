import Glibc
import TestSupport
import Testing

@Suite("The Debian package, its units and its alerts", .serialized, .timeLimit(.minutes(5)))
struct PackageTests {
    @Test(
        "the package holds what it should, belongs to root, names what it needs, and its program runs on its own libraries"
    )
    func package() async throws {
        let folder = try TemporaryFolder()
        // Quick to make: how small it is counts when it's shipped.
        let made = try await Subprocess.run(
            [Repository.file("scripts/package"), "--program", Repository.program, "--to", folder.path],
            environment: [
                "PATH": "/usr/bin:/bin:/usr/sbin:/sbin", "HOME": folder.path, "GLOVEBOX_PACKAGE_COMPRESSION": "0",
            ],
            timeout: .seconds(240))
        try #require(made.succeeded, "\(made.errors)")
        let package = try #require(filesUnder(folder.path).first { $0.hasSuffix(".deb") })
        let contents = try await Subprocess.check(["dpkg-deb", "--contents", package])
        for file in [
            "usr/bin/glovebox", "lib/systemd/system/glovebox-gateway.service",
            "lib/systemd/system/glovebox-agent.service", "usr/share/doc/glovebox/copyright",
            "usr/share/doc/glovebox/examples/gateway.yaml", "usr/share/doc/glovebox/examples/glovebox.rules.yml",
            "usr/lib/glovebox/libswiftCore.so",
        ] {
            #expect(contents.contains(" ./\(file)\n"), "\(file) in \(contents)")
        }
        for line in contents.split(separator: "\n") { #expect(line.contains(" root/root "), "\(line)") }
        let control = try await Subprocess.check(["dpkg-deb", "--field", package])
        for needed in ["libsqlite3-0", "libvectorscan5", "libpg-query", "adduser"] {
            #expect(control.contains(needed), "\(control)")
        }
        try await Subprocess.check(["dpkg-deb", "--extract", package, folder.file("root")])
        let program = folder.file("root/usr/bin/glovebox")
        let version = try await Subprocess.run(
            [program, "version"], environment: ["LD_LIBRARY_PATH": folder.file("root/usr/lib/glovebox")])
        #expect(
            version.succeeded && control.contains("Version: \(version.line.split(separator: " ").last ?? "none")\n"),
            "\(version.output) \(version.errors)")
        let used = try await Subprocess.run(
            ["ldd", program],
            environment: ["PATH": "/usr/bin:/bin", "LD_LIBRARY_PATH": folder.file("root/usr/lib/glovebox")])
        for line in used.output.split(separator: "\n") where line.contains("swift") || line.contains("Foundation") {
            #expect(line.contains(folder.path), "\(line)")
        }
    }

    @Test("the example configurations are sound to the program")
    func examples() async throws {
        let folder = try TemporaryFolder()
        for name in ["gateway.yaml", "policy.yaml", "agent.yaml", "ceiling.yaml"] {
            try folder.write(
                "state/\(name)",
                String(decoding: readFile(Repository.file("packaging/examples/\(name)")), as: UTF8.self))
        }
        let doctor = try await Subprocess.run(
            [Repository.program, "doctor", "--state", folder.file("state")],
            environment: ["PATH": "/usr/bin:/bin", "HOME": folder.path, "LC_ALL": "C.UTF-8"])
        for check in ["gateway configuration", "gateway policy", "agent configuration", "agent ceiling"] {
            let line = doctor.output.split(separator: "\n").first { $0.contains(" \(check) ") }
            #expect(line?.hasPrefix("ok ") == true, "\(doctor.output)")
        }
    }

    @Test("alerts are sound to promtool, each has its runbook, and speaks of a metric that the documents list")
    func alerts() async throws {
        let rules = Repository.file("packaging/prometheus/glovebox.rules.yml")
        let checked = try await Subprocess.run(["promtool", "check", "rules", rules])
        #expect(checked.succeeded, "\(checked.output) \(checked.errors)")
        let text = String(decoding: try readFile(rules), as: UTF8.self)
        let operations = String(decoding: try readFile(Repository.file("docs/operations.md")), as: UTF8.self)
        let alerts = text.matches(of: #/- alert: (\w+)/#).map { String($0.1) }
        #expect(alerts.count >= 10)
        for alert in alerts {
            #expect(operations.contains("### \(alert)\n"), "a runbook for \(alert)")
            #expect(text.contains("runbook: docs/operations.md#\(alert.lowercased())\n"))
        }
        for metric in Set(text.matches(of: #/glovebox_[a-z_]+/#).map { String($0.0) }) {
            #expect(operations.contains("| `\(metric)`"), "\(metric) in the table of metrics")
        }
    }

    @Test("units keep to the exposure that the documents state")
    func units() async throws {
        let operations = String(decoding: try readFile(Repository.file("docs/operations.md")), as: UTF8.self)
        for role in ["gateway", "agent"] {
            let unit = String(
                decoding: try readFile(Repository.file("packaging/systemd/glovebox-\(role).service")), as: UTF8.self)
            for line in [
                "Type=notify", "NoNewPrivileges=yes", "ProtectSystem=strict", "CapabilityBoundingSet=\n", "UMask=0077",
                "RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX", "User=glovebox-\(role)",
            ] {
                #expect(unit.contains(line), "\(line)")
            }
            // The boot id, by which leases are told apart, is in /proc/sys.
            #expect(!unit.contains("\nProcSubset="))
            #expect(operations.contains("| `glovebox-\(role).service` | 1.2 OK |"))
        }
    }
}
