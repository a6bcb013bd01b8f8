import Suites
import Testing

@Suite("Dates are written and read by chrono's formats")
struct DateTests {
    /// 2001-07-08T00:34:59.026490708Z, a Sunday.
    private static let sample = SuiteDate(seconds: 994_552_499, nanoseconds: 26_490_708)

    @Test(
        "each specifier writes what the table of chrono's documentation says",
        arguments: [
            ("%Y", "2001"), ("%C", "20"), ("%y", "01"), ("%q", "3"), ("%m", "07"), ("%b", "Jul"), ("%B", "July"),
            ("%h", "Jul"), ("%d", "08"), ("%e", " 8"),
            ("%a", "Sun"), ("%A", "Sunday"), ("%w", "0"), ("%u", "7"), ("%U", "27"), ("%W", "27"), ("%G", "2001"),
            ("%g", "01"), ("%V", "27"), ("%j", "189"),
            ("%D", "07/08/01"), ("%x", "07/08/01"), ("%F", "2001-07-08"), ("%v", " 8-Jul-2001"), ("%H", "00"),
            ("%k", " 0"), ("%I", "12"), ("%l", "12"), ("%P", "am"), ("%p", "AM"),
            ("%M", "34"), ("%S", "59"), ("%f", "026490708"), ("%.f", ".026490708"), ("%.3f", ".026"),
            ("%.6f", ".026490"), ("%.9f", ".026490708"), ("%3f", "026"), ("%6f", "026490"), ("%9f", "026490708"),
            ("%R", "00:34"), ("%T", "00:34:59"), ("%X", "00:34:59"), ("%r", "12:34:59 AM"), ("%Z", "UTC"),
            ("%z", "+0000"), ("%:z", "+00:00"), ("%::z", "+00:00:00"), ("%:::z", "+00"),
            ("%c", "Sun Jul  8 00:34:59 2001"), ("%+", "2001-07-08T00:34:59.026490708+00:00"), ("%s", "994552499"),
            ("%t%n%%", "\t\n%"), ("%-d %_m %0e %-j", "8  7 08 189"),
            ("%a, %d %b %Y %H:%M:%S", "Sun, 08 Jul 2001 00:34:59"), ("é %Y", "é 2001"),
        ])
    func writing(format: String, wanted: String) throws {
        #expect(try Fixture.filtered(.date(Self.sample), "dateFormat \"\(format)\"") == .string(wanted))
    }

    @Test(
        "a date that was written is read as the same",
        arguments: [
            "%+", "%s %9f", "%F %T%.f", "%Y-%j %H:%M:%S %f", "%G-W%V-%u %T %9f", "%a %b %e %T %Y %f",
            "%d/%m/%y %I:%M:%S %p %9f", "%U %w %Y %T %f", "%W %a %C%y %R:%S.%f", "%FT%T%.9f%:z",
        ])
    func reading(format: String) throws {
        let text = try #require(try Fixture.filtered(.date(Self.sample), "dateFormat \"\(format)\""))
        #expect(try Fixture.filtered(text, "toDate \"\(format)\"") == .date(Self.sample), "\(text)")
    }

    @Test(
        "texts are read as chrono reads them",
        arguments: [
            ("%a, %d %b %Y %H:%M:%S GMT", "Wed, 13 Jan 2021 22:23:01 GMT", "2021-01-13T22:23:01Z"),
            ("%Y-%m-%dT%H:%M:%S%z", "2021-01-13T22:23:01+0130", "2021-01-13T20:53:01Z"),
            ("%Y-%m-%d %H:%M %:z", "2021-01-13 22:23 -02:00", "2021-01-14T00:23:00Z"),
            ("%+", "1996-12-19t16:39:57-08:00", "1996-12-20T00:39:57Z"),
            ("%+", "1985-04-12 23:20:50.52z", "1985-04-12T23:20:50.520Z"),
            ("%Y-%m-%d", "2024-02-29", "2024-02-29T00:00:00Z"), ("%d %B %Y", "1 january 2000", "2000-01-01T00:00:00Z"),
            ("%d %B %Y", "1 jan 2000", "2000-01-01T00:00:00Z"), ("%y%m%d", "700101", "1970-01-01T00:00:00Z"),
            ("%y%m%d", "690101", "2069-01-01T00:00:00Z"),
            ("%Y %m %d", "2000   1 2", "2000-01-02T00:00:00Z"), ("%s", "-1", "1969-12-31T23:59:59Z"),
            ("%Y-%m-%d %I:%M%P", "2000-01-01 12:05am", "2000-01-01T00:05:00Z"),
            ("%Y-%m-%d %l:%M %p", "2000-01-01 12:05 PM", "2000-01-01T12:05:00Z"),
            ("%F %T%.3f", "2000-01-01 00:00:00.1234567891", "2000-01-01T00:00:00.123456789Z"),
            ("%F %T%.f", "2000-01-01 00:00:00", "2000-01-01T00:00:00Z"),
            ("%F %T %Z", "2000-01-01 00:00:00 CET", "2000-01-01T00:00:00Z"),
            ("%F %T %#z", "2000-01-01 00:00:00 +01", "1999-12-31T23:00:00Z"),
        ])
    func texts(format: String, text: String, wanted: String) throws {
        #expect(try Fixture.filtered(.string(text), "toDate \"\(format)\"") == .date(try SuiteDate(wanted)))
    }

    @Test(
        "what doesn't agree with itself, lacks something or goes on is no date",
        arguments: [
            ("%a %F", "Mon 2021-01-13"), ("%F", "2021-02-29"), ("%F", "2021-13-01"), ("%F", "2021-01-13x"),
            ("%F %H", "2021-01-13 10"), ("%H:%M", "10:00"), ("%Y", "2021"), ("%F %I:%M", "2021-01-13 10:00"),
            ("%F %H:%M %p", "2021-01-13 13:00 xm"),
            ("%F %z", "2021-01-13 +0100"), ("%Y %y %m-%d", "2021 20 01-01"), ("%j %Y", "366 2021"),
            ("%F %T", "2021-01-13 24:00:00"), ("%+", "2021-01-13"), ("%G-%V", "2021-01"), ("%F", ""),
            ("%F", "٢٠٢١-01-01"), ("%q %F", "2 2021-01-13"), ("%s %F", "5 2021-01-13"),
        ])
    func faults(format: String, text: String) {
        #expect(throws: SuiteError.self) { try Fixture.filtered(.string(text), "toDate \"\(format)\"") }
    }

    @Test("weeks, days and leap years are right at the turn of each year for four centuries")
    func calendar() throws {
        for year in 1_900...2_300 {
            let date = try SuiteDate("\(year)-12-31T00:00:00Z")
            let next = SuiteDate(seconds: date.seconds + 86_400)
            #expect(next == (try SuiteDate("\(year + 1)-01-01T00:00:00Z")))
            let isLeap = year % 4 == 0 && year % 100 != 0 || year % 400 == 0
            #expect(try Fixture.filtered(.date(date), "dateFormat \"%j\"") == .string(isLeap ? "366" : "365"))
            for format in ["%G-%V-%u", "%Y %U %w", "%Y %W %w"] {
                let text = try #require(try Fixture.filtered(.date(next), "dateFormat \"\(format)\""))
                #expect(try Fixture.filtered(text, "toDate \"\(format)\"") == .date(next), "\(format) \(text)")
            }
        }
        #expect(try SuiteDate("0000-03-01T00:00:00Z").seconds == -62_162_035_200)
    }
}
