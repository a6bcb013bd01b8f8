#include "CByteClasses.h"

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

static const uint8_t decimal[16] = TABLE(IS_DECIMAL), separator[16] = TABLE(IS_SEPARATOR), joint[16] = TABLE(IS_JOINT),
                     mark[16] = TABLE(IS_MARK), blank[16] = TABLE(IS_BLANK), line_feed[16] = TABLE(IS_LINE_FEED),
                     sextet[16] = TABLE(IS_SEXTET), upper[16] = TABLE(IS_UPPER), letter[16] = TABLE(IS_LETTER),
                     colon[16] = TABLE(IS_COLON);
static const uint8_t first[16] = TABLE(IS_FIRST), second[16] = TABLE(IS_SECOND), third[16] = TABLE(IS_THIRD),
                     hexadecimal[16] = TABLE(IS_HEXADECIMAL), high[16] = TABLE(IS_HIGH);

static uint64_t portable_mask(const uint8_t *bytes, size_t count, const uint8_t table[16]) {
    uint64_t mask = 0;
    for (size_t index = 0; index < count; index++)
        if (bytes[index] < 128) mask |= (uint64_t)(table[bytes[index] & 15] >> (bytes[index] >> 4) & 1) << index;
    return mask;
}

byte_classes byte_classes_portably(const uint8_t *bytes, size_t count) {
    return (byte_classes){
        portable_mask(bytes, count, decimal), portable_mask(bytes, count, separator),
        portable_mask(bytes, count, joint),   portable_mask(bytes, count, mark),
        portable_mask(bytes, count, blank),   portable_mask(bytes, count, line_feed),
        portable_mask(bytes, count, sextet),  portable_mask(bytes, count, upper),
        portable_mask(bytes, count, letter),  portable_mask(bytes, count, colon)};
}

encoded_classes encoded_classes_portably(const uint8_t *bytes, size_t count) {
    return (encoded_classes){
        portable_mask(bytes, count, first), portable_mask(bytes, count, second), portable_mask(bytes, count, third),
        portable_mask(bytes, count, hexadecimal), portable_mask(bytes, count, high)};
}

#if defined(__x86_64__)
#include <immintrin.h>

#define AVX2 __attribute__((target("avx2")))

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

AVX2 static byte_classes byte_classes_avx2(const uint8_t *bytes) {
    halves halves = split(bytes);
    return (byte_classes){mask_of(&halves, decimal), mask_of(&halves, separator), mask_of(&halves, joint),
                          mask_of(&halves, mark),    mask_of(&halves, blank),     mask_of(&halves, line_feed),
                          mask_of(&halves, sextet),  mask_of(&halves, upper),     mask_of(&halves, letter),
                          mask_of(&halves, colon)};
}

AVX2 static encoded_classes encoded_classes_avx2(const uint8_t *bytes) {
    halves halves = split(bytes);
    return (encoded_classes){mask_of(&halves, first), mask_of(&halves, second), mask_of(&halves, third),
                             mask_of(&halves, hexadecimal), mask_of(&halves, high)};
}

/// Up to 64 bytes as 64: what fills the rest is of no class.
static const uint8_t *filled(const uint8_t *bytes, size_t count, uint8_t room[64]) {
    if (count >= 64) return bytes;
    memset(room, 0xFF, 64);
    memcpy(room, bytes, count);
    return room;
}

byte_classes byte_classes_of(const uint8_t *bytes, size_t count) {
    uint8_t room[64];
    return __builtin_cpu_supports("avx2") ? byte_classes_avx2(filled(bytes, count, room))
                                          : byte_classes_portably(bytes, count < 64 ? count : 64);
}

encoded_classes encoded_classes_of(const uint8_t *bytes, size_t count) {
    uint8_t room[64];
    return __builtin_cpu_supports("avx2") ? encoded_classes_avx2(filled(bytes, count, room))
                                          : encoded_classes_portably(bytes, count < 64 ? count : 64);
}
#else
byte_classes byte_classes_of(const uint8_t *bytes, size_t count) {
    return byte_classes_portably(bytes, count < 64 ? count : 64);
}

encoded_classes encoded_classes_of(const uint8_t *bytes, size_t count) {
    return encoded_classes_portably(bytes, count < 64 ? count : 64);
}
#endif
