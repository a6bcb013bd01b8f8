import GloveboxCore
import TestSupport
import Testing

@testable import TestContextToken

@Suite("Tokens of test contexts")
struct TokenTests {
    private let fixture = TokenFixture()

    @Test("what was signed for an edge comes back from its token, and the same claims are the same bytes")
    func ingress() throws {
        let context = try TokenFixture.context()
        let token = try self.fixture.ingress.token(context)
        #expect(try self.fixture.keys.ingress(token.utf8, edge: "edge", at: noon) == context)
        #expect(context.methods == ["GET", "POST"] && context.expiresAt == noon.plus(60_000))
        #expect(token.utf8.count < 300)
        #expect(
            token.utf8.allSatisfy { Unicode.Scalar($0).properties.isAlphabetic || "0123456789-_".utf8.contains($0) })
        #expect(try IngressContext(canonical: context.canonicalBytes[...]).canonicalBytes == context.canonicalBytes)
        #expect(try TokenFixture.context().nonce != context.nonce)
    }

    @Test("what was signed for services comes back from its token")
    func inner() throws {
        let context = try TokenFixture.inner()
        let token = try self.fixture.inner.token(context)
        #expect(try self.fixture.keys.internal(token.utf8, at: noon.plus(59_999)) == context)
        let plain = try InternalContext(
            run: "r", testCase: "c", issuedAt: noon, lifetime: .seconds(1), declaresSyntheticWrites: false)
        let other = try self.fixture.keys.internal(self.fixture.inner.token(plain).utf8, at: noon)
        #expect(other == plain && !other.declaresSyntheticWrites && other.flagScope == nil)
    }

    @Test("the encoding is the one that it was: version, audience, key, claims, signature")
    func encoding() throws {
        let context = try IngressContext(
            run: "r1", testCase: "c", edge: "e", issuedAt: noon, lifetime: .seconds(5), runEndsAt: noon.plus(7000),
            nonce: #require(TestContextNonce(Array(1...16))), routes: [TestContextRoute(host: "h", path: "/a")],
            methods: ["GET"], writeBudget: 300)
        #expect(
            context.canonicalBytes == [
                0, 2, 0x72, 0x31, 1, 1, 0x63, 2, 6, 0x80, 0xA0, 0xF1, 0xC2, 0xB1, 0x34, 3, 2, 0x88, 0x27, 4, 1, 0x65,
                5, 2, 0xD8, 0x36, 6, 16, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16,
                7, 9, 0, 7, 0, 1, 0x68, 1, 2, 0x2F, 0x61, 8, 5, 0, 3, 0x47, 0x45, 0x54, 9, 2, 0xAC, 2,
            ])
        let signer = try TestContextSigner(
            privateKey: Secret(Array(0..<32)), audience: .ingress, validFrom: noon, validUntil: noon.plus(1000))
        let bytes = try #require(Base64URL.decode(Array(signer.token(context).utf8)))
        #expect(bytes.count == 10 + context.canonicalBytes.count + 64)
        #expect(Array(bytes[0..<2]) == [1, 1] && Array(bytes[2..<10]) == signer.publicKey.id)
        // Signed by another implementation of RFC 8032, from the same key, prefix and bytes.
        let other =
            "AQEc6UhZU8_zDQACcjEBAWMCBoCg8cKxNAMCiCcEAWUFAtg2BhABAgMEBQYHCAkKCwwNDg8QBwkABwABaAECL2EIBQADR0VUCQKsAjH-atDZ4wkT0yXr0QcJ6zexKKa1VAco-41w0N241OumHyTaLCHIFDW_dS1-NuVlz8wSWtV6CGHvjRn86p_KIQc"
        #expect(try TestContextKeys([signer.publicKey]).ingress(other.utf8, edge: "e", at: noon) == context)
        #expect(try signer.token(context).hasPrefix(other.prefix(94)))
        #expect(signer.privateKey.exposeSecret() == Array(0..<32) && "\(signer.privateKey)" == "‹secret›")
    }

    @Test("a token with any byte of it altered, cut short or made longer anywhere is refused")
    func altered() throws {
        let (outer, inner) = (try TokenFixture.context(), try TokenFixture.inner())
        let token = Array(try self.fixture.ingress.token(outer).utf8)
        let second = Array(try self.fixture.inner.token(inner).utf8)
        #expect(self.fixture.refusal(token) == nil && self.fixture.innerRefusal(second) == nil)
        for place in token.indices {
            for byte in [
                UInt8(ascii: "A"), UInt8(ascii: "_"), UInt8(ascii: "="), UInt8(ascii: "%"), 0, 0xFF, token[place] ^ 1,
            ]
            where byte != token[place] {
                var changed = token
                changed[place] = byte
                #expect(self.fixture.refusal(changed) != nil, "\(place): \(byte)")
            }
            #expect(self.fixture.refusal(token[..<place]) != nil && self.fixture.refusal(token[(place + 1)...]) != nil)
            #expect(self.fixture.refusal(token[..<place] + [UInt8(ascii: "A")] + token[place...]) != nil)
        }
        for place in second.indices {
            var changed = second
            changed[place] ^= 3
            #expect(self.fixture.innerRefusal(changed) != nil && self.fixture.innerRefusal(second[..<place]) != nil)
        }
        // Each bit of the bytes that the letters stand for.
        let bytes = try #require(Base64URL.decode(token))
        for place in bytes.indices {
            for bit in 0..<8 {
                var changed = bytes
                changed[place] ^= 1 << UInt8(bit)
                let refusal = self.fixture.refusal(Base64URL.encode(changed).utf8)
                let expected: TestContextRefusal =
                    switch place {
                    case 0: .malformed
                    case 1: TestContextAudience(rawValue: changed[1]) == nil ? .malformed : .wrongAudience
                    case 2..<10: .unknownKey
                    default: .altered
                    }
                #expect(refusal == expected, "byte \(place)")
            }
        }
    }

    @Test("base 64 has one form: no padding, no other letters, no bits that carry nothing")
    func base64() {
        for bytes in [[], [0], [0xFF], [1, 2], [1, 2, 3], [0xFB, 0xEF, 0xBE, 0xFF]] as [[UInt8]] {
            #expect(Base64URL.decode(Array(Base64URL.encode(bytes).utf8)) == bytes)
        }
        #expect(Base64URL.encode([0xFB, 0xEF, 0xFF]) == "--__")
        for text in ["A", "AB", "AA=", "AA==", "AAB", "A+/A", "AAAA ", "AA A", "AAAAA", "é"] {
            #expect(Base64URL.decode(Array(text.utf8)) == nil, "\(text)")
        }
    }

    @Test("what is signed but isn't canonical is malformed")
    func notCanonical() throws {
        let claims = try TokenFixture.context().canonicalBytes
        func refusal(_ claims: [UInt8]) throws -> TestContextRefusal? {
            self.fixture.refusal(try self.fixture.ingress.token(.ingress, claims).utf8)
        }
        #expect(try refusal(claims) == nil)
        // A field that nobody knows, one that's missing, one twice, nothing at all, what follows the end.
        for changed in [
            claims + [10, 1, 0], Array(claims.dropLast(3)), claims + claims, [0], claims + [0],
            Array(claims.dropFirst(7)),
        ] {
            #expect(try refusal(changed) == .malformed)
        }
        var unsorted = CanonicalWriter()
        let reader = try CanonicalReader(claims)
        for tag in 0..<10 {
            if tag == 8 {
                unsorted.write(8, strings: ["POST", "GET"])
            } else {
                unsorted.write(tag, bytes: try reader.bytes(tag))
            }
        }
        #expect(try refusal(unsorted.bytes) == .malformed)
        let inner = try TokenFixture.inner().canonicalBytes
        let other = try self.fixture.inner.token(.internal, inner.dropLast(10) + [5, 0])
        #expect(self.fixture.innerRefusal(other.utf8) == .malformed)
    }

    @Test("a token is valid from its time on, for as long as it says, and never longer than anything may be")
    func times() throws {
        let token = try self.fixture.ingress.token(TokenFixture.context(lifetime: .seconds(30))).utf8
        #expect(self.fixture.refusal(token, at: noon.plus(-1000)) == nil)
        #expect(self.fixture.refusal(token, at: noon.plus(29_999)) == nil)
        #expect(self.fixture.refusal(token, at: noon.plus(30_000)) == .expired)
        let ahead = try self.fixture.ingress.token(TokenFixture.context(issuedAt: noon.plus(5000))).utf8
        #expect(self.fixture.refusal(ahead) == nil)
        let later = try self.fixture.ingress.token(TokenFixture.context(issuedAt: noon.plus(5001))).utf8
        #expect(self.fixture.refusal(later) == .notYetValid)
        let long = try self.fixture.ingress.token(TokenFixture.context(lifetime: .milliseconds(60_001))).utf8
        #expect(self.fixture.refusal(long) == .tooLongLived)
        let longRun = try self.fixture.ingress.token(TokenFixture.context(left: 24 * 3_600_000 + 1)).utf8
        #expect(self.fixture.refusal(longRun) == .tooLongLived)
        let inner = try self.fixture.inner.token(TokenFixture.inner(lifetime: .seconds(300))).utf8
        #expect(self.fixture.innerRefusal(inner, at: noon.plus(299_999)) == nil)
        #expect(self.fixture.innerRefusal(inner, at: noon.plus(300_000)) == .expired)
        let longInner = try self.fixture.inner.token(TokenFixture.inner(lifetime: .milliseconds(300_001))).utf8
        #expect(self.fixture.innerRefusal(longInner) == .tooLongLived)
    }

    @Test("each audience takes its own tokens alone, and an edge those for it")
    func audiences() throws {
        let outer = try self.fixture.ingress.token(TokenFixture.context()).utf8
        let inner = try self.fixture.inner.token(TokenFixture.inner()).utf8
        #expect(self.fixture.refusal(inner) == .wrongAudience && self.fixture.innerRefusal(outer) == .wrongAudience)
        #expect(self.fixture.refusal(outer, edge: "other") == .foreign)
        #expect(throws: GloveboxError.self) { try self.fixture.inner.token(TokenFixture.context()) }
        #expect(throws: GloveboxError.self) { try self.fixture.ingress.token(TokenFixture.inner()) }
        // The services' key, made to sign what's for an edge: as one who holds it alone would.
        let forged = try TestContextSigner(
            privateKey: self.fixture.inner.privateKey, audience: .ingress, validFrom: noon, validUntil: noon.plus(1000))
        #expect(self.fixture.refusal(try forged.token(TokenFixture.context()).utf8) == .wrongAudience)
    }

    @Test("keys rotate: several count at once, each in its time")
    func rotation() throws {
        let old = TestContextSigner(audience: .ingress, validFrom: noon.plus(-1000), validUntil: noon.plus(10_000))
        let new = TestContextSigner(audience: .ingress, validFrom: noon.plus(5000), validUntil: noon.plus(20_000))
        let keys = TestContextKeys([old.publicKey, new.publicKey])
        func refusal(_ signer: TestContextSigner, at now: WallTime) throws -> TestContextRefusal? {
            let token = try signer.token(TokenFixture.context(issuedAt: now)).utf8
            do {
                _ = try keys.ingress(token, edge: "edge", at: now)
                return nil
            } catch {
                return error
            }
        }
        #expect(try refusal(old, at: noon) == nil && refusal(new, at: noon) == .keyNotValid)
        #expect(try refusal(old, at: noon.plus(7000)) == nil && refusal(new, at: noon.plus(7000)) == nil)
        #expect(try refusal(old, at: noon.plus(10_000)) == .keyNotValid && refusal(new, at: noon.plus(10_000)) == nil)
        #expect(try refusal(self.fixture.ingress, at: noon) == .unknownKey)
        let copy = try TestContextKey(
            publicKey: old.publicKey.publicKey, audience: .ingress, validFrom: noon.plus(-1000),
            validUntil: noon.plus(10_000))
        #expect(copy == old.publicKey && copy.id == old.publicKey.id)
        #expect(throws: GloveboxError.self) {
            try TestContextKey(publicKey: [1, 2], audience: .ingress, validFrom: noon, validUntil: noon)
        }
    }

    @Test("no token is made of claims that couldn't be read")
    func forms() throws {
        func outer(
            run: String = "r", testCase: String = "c", edge: String = "e", lifetime: Duration = .seconds(1),
            methods: Set<String> = ["GET"], routes: Int = 1, ends: Int64 = 1000, issuedAt: WallTime = noon
        ) throws {
            let routes = try (0..<routes).map { _ throws in try TestContextRoute(path: "/") }
            _ = try IngressContext(
                run: run, testCase: testCase, edge: edge, issuedAt: issuedAt, lifetime: lifetime,
                runEndsAt: noon.plus(ends),
                routes: routes, methods: methods, writeBudget: 0)
        }
        try outer()
        let wrong: [() throws -> Void] = [
            { try outer(run: "") }, { try outer(run: "a b") }, { try outer(run: String(repeating: "a", count: 64)) },
            { try outer(testCase: "") }, { try outer(testCase: "a\nb") },
            { try outer(testCase: String(repeating: "é", count: 101)) },
            { try outer(edge: "é") }, { try outer(lifetime: .zero) }, { try outer(lifetime: .seconds(-1)) },
            { try outer(lifetime: .seconds(1 << 40)) }, { try outer(methods: []) }, { try outer(methods: ["get"]) },
            { try outer(methods: Set((0..<17).map { "M" + String(repeating: "A", count: $0) })) },
            { try outer(routes: 0) },
            { try outer(routes: 33) }, { try outer(ends: 999) },
            { try outer(issuedAt: WallTime(nanoseconds: -1_000_000)) },
            { try outer(issuedAt: WallTime(nanoseconds: .max)) }, { try outer(ends: .max / 2_000_000) },
        ]
        for (index, body) in wrong.enumerated() {
            let error = #expect(throws: GloveboxError.self, "\(index)") { try body() }
            #expect(error?.code == .invalidArgument)
        }
        let long = try IngressContext(
            run: "r", testCase: "c", edge: "e", issuedAt: noon, lifetime: .seconds(1), runEndsAt: noon.plus(1000),
            routes: (0..<32).map { _ throws in try TestContextRoute(path: "/" + String(repeating: "a", count: 500)) },
            methods: ["GET"], writeBudget: 0)
        #expect(throws: GloveboxError.self) { try self.fixture.ingress.token(long) }
    }

    @Test("any claims come back, and whatever bytes come are refused")
    func fuzzed() throws {
        let seed = Array(try self.fixture.ingress.token(TokenFixture.context()).utf8)
        try Fuzzing("test context tokens").run(500) { generator in
            let context = try generator.context()
            let token = try self.fixture.ingress.token(context)
            #expect(try self.fixture.keys.ingress(token.utf8, edge: context.edge, at: context.issuedAt) == context)
            let spoiled = generator.spoiled(seed)
            if spoiled != seed { #expect(self.fixture.refusal(spoiled) != nil) }
            #expect(self.fixture.refusal(generator.bytes(generator.place(in: 400))) != nil)
            // As one whose key counts might try: any claims at all.
            let claims = generator.spoiled(context.canonicalBytes)
            let signed = try self.fixture.ingress.token(.ingress, claims)
            if let read = try? self.fixture.keys.ingress(signed.utf8, edge: context.edge, at: context.issuedAt) {
                #expect(read.canonicalBytes == claims)
            }
            _ = self.fixture.innerRefusal(try self.fixture.inner.token(.internal, claims).utf8)
        }
    }
}

extension SeededGenerator {
    fileprivate mutating func context() throws -> IngressContext {
        let letters = Array("abcXYZ019-_.")
        func name(_ generator: inout SeededGenerator) -> String {
            String((0...generator.place(in: 30)).map { _ in letters[generator.place(in: letters.count)] })
        }
        var routes: [TestContextRoute] = []
        for _ in 0...self.place(in: 4) {
            routes.append(
                try TestContextRoute(
                    host: self.once(in: 2) ? "shop.example" : nil, path: "/" + name(&self).replacing(".", with: "")))
        }
        let issuedAt = noon.plus(Int64.random(in: 0...3_000_000, using: &self))
        return try IngressContext(
            run: name(&self), testCase: name(&self) + " é‹›", edge: name(&self), issuedAt: issuedAt,
            lifetime: .milliseconds(Int64.random(in: 1...60_000, using: &self)), runEndsAt: issuedAt.plus(3_600_000),
            routes: routes, methods: self.once(in: 2) ? ["GET"] : ["PATCH", "DELETE", "M-SEARCH"],
            writeBudget: .random(in: .min ... .max, using: &self))
    }
}
