package import GloveboxCore

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// What Prometheus answers to an instant query (prometheus.io/docs/prometheus/latest/querying/api): one number is wanted.
package enum QueryAnswer {
    private struct Body: Decodable {
        var status: String
        var error: String?
        var data: Result?
    }

    private struct Result: Decodable {
        var value: Double?
        var count: Int

        private enum CodingKeys: String, CodingKey { case resultType, result }
        private struct Series: Decodable { var value: Point }
        private struct Point: Decodable {
            var value: Double?

            init(from decoder: any Decoder) throws {
                var pair = try decoder.unkeyedContainer()
                _ = try pair.decode(Double.self)
                self.value = Sample.number(try pair.decode(String.self))
            }
        }

        init(from decoder: any Decoder) throws {
            let container = try decoder.container(keyedBy: CodingKeys.self)
            switch try container.decode(String.self, forKey: .resultType) {
            case "scalar":
                self.count = 1
                self.value = try container.decode(Point.self, forKey: .result).value
            case "vector":
                let series = try container.decode([Series].self, forKey: .result)
                self.count = series.count
                self.value = series.first?.value.value
            case let other:
                throw DecodingError.dataCorruptedError(
                    forKey: .resultType, in: container, debugDescription: "a \(other) is no number")
            }
        }
    }

    /// - Throws: `unavailable` when it isn't one number, with why.
    package static func number(_ body: [UInt8]) throws(GloveboxError) -> Double {
        let answer: Body
        do {
            answer = try JSONDecoder().decode(Body.self, from: Data(body))
        } catch {
            throw GloveboxError(.unavailable, "Prometheus' answer isn't a number or a vector", cause: error)
        }
        guard answer.status == "success", let data = answer.data else {
            throw GloveboxError(
                .unavailable, "Prometheus refuses the query: \((answer.error ?? "no reason given").prefix(300))")
        }
        guard data.count == 1, let value = data.value else {
            throw GloveboxError(
                .unavailable,
                data.count == 0 ? "the query comes to nothing" : "the query comes to \(data.count) series: sum them up")
        }
        return value
    }
}
