import Configuration
import ControlClient
import Foundation
import GloveboxCore
import Identity
import YAMLDocument

/// What the program is told beside its arguments: by the environment (`GLOVEBOX_OUTPUT`), else by `config.yaml` in the
/// profile's folder. An option goes before both. A secret has no place in either.
///
///     version: 1
///     gateway: https://gateway.example:8443
///     output: json      # or text
///     color: never      # or always, auto
struct Settings: Sendable {
    enum Key: String, CaseIterable, Sendable {
        /// Which gateway to sign in to, `https://HOST:PORT`.
        case gateway
        /// What commands print where nothing is asked for.
        case output
        /// Whether what people read is coloured.
        case color

        /// As the environment has it.
        var variable: String { "GLOVEBOX_\(self.rawValue.uppercased())" }
    }

    enum Output: String, CaseIterable, Sendable {
        case text, json
    }

    enum Color: String, CaseIterable, Sendable {
        /// On a terminal that can, unless `NO_COLOR` is set (no-color.org).
        case auto
        case always, never
    }

    /// This process's.
    static let loaded = Result { () throws(GloveboxError) in
        try Settings(environment: ProcessInfo.processInfo.environment, folder: try? SignedIn.folder)
    }

    static var current: Settings { (try? Self.loaded.get()) ?? Settings() }

    private(set) var gateway: String?
    private(set) var output = Output.text
    private(set) var color = Color.auto

    private init() {}

    /// - Parameter folder: where the profile is.
    /// - Throws: `configuration_invalid`, naming the variable, or the file's line and column.
    init(environment: [String: String], folder: String?) throws(GloveboxError) {
        let file = try folder.map { folder throws(GloveboxError) in try Self.file("\(folder)/config.yaml") } ?? [:]
        let reader = ConfigReader(providers: [
            // What is set to nothing isn't set.
            EnvironmentVariablesProvider(environmentVariables: environment.filter { !$0.value.isEmpty }),
            InMemoryProvider(
                values: Dictionary(
                    uniqueKeysWithValues: file.map { key, text in
                        (AbsoluteConfigKey(["glovebox", key.rawValue]), ConfigValue(.string(text), isSecret: false))
                    })),
        ]).scoped(to: "glovebox")
        self.gateway = reader.string(forKey: ConfigKey([Key.gateway.rawValue]))
        self.output = try Self.choice(reader, .output) ?? .text
        self.color = try Self.choice(reader, .color) ?? .auto
    }

    private static func choice<Value: RawRepresentable<String> & CaseIterable>(
        _ reader: ConfigReader, _ key: Key
    ) throws(GloveboxError) -> Value? {
        guard let text = reader.string(forKey: ConfigKey([key.rawValue])) else { return nil }
        if let value = Value(rawValue: text) { return value }
        // The file's values were checked where they stand.
        let known = Value.allCases.map(\.rawValue).joined(separator: ", ")
        throw GloveboxError(
            .configurationInvalid, "\(key.variable) is '\(text.prefix(40))': set it to one of \(known), or unset it")
    }

    private static func file(_ path: String) throws(GloveboxError) -> [Key: String] {
        guard let bytes = try PrivateFile.readIfPresent(path, sharing: true) else { return [:] }
        let root = try YAMLNode(yaml: String(decoding: bytes, as: UTF8.self), file: path)
            .mapping("version", Key.gateway.rawValue, Key.output.rawValue, Key.color.rawValue)
        try root.checkVersion(1)
        var values: [Key: String] = [:]
        values[.gateway] = try root[Key.gateway.rawValue]?.string
        values[.output] = try root[Key.output.rawValue]?.choice(Output.self).rawValue
        values[.color] = try root[Key.color.rawValue]?.choice(Color.self).rawValue
        return values
    }
}
