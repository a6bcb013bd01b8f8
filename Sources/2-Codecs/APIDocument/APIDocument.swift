/// The OpenAPI 3.1 description of the API, `openapi.json` beside this file: what the gateway serves at
/// `/v1/openapi.json` and what the tests hold the code against.
///
/// A target of its own, since the compiler takes seconds over an embedded file: so it does that only when the document
/// changes.
package enum APIDocument {
    /// JSON, UTF-8.
    package static var json: [UInt8] { PackageResources.openapi_json }
}
