import Changes
import FlagRules
import GloveboxCore
import Identity
import YAMLDocument

/// A target whose flags the gateway serves, as `gateway.yaml` describes it.
///
///     flags:
///       - name: storefront-flags
///         labels: {env: production}
///         file: storefront.flagd.yaml    # what they are before anybody has changed anything; read once; JSON does as well
extension FlagTarget {
    /// An edge: whatever asks for its state by this name.
    ///
    ///     edges:
    ///       - {name: shop-edge, labels: {env: production}}
    ///
    /// - Throws: `configuration_invalid`.
    init(edge node: YAMLNode) throws(GloveboxError) {
        let fields = try node.mapping("name", "labels")
        self.init(name: try fields.required("name").name(), isEdge: true)
        for label in try fields["labels"]?.entries ?? [] { self.labels[label.key] = try label.value.string }
    }

    /// A file that isn't there is no error yet: it's needed only where the store has no flags of the target, and no backup
    /// holds it.
    ///
    /// - Throws: `configuration_invalid`; `flags_invalid` with the file's name.
    init(_ node: YAMLNode, folder: String) throws(GloveboxError) {
        let fields = try node.mapping("name", "labels", "file")
        self.init(name: try fields.required("name").name())
        for label in try fields["labels"]?.entries ?? [] { self.labels[label.key] = try label.value.string }
        guard let file = try fields["file"]?.string else { return }
        let path = file.hasPrefix("/") ? file : "\(folder)/\(file)"
        let bytes: [UInt8]
        do {
            bytes = try PrivateFile.read(path, sharing: true)
        } catch {
            guard error.code == .notFound else { throw error }
            self.missingSeed = error
            return
        }
        let yaml = path.hasSuffix(".json") ? nil : try FlagValue(YAMLNode(bytes: bytes, file: path))
        do {
            let value = if let yaml { yaml } else { try FlagValue(json: bytes) }
            for (key, definition) in try FlagFile.definitions(value) {
                self.seed[key] = try FlagEpoch.definition(key, definition)
            }
        } catch {
            throw GloveboxError(error.code, "\(path): \(error.message)", cause: error.cause)
        }
    }
}
