#include "CByteClasses.h"

#include "ByteStops.h"

#include <string.h>

// A class is a table by a byte's low half, with a bit for each high half from 0 to 7; bytes above ASCII are of no class.
// Two looks into such tables say for 32 bytes at once which are of the class.

#define BITS(IS, low)                                                                                       \
    ((IS(low)) | (IS(16 + low)) << 1 | (IS(32 + low)) << 2 | (IS(48 + low)) << 3 | (IS(64 + low)) << 4 |    \
     (IS(80 + low)) << 5 | (IS(96 + low)) << 6 | (IS(112 + low)) << 7)
#define TABLE(IS)                                                                                           \
    {BITS(IS, 0), BITS(IS, 1), BITS(IS, 2), BITS(IS, 3), BITS(IS, 4), BITS(IS, 5), BITS(IS, 6),             \
     BITS(IS, 7), BITS(IS, 8), BITS(IS, 9), BITS(IS, 10), BITS(IS, 11), BITS(IS, 12), BITS(IS, 13),         \
     BITS(IS, 14), BITS(IS, 15)}

#define IS_DECIMAL(c) ((c) >= '0' && (c) <= '9')
#define IS_UPPER(c) ((c) >= 'A' && (c) <= 'Z')
#define IS_LOWER(c) ((c) >= 'a' && (c) <= 'z')
#define IS_LETTER(c) (IS_UPPER(c) || IS_LOWER(c))
#define IS_JOINT(c) ((c) == '-' || (c) == '.')
#define IS_SEPARATOR(c) (IS_JOINT(c) || (c) == ' ' || (c) == '/' || (c) == '(' || (c) == ')')
#define IS_MARK(c) ((c) == '@' || (c) == '%' || (c) == '&' || (c) == '\\')
#define IS_BLANK(c) ((c) <= 0x20 || (c) == 0x7F)
#define IS_COLON(c) ((c) == ':')
#define IS_LINE_FEED(c) ((c) == '\n')
#define IS_MILLENNIUM(c) ((c) == '1' || (c) == '2')
#define IS_ESCAPE(c) ((c) == 0x1B)
#define IS_SEXTET(c) (IS_DECIMAL(c) || IS_LETTER(c) || (c) == '+' || (c) == '/' || (c) == '-' || (c) == '_')
#define IS_HEXADECIMAL(c) (IS_DECIMAL(c) || ((c) >= 'A' && (c) <= 'F') || ((c) >= 'a' && (c) <= 'f'))
#define IS_HIGH(c) ((c) >= '2' && (c) <= '7')
// RFC 4648: A to Z are 0 to 25, a to z 26 to 51, the digits 52 to 61, then + or -, then / or _.
#define SEXTET(c)                                                                                           \
    (IS_UPPER(c) ? (c) - 'A' : IS_LOWER(c) ? (c) - 'a' + 26 : IS_DECIMAL(c) ? (c) - '0' + 52 :              \
     ((c) == '+' || (c) == '-') ? 62 : 63)
#define IS_FIRST(c) (IS_SEXTET(c) && (SEXTET(c) == 2 || SEXTET(c) == 3 || (SEXTET(c) >= 8 && SEXTET(c) <= 31)))
#define IS_SECOND(c) (IS_SEXTET(c) && (SEXTET(c) & 8) == 0)
#define IS_THIRD(c) (IS_SEXTET(c) && (SEXTET(c) & 2) == 0)

static const uint8_t classes[byte_row_classes][16] = {
    [byte_row_decimal] = TABLE(IS_DECIMAL),
    [byte_row_separator] = TABLE(IS_SEPARATOR),
    [byte_row_joint] = TABLE(IS_JOINT),
    [byte_row_mark] = TABLE(IS_MARK),
    [byte_row_blank] = TABLE(IS_BLANK),
    [byte_row_line_feed] = TABLE(IS_LINE_FEED),
    [byte_row_sextet] = TABLE(IS_SEXTET),
    [byte_row_upper] = TABLE(IS_UPPER),
    [byte_row_letter] = TABLE(IS_LETTER),
    [byte_row_colon] = TABLE(IS_COLON),
    [byte_row_millennium] = TABLE(IS_MILLENNIUM),
    [byte_row_escape] = TABLE(IS_ESCAPE),
};
static const uint8_t first[16] = TABLE(IS_FIRST), second[16] = TABLE(IS_SECOND), third[16] = TABLE(IS_THIRD),
                     hexadecimal[16] = TABLE(IS_HEXADECIMAL), high[16] = TABLE(IS_HIGH);

/// Writes the word of 64 bytes in each row of a class; `rows` is that of the first row.
typedef void classify(uint64_t *rows, const uint8_t *bytes);

/// Writes the rows of stops of `count` blocks.
typedef void find_stops(uint64_t *rows, size_t count);

/// Up to 64 bytes as 64, `offset` of them before the first: what fills the rest is of no class.
static const uint8_t *filled(const uint8_t *bytes, size_t offset, size_t count, uint8_t room[64]) {
    if (count >= 64) return bytes;
    memset(room, 0xFF, 64);
    if (count > 0) memcpy(room + offset, bytes, count);
    return room;
}

static size_t fill(
    uint64_t *rows, const uint8_t *bytes, size_t before, size_t count, classify *classify, find_stops *find_stops
) {
    uint8_t room[64];
    if (before > 64) before = 64;
    classify(rows, filled(bytes - before, 64 - before, before, room));
    size_t blocks = (count + 63) / 64;
    if (blocks > byte_rows_blocks) blocks = byte_rows_blocks;
    for (size_t block = 0; block <= blocks; block++) {
        size_t start = block * 64;
        size_t rest = start < count ? count - start : 0;
        classify(rows + 1 + block, filled(bytes + start, 0, rest, room));
    }
    for (size_t row = 0; row < byte_row_classes; row++) rows[row * byte_row_stride + blocks + 2] = 0;
    find_stops(rows, blocks);
    return blocks;
}

static uint64_t portable_mask(const uint8_t *bytes, size_t count, const uint8_t table[16]) {
    uint64_t mask = 0;
    for (size_t index = 0; index < count; index++)
        if (bytes[index] < 128) mask |= (uint64_t)(table[bytes[index] & 15] >> (bytes[index] >> 4) & 1) << index;
    return mask;
}

static void classify_portably(uint64_t *rows, const uint8_t *bytes) {
    for (size_t row = 0; row < byte_row_classes; row++)
        rows[row * byte_row_stride] = portable_mask(bytes, 64, classes[row]);
}

static void find_stops_portably(uint64_t *rows, size_t count) { byte_stops_find(rows, count); }

size_t byte_rows_fill_portably(uint64_t *rows, const uint8_t *bytes, size_t before, size_t count) {
    return fill(rows, bytes, before, count, classify_portably, find_stops_portably);
}

encoded_classes encoded_classes_portably(const uint8_t *bytes, size_t count) {
    return (encoded_classes){
        portable_mask(bytes, count, first), portable_mask(bytes, count, second), portable_mask(bytes, count, third),
        portable_mask(bytes, count, hexadecimal), portable_mask(bytes, count, high)};
}

#if defined(__x86_64__)
#include <immintrin.h>

#define AVX2 __attribute__((target("avx2")))
#define AVX512 __attribute__((target("avx512bw,avx512vl")))

/// The halves of 64 bytes: the low half as it is, the high half as the bit that it has in a table, 0 above ASCII.
typedef struct {
    __m256i low[2], bit[2];
} halves;

AVX2 static inline halves split(const uint8_t *bytes) {
    const __m256i half = _mm256_set1_epi8(15);
    const __m256i bits = _mm256_broadcastsi128_si256(
        _mm_setr_epi8(1, 2, 4, 8, 16, 32, 64, -128, 0, 0, 0, 0, 0, 0, 0, 0));
    halves split;
    for (int part = 0; part < 2; part++) {
        __m256i taken = _mm256_loadu_si256((const __m256i *)(bytes + 32 * part));
        split.low[part] = _mm256_and_si256(taken, half);
        split.bit[part] = _mm256_shuffle_epi8(bits, _mm256_and_si256(_mm256_srli_epi16(taken, 4), half));
    }
    return split;
}

AVX2 static inline uint64_t mask_of(const halves *split, const uint8_t table[16]) {
    const __m256i wide = _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)table));
    uint32_t others[2];
    for (int part = 0; part < 2; part++) {
        __m256i found = _mm256_and_si256(_mm256_shuffle_epi8(wide, split->low[part]), split->bit[part]);
        others[part] = (uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(found, _mm256_setzero_si256()));
    }
    return ~(others[0] | (uint64_t)others[1] << 32);
}

AVX2 static void classify_avx2(uint64_t *rows, const uint8_t *bytes) {
    halves halves = split(bytes);
    for (size_t row = 0; row < byte_row_classes; row++) rows[row * byte_row_stride] = mask_of(&halves, classes[row]);
}

AVX2 static void find_stops_avx2(uint64_t *rows, size_t count) { byte_stops_find(rows, count); }

AVX2 static encoded_classes encoded_classes_avx2(const uint8_t *bytes) {
    halves halves = split(bytes);
    return (encoded_classes){mask_of(&halves, first), mask_of(&halves, second), mask_of(&halves, third),
                             mask_of(&halves, hexadecimal), mask_of(&halves, high)};
}

typedef struct {
    __m512i low, bit;
} wide_halves;

AVX512 static inline wide_halves split_wide(const uint8_t *bytes) {
    const __m512i half = _mm512_set1_epi8(15);
    const __m512i bits = _mm512_broadcast_i32x4(_mm_setr_epi8(1, 2, 4, 8, 16, 32, 64, -128, 0, 0, 0, 0, 0, 0, 0, 0));
    __m512i taken = _mm512_loadu_si512(bytes);
    return (wide_halves){
        _mm512_and_si512(taken, half),
        _mm512_shuffle_epi8(bits, _mm512_and_si512(_mm512_srli_epi16(taken, 4), half))};
}

AVX512 static inline uint64_t wide_mask_of(const wide_halves *split, const uint8_t table[16]) {
    const __m512i wide = _mm512_broadcast_i32x4(_mm_loadu_si128((const __m128i *)table));
    return _mm512_test_epi8_mask(_mm512_shuffle_epi8(wide, split->low), split->bit);
}

AVX512 static void classify_avx512(uint64_t *rows, const uint8_t *bytes) {
    wide_halves halves = split_wide(bytes);
    for (size_t row = 0; row < byte_row_classes; row++)
        rows[row * byte_row_stride] = wide_mask_of(&halves, classes[row]);
}

AVX512 static encoded_classes encoded_classes_avx512(const uint8_t *bytes) {
    wide_halves halves = split_wide(bytes);
    return (encoded_classes){wide_mask_of(&halves, first), wide_mask_of(&halves, second), wide_mask_of(&halves, third),
                             wide_mask_of(&halves, hexadecimal), wide_mask_of(&halves, high)};
}

AVX512 static void find_stops_avx512(uint64_t *rows, size_t count) { byte_stops_find(rows, count); }

static int has_avx512(void) { return __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl"); }

size_t byte_rows_fill(uint64_t *rows, const uint8_t *bytes, size_t before, size_t count) {
    if (has_avx512()) return fill(rows, bytes, before, count, classify_avx512, find_stops_avx512);
    if (__builtin_cpu_supports("avx2")) return fill(rows, bytes, before, count, classify_avx2, find_stops_avx2);
    return byte_rows_fill_portably(rows, bytes, before, count);
}

encoded_classes encoded_classes_of(const uint8_t *bytes, size_t count) {
    uint8_t room[64];
    if (has_avx512()) return encoded_classes_avx512(filled(bytes, 0, count, room));
    if (__builtin_cpu_supports("avx2")) return encoded_classes_avx2(filled(bytes, 0, count, room));
    return encoded_classes_portably(bytes, count < 64 ? count : 64);
}
#else
size_t byte_rows_fill(uint64_t *rows, const uint8_t *bytes, size_t before, size_t count) {
    return byte_rows_fill_portably(rows, bytes, before, count);
}

encoded_classes encoded_classes_of(const uint8_t *bytes, size_t count) {
    return encoded_classes_portably(bytes, count < 64 ? count : 64);
}
#endif
