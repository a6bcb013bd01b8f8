import GloveboxCore
import Testing

@testable import MetricsText

@Suite("Pages of metrics")
struct MetricsTextTests {
    private static let page = Sample.page(
        Array(
            #"""
            # HELP http_requests_total Requests.
            # TYPE http_requests_total counter
            http_requests_total{method="GET",status="200"} 90
            http_requests_total{method="POST", status="503",} 6 1700000000000
            http_requests_total{method="GET",status="500"} 4.0
            odd{name="a \"quoted\" \\ value\n}"} +Inf
            up 1
            broken{name="x} 3
            nothing
            latency_bucket{le="0.1"} 50
            latency_bucket{le="0.5"} 90
            latency_bucket{le="1"} 100
            latency_bucket{le="+Inf"} 100

            """#.utf8))

    @Test("samples are read with their labels, and what isn't one is left out")
    func samples() {
        #expect(Self.page.count == 9)
        #expect(
            Self.page[1] == Sample(name: "http_requests_total", labels: ["method": "POST", "status": "503"], value: 6))
        #expect(Self.page[3] == Sample(name: "odd", labels: ["name": "a \"quoted\" \\ value\n}"], value: .infinity))
        #expect(Self.page[4] == Sample(name: "up", value: 1))
    }

    @Test(
        "a selector takes what PromQL's takes",
        arguments: [
            ("http_requests_total", 100), (#"http_requests_total{status=~"5.."}"#, 10),
            (#"http_requests_total{status!~"5..", method="GET"}"#, 90), (#"http_requests_total{status!="200"}"#, 10),
            (#"http_requests_total{missing=""}"#, 100), (#"http_requests_total{missing="x"}"#, nil), ("other", nil),
            (#"http_requests_total{status=~"5"}"#, nil),
        ] as [(String, Double?)])
    func selector(_ text: String, _ sum: Double?) throws {
        #expect(try SampleSelector(text).sum(Self.page) == sum)
    }

    @Test(
        "a selector that isn't one is refused",
        arguments: ["", "1x", "a{", "a{b}", #"a{b="c"#, #"a{b=~"("}"#, #"a{b<"c"}"#, "a b"])
    func refused(_ text: String) {
        let error = #expect(throws: GloveboxError.self) { try SampleSelector(text) }
        #expect(error?.code == .invalidArgument)
    }

    @Test("a quantile lies straight between its bucket's bounds")
    func quantiles() throws {
        let buckets = try SampleSelector("latency").buckets(Self.page)
        #expect(buckets.count == 4)
        #expect(quantile(0.5, of: buckets) == 0.1)
        #expect(quantile(0.25, of: buckets) == 0.05)
        #expect(quantile(0.7, of: buckets).map { abs($0 - 0.3) < 1e-9 } == true)
        #expect(quantile(1, of: buckets) == 1)
        #expect(quantile(0.99, of: [0.1: 0, .infinity: 10]) == 0.1)
        #expect(quantile(0.5, of: [:]) == nil && quantile(0.5, of: [.infinity: 0]) == nil)
    }

    @Test(
        "of Prometheus' answers one number is taken",
        arguments: [
            (#"{"status":"success","data":{"resultType":"scalar","result":[1.5,"0.25"]}}"#, 0.25),
            (#"{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[1,"3"]}]}}"#, 3),
        ])
    func answers(_ body: String, _ value: Double) throws {
        #expect(try QueryAnswer.number(Array(body.utf8)) == value)
    }

    @Test(
        "and why there's none is said",
        arguments: [
            (#"{"status":"success","data":{"resultType":"vector","result":[]}}"#, "comes to nothing"),
            (
                #"{"status":"success","data":{"resultType":"vector","result":[{"value":[1,"3"]},{"value":[1,"4"]}]}}"#,
                "2 series"
            ),
            (#"{"status":"success","data":{"resultType":"matrix","result":[]}}"#, "isn't a number"),
            (#"{"status":"error","errorType":"bad_data","error":"parse error at 3"}"#, "parse error at 3"),
            ("<html>", "isn't a number"),
        ])
    func noNumber(_ body: String, _ why: String) {
        let error = #expect(throws: GloveboxError.self) { try QueryAnswer.number(Array(body.utf8)) }
        #expect(error?.code == .unavailable && error?.message.contains(why) == true)
    }
}
