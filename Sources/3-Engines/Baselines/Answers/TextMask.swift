/// Takes what's secret out of a text, or throws where it can't tell. Whatever is kept or shown of answers goes through
/// it; what it has masked once it leaves as it is.
package typealias TextMask = @Sendable (String) throws -> String
