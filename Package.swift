// swift-tools-version: 6.2
import PackageDescription

/// Every target is built in Swift 6 mode with these; a warning is an error.
let house: [SwiftSetting] = [
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
    .enableUpcomingFeature("InferIsolatedConformances"),
    .treatAllWarnings(as: .error),
]

let nio = Target.Dependency.product(name: "NIOCore", package: "swift-nio")
let nioPosix = Target.Dependency.product(name: "NIOPosix", package: "swift-nio")
let nioTLS = Target.Dependency.product(name: "NIOTLS", package: "swift-nio")
let nioEmbedded = Target.Dependency.product(name: "NIOEmbedded", package: "swift-nio")
let nioFoundation = Target.Dependency.product(name: "NIOFoundationCompat", package: "swift-nio")
let nioSSL = Target.Dependency.product(name: "NIOSSL", package: "swift-nio-ssl")
let crypto = Target.Dependency.product(name: "Crypto", package: "swift-crypto")
let x509 = Target.Dependency.product(name: "X509", package: "swift-certificates")
let asn1 = Target.Dependency.product(name: "SwiftASN1", package: "swift-asn1")
let yams = Target.Dependency.product(name: "Yams", package: "Yams")
let grdb = Target.Dependency.product(name: "GRDB", package: "GRDB.swift")
let hummingbird = Target.Dependency.product(name: "Hummingbird", package: "hummingbird")
let hummingbirdCore = Target.Dependency.product(name: "HummingbirdCore", package: "hummingbird")
let hummingbirdHTTP2 = Target.Dependency.product(name: "HummingbirdHTTP2", package: "hummingbird")
let httpTypes = Target.Dependency.product(name: "HTTPTypes", package: "swift-http-types")
let nioHTTP1 = Target.Dependency.product(name: "NIOHTTP1", package: "swift-nio")
let nioHTTP2 = Target.Dependency.product(name: "NIOHTTP2", package: "swift-nio-http2")
let nioHPACK = Target.Dependency.product(name: "NIOHPACK", package: "swift-nio-http2")
let asyncHTTP = Target.Dependency.product(name: "AsyncHTTPClient", package: "async-http-client")
let arguments = Target.Dependency.product(name: "ArgumentParser", package: "swift-argument-parser")
let configuration = Target.Dependency.product(name: "Configuration", package: "swift-configuration")
let logging = Target.Dependency.product(name: "Logging", package: "swift-log")
let signals = Target.Dependency.product(name: "UnixSignals", package: "swift-service-lifecycle")
let lifecycle = Target.Dependency.product(name: "ServiceLifecycle", package: "swift-service-lifecycle")
let instrumentation = Target.Dependency.product(name: "Instrumentation", package: "swift-distributed-tracing")

/// A target on a floor of `docs/architecture.md`; its sources are in `Sources/FLOOR/NAME`.
func floor(_ floor: String, _ name: String, _ dependencies: [Target.Dependency] = []) -> Target {
    .target(name: name, dependencies: dependencies, path: "Sources/\(floor)/\(name)", swiftSettings: house)
}

/// The tests of one target, in `Tests/NAMETests`.
func tests(_ name: String, _ dependencies: [Target.Dependency] = []) -> Target {
    .testTarget(
        name: "\(name)Tests", dependencies: [.target(name: name), "TestSupport"] + dependencies,
        path: "Tests/\(name)Tests", swiftSettings: house)
}

let targets: [Target] = [
    // 0: system libraries
    .systemLibrary(
        name: "CVectorscan", path: "Sources/0-C/CVectorscan", pkgConfig: "libhs",
        providers: [.apt(["libvectorscan-dev"])]),
    // A static archive without a pkg-config file.
    .systemLibrary(name: "CPgQuery", path: "Sources/0-C/CPgQuery", providers: [.apt(["libpg-query-dev"])]),
    .systemLibrary(name: "CZlib", path: "Sources/0-C/CZlib", providers: [.apt(["zlib1g-dev"])]),
    .systemLibrary(name: "CPQ", path: "Sources/0-C/CPQ", pkgConfig: "libpq", providers: [.apt(["libpq-dev"])]),
    .target(name: "CByteClasses", path: "Sources/0-C/CByteClasses"),
    .systemLibrary(
        name: "CXML2", path: "Sources/0-C/CXML2", pkgConfig: "libxml-2.0", providers: [.apt(["libxml2-dev"])]),
    .systemLibrary(
        name: "CBrotli", path: "Sources/0-C/CBrotli", pkgConfig: "libbrotlidec", providers: [.apt(["libbrotli-dev"])]),
    // libcurl, with functions around those of it that Swift can't call.
    .target(
        name: "CCurl", path: "Sources/0-C/CCurl", linkerSettings: [.linkedLibrary("curl")]),

    // 1: core
    floor("1-Core", "GloveboxCore"),
    floor("1-Core", "SensitiveNames"),
    floor("1-Core", "LinearRegex"),
    floor("1-Core", "Contracts", ["GloveboxCore"]),

    // 2: codecs
    floor("2-Codecs", "PostgresWire", ["GloveboxCore", nio, crypto]),
    floor("2-Codecs", "ControlWire", ["GloveboxCore", nio]),
    floor("2-Codecs", "ControlAPI", ["GloveboxCore"]),
    .target(
        name: "APIDocument", path: "Sources/2-Codecs/APIDocument", resources: [.embedInCode("openapi.json")],
        swiftSettings: house),
    floor("2-Codecs", "YAMLDocument", ["GloveboxCore", yams]),
    .target(
        name: "DetectorRules", path: "Sources/2-Codecs/DetectorRules",
        resources: [
            "tokens", "hashes", "vendors", "vendor_names", "accounts", "secrets", "commands", "personal", "keyed",
        ].map {
            .embedInCode("\($0).yaml")
        },
        swiftSettings: house),
    floor("2-Codecs", "TransparencyLog", ["GloveboxCore", crypto]),
    floor("2-Codecs", "FlagRules", ["GloveboxCore"]),
    floor("2-Codecs", "MetricsText", ["GloveboxCore"]),
    floor("2-Codecs", "HTTPWire", [nio]),
    floor("2-Codecs", "LogFormats", ["GloveboxCore", "CZlib"]),
    floor("2-Codecs", "JSONDocument", ["GloveboxCore"]),
    floor("2-Codecs", "JSONPath", ["GloveboxCore", "JSONDocument", "LinearRegex"]),
    floor("2-Codecs", "TestContextToken", ["GloveboxCore", crypto]),
    floor("2-Codecs", "HurlFile", ["GloveboxCore", "LinearRegex"]),
    floor("2-Codecs", "TestReports"),

    // 3: engines and adapters
    floor(
        "3-Engines", "Redaction",
        ["GloveboxCore", "SensitiveNames", "YAMLDocument", "DetectorRules", "CVectorscan", "CByteClasses", nio, crypto]),
    floor("3-Engines", "Statements", ["GloveboxCore", "CPgQuery"]),
    floor("3-Engines", "Policy", ["GloveboxCore", "Contracts", "YAMLDocument"]),
    floor("3-Engines", "Leases", ["GloveboxCore", "Contracts"]),
    floor("3-Engines", "Approvals", ["GloveboxCore", "Contracts", crypto]),
    floor("3-Engines", "Changes", ["GloveboxCore", "FlagRules", "YAMLDocument"]),
    .target(
        name: "Suites",
        dependencies: ["GloveboxCore", "Contracts", "LinearRegex", "HurlFile", "JSONDocument", "JSONPath"],
        path: "Sources/3-Engines/Suites",
        resources: [.embedInCode("Filters/character-references.txt")], swiftSettings: house),
    floor("3-Engines", "Baselines", ["GloveboxCore", "Contracts", "JSONDocument", "JSONPath", "YAMLDocument"]),
    floor("3-Adapters", "StorageSQLite", ["GloveboxCore", "Contracts", grdb]),
    floor("3-Adapters", "AuditFiles", ["GloveboxCore", "Contracts", "TransparencyLog", crypto]),
    floor("3-Adapters", "Identity", ["GloveboxCore", "Contracts", crypto, x509, asn1]),
    floor("3-Adapters", "OutboundHTTP", [asyncHTTP, nio, nioFoundation, nioHTTP1, nioPosix, nioSSL]),
    floor("3-Adapters", "LogSpool", ["GloveboxCore", "AuditFiles"]),
    floor("3-Adapters", "Commands", ["GloveboxCore", nioPosix]),
    floor("3-Adapters", "CurlHTTP", ["GloveboxCore", "Contracts", "CCurl", "CZlib", "CBrotli"]),
    floor("3-Adapters", "XPathQuery", ["GloveboxCore", "CXML2"]),

    // 4: servers
    floor("4-Servers", "Tunnel", ["GloveboxCore", "Contracts", "ControlWire", nio, nioPosix, nioTLS, nioSSL, logging]),
    floor(
        "4-Servers", "PostgresAccess",
        [
            "GloveboxCore", "SensitiveNames", "Contracts", "PostgresWire", "Redaction", "Statements", nio, nioPosix,
            nioTLS, nioSSL,
            logging,
        ]),
    floor(
        "4-Servers", "ControlServer",
        [
            "GloveboxCore", "Contracts", "ControlAPI", "APIDocument", hummingbird, hummingbirdCore, hummingbirdHTTP2,
            httpTypes, crypto, nio, nioTLS, nioSSL, logging, lifecycle,
        ]),

    floor(
        "4-Servers", "Webhooks",
        ["GloveboxCore", "Contracts", "ControlAPI", "OutboundHTTP", crypto, nioSSL, logging, lifecycle]),
    floor(
        "4-Servers", "Telemetry",
        ["GloveboxCore", "Contracts", "YAMLDocument", nio, nioPosix, nioHTTP1, logging, lifecycle]),
    floor(
        "4-Servers", "LogPipeline",
        [
            "GloveboxCore", "SensitiveNames", "Contracts", "YAMLDocument", "LogFormats", "Redaction", "LogSpool",
            "OutboundHTTP", "Identity", "Telemetry",
            nio, nioPosix, nioHTTP1, nioSSL, logging, lifecycle,
        ]),

    floor(
        "4-Servers", "HTTPProxy",
        ["HTTPWire", nio, nioPosix, nioTLS, nioSSL, nioHTTP2, nioHPACK, logging, lifecycle]),

    // 5: roles
    floor(
        "5-Roles", "Gateway",
        [
            "GloveboxCore", "Contracts", "YAMLDocument", "FlagRules", "Policy", "Leases", "Approvals", "Changes",
            "StorageSQLite", "AuditFiles", "MetricsText", "OutboundHTTP", "Commands",
            "Identity", "TransparencyLog", "Redaction", "ControlWire", "Tunnel", "PostgresAccess", "PostgresWire",
            "ControlAPI", "ControlServer", "Webhooks", "Telemetry", "TestContextToken",
            crypto, nio,
            nioPosix, nioSSL, logging, lifecycle,
        ]),
    floor(
        "5-Roles", "Agent",
        [
            "GloveboxCore", "Contracts", "YAMLDocument", "ControlWire", "Policy", "Leases", "Changes", "Redaction",
            "AuditFiles", "Identity", "OutboundHTTP", "Commands", "TransparencyLog",
            "Tunnel", "PostgresAccess", "PostgresWire", "Telemetry", crypto, nio, nioPosix, nioSSL, logging, lifecycle,
        ]),
    floor(
        "5-Roles", "Edge",
        [
            "GloveboxCore", "Contracts", "YAMLDocument", "TestContextToken", "HTTPWire", "ControlAPI", "Redaction",
            "Identity", "OutboundHTTP", "HTTPProxy", "Telemetry", "GloveboxKit", nio, nioSSL, logging, lifecycle,
        ]),
    floor(
        "5-Roles", "ControlClient",
        [
            "GloveboxCore", "Contracts", "ControlAPI", "Identity", "TransparencyLog", "OutboundHTTP", lifecycle, nioSSL,
            logging,
        ]),

    floor(
        "5-Roles", "TestRunner",
        [
            "GloveboxCore", "Contracts", "YAMLDocument", "HurlFile", "JSONDocument", "TestReports", "Suites",
            "Baselines", "CurlHTTP", "XPathQuery",
        ]),

    // 6: the executable
    .executableTarget(
        name: "glovebox",
        dependencies: [
            "GloveboxCore", "Contracts", "PostgresWire", "ControlAPI", "YAMLDocument", "FlagRules", "TransparencyLog",
            "Policy", "Changes", "Suites", "Baselines", "TestReports", "CurlHTTP", "TestRunner",
            "Identity", "AuditFiles", "Redaction", "LogPipeline", "Gateway", "Agent", "Edge", "ControlClient",
            "Telemetry",
            arguments, crypto,
            configuration,
            logging, lifecycle, signals, nio, nioPosix, nioTLS, nioSSL,
        ],
        path: "Sources/6-CLI/glovebox", swiftSettings: house),

    // Kit: the public library
    .target(
        name: "GloveboxKit",
        dependencies: [
            "SensitiveNames", "GloveboxCore", "Contracts", "ControlAPI", "FlagRules", "TestContextToken",
            "OutboundHTTP",
            nioSSL, logging, instrumentation,
        ],
        path: "Sources/Kit/GloveboxKit", swiftSettings: house),

    // Examples: no product
    .executableTarget(
        name: "storefront",
        dependencies: [
            "GloveboxKit", "CPQ", arguments, asyncHTTP, hummingbird, httpTypes, nio, nioPosix, nioHTTP1, nioFoundation,
            nioSSL, logging,
        ],
        path: "Examples/Storefront", exclude: ["storefront.sql"], swiftSettings: house),

    // Benchmarks: no product
    .executableTarget(
        name: "AuditBenchmark", dependencies: ["GloveboxCore", "Contracts", "TransparencyLog", "AuditFiles"],
        path: "Benchmarks/AuditBenchmark", swiftSettings: house),
    .executableTarget(
        name: "RedactionBenchmark", dependencies: ["GloveboxCore", "Redaction", nio],
        path: "Benchmarks/RedactionBenchmark", swiftSettings: house),
    .executableTarget(
        name: "FlagBenchmark", dependencies: ["GloveboxKit", "OutboundHTTP", nioSSL, logging],
        path: "Benchmarks/FlagBenchmark", swiftSettings: house),

    // Tests
    .target(
        name: "TestSupport", dependencies: ["GloveboxCore", "Contracts"], path: "Tests/Support/TestSupport",
        swiftSettings: house),
    .target(
        name: "StorageConformance", dependencies: ["GloveboxCore", "Contracts"],
        path: "Tests/Support/StorageConformance", swiftSettings: house),
    .testTarget(
        name: "TestSupportTests", dependencies: ["TestSupport", "GloveboxCore"], path: "Tests/TestSupportTests",
        swiftSettings: house),
    tests("GloveboxCore"),
    tests("Contracts", ["GloveboxCore"]),
    tests("PostgresWire", ["GloveboxCore", nio, crypto]),
    tests("ControlWire", ["GloveboxCore", nio]),
    tests("YAMLDocument", ["GloveboxCore"]),
    tests("TransparencyLog", ["GloveboxCore"]),
    tests("FlagRules", ["GloveboxCore"]),
    tests("MetricsText", ["GloveboxCore"]),
    tests("JSONDocument", ["GloveboxCore"]),
    tests("JSONPath", ["GloveboxCore", "JSONDocument", "LinearRegex"]),
    tests("TestContextToken", ["GloveboxCore"]),
    tests("LinearRegex"),
    tests("HurlFile", ["GloveboxCore"]),
    tests("HTTPWire", [nio]),
    tests("HTTPProxy", ["HTTPWire", nio, nioEmbedded, nioPosix, nioSSL, nioHTTP2, nioHPACK, logging]),
    tests("Suites", ["GloveboxCore", "Contracts", "LinearRegex", "HurlFile", "CurlHTTP", "XPathQuery"]),
    tests("Baselines", ["GloveboxCore", "Contracts", "JSONDocument"]),
    tests("CurlHTTP", ["GloveboxCore", "Contracts"]),
    tests("XPathQuery", ["GloveboxCore"]),
    tests("TestReports", ["GloveboxCore", "XPathQuery"]),
    tests(
        "TestRunner", ["GloveboxCore", "Contracts", "YAMLDocument", "HurlFile", "Suites", "TestReports", "CurlHTTP"]),
    tests("Redaction", ["GloveboxCore", "SensitiveNames", "YAMLDocument", "CByteClasses", nio]),
    tests("GloveboxKit", ["GloveboxCore", "Contracts", "FlagRules", "TestContextToken", logging, instrumentation]),
    // Runs the executable, which a build of the tests has made.
    .testTarget(
        name: "StorefrontTests", dependencies: ["TestSupport", "GloveboxCore", "TestContextToken"],
        path: "Tests/StorefrontTests", swiftSettings: house),
    tests("LogFormats", ["GloveboxCore"]),
    tests("LogSpool", ["GloveboxCore", "AuditFiles"]),
    tests("Commands", [nioPosix]),
    tests(
        "LogPipeline", ["GloveboxCore", "AuditFiles", "LogFormats", "LogSpool", "Redaction", nio, nioPosix, logging]),
    tests("Statements", ["GloveboxCore"]),
    tests("Policy", ["GloveboxCore", "Contracts"]),
    tests("Leases", ["GloveboxCore", "Contracts"]),
    tests("Approvals", ["GloveboxCore", "Contracts"]),
    tests("Changes", ["GloveboxCore", "FlagRules"]),
    tests("StorageSQLite", ["GloveboxCore", "Contracts", "StorageConformance", grdb]),
    tests("AuditFiles", ["GloveboxCore", "Contracts", "TransparencyLog", crypto]),
    tests("Identity", ["GloveboxCore", "Contracts", crypto, x509, asn1]),
    tests("Tunnel", ["GloveboxCore", "Contracts", "ControlWire", "Identity", nio, nioPosix, nioTLS, nioSSL, logging]),
    tests(
        "PostgresAccess",
        [
            "GloveboxCore", "Contracts", "PostgresWire", "Redaction", "Statements", nio, nioEmbedded, nioPosix, nioSSL,
            logging,
        ]),
    tests("Telemetry", ["GloveboxCore", "Contracts", "YAMLDocument", nio, nioPosix, logging, lifecycle]),
    tests(
        "Gateway",
        [
            "GloveboxCore", "Contracts", "ControlAPI", "ControlServer", "FlagRules", "TransparencyLog", "Leases",
            "Approvals", "Changes", "Policy", "Redaction", "TestContextToken",
            "StorageSQLite", "AuditFiles", "Identity", "Webhooks", "Telemetry", "YAMLDocument", logging,
        ]),
    tests("Webhooks", ["GloveboxCore", "Contracts", "ControlAPI", nio, nioHTTP1, nioPosix, logging]),
    tests(
        "Agent",
        [
            "GloveboxCore", "Contracts", "ControlWire", "TransparencyLog", "Policy", "AuditFiles", "Redaction",
            "YAMLDocument",
            "Telemetry", logging,
        ]),
    tests(
        "ControlServer",
        [
            "GloveboxCore", "Contracts", "ControlAPI", "APIDocument", "ControlClient", "Identity", "OutboundHTTP", nio,
            nioHTTP1, nioPosix, nioTLS, nioSSL, logging, lifecycle,
        ]),
    .testTarget(
        name: "EndToEndTests",
        dependencies: [
            "TestSupport", "GloveboxCore", "Contracts", "TestContextToken", "GloveboxKit", nio, nioPosix, logging,
        ],
        path: "Tests/EndToEnd", swiftSettings: house),
]

let package = Package(
    name: "glovebox",
    platforms: [.macOS(.v15)],
    products: [
        .executable(name: "glovebox", targets: ["glovebox"]),
        .library(name: "GloveboxKit", targets: ["GloveboxKit"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.0"),
        .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.0"),
        .package(url: "https://github.com/apple/swift-nio-http2", from: "1.46.0"),
        .package(url: "https://github.com/apple/swift-crypto", from: "4.5.0"),
        .package(url: "https://github.com/apple/swift-certificates", from: "1.21.0"),
        .package(url: "https://github.com/apple/swift-asn1", from: "1.7.0"),
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.0"),
        .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
        .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.0"),
        .package(url: "https://github.com/apple/swift-http-types", from: "1.8.0"),
        .package(url: "https://github.com/swift-server/async-http-client", from: "1.37.0"),
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-configuration", from: "1.4.0", traits: []),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
        .package(url: "https://github.com/apple/swift-distributed-tracing.git", from: "1.7.0"),
    ],
    targets: targets,
    swiftLanguageModes: [.v6]
)
