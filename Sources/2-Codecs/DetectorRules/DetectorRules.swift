/// The built-in detectors as data: the YAML files beside this one, as they are. `Redaction` reads them.
///
/// A target of its own, since the compiler takes seconds over embedded files: so it does that only when one changes.
package enum DetectorRules {
    /// A file: its name, for errors, and its bytes.
    package struct File: Sendable {
        package let name: String
        package let yaml: [UInt8]
    }

    /// In the order of the detectors: of two findings that are alike, the earlier names the kind.
    package static var files: [File] {
        [
            File(name: "tokens.yaml", yaml: PackageResources.tokens_yaml),
            File(name: "hashes.yaml", yaml: PackageResources.hashes_yaml),
            File(name: "vendors.yaml", yaml: PackageResources.vendors_yaml),
            File(name: "vendor_names.yaml", yaml: PackageResources.vendor_names_yaml),
            File(name: "accounts.yaml", yaml: PackageResources.accounts_yaml),
            File(name: "secrets.yaml", yaml: PackageResources.secrets_yaml),
            File(name: "commands.yaml", yaml: PackageResources.commands_yaml),
            File(name: "personal.yaml", yaml: PackageResources.personal_yaml),
            File(name: "keyed.yaml", yaml: PackageResources.keyed_yaml),
        ]
    }
}
