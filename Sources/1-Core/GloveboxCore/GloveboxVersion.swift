/// The version of this build; every role says it of itself.
package enum GloveboxVersion {
    package static let current = "0.1.0"
}
