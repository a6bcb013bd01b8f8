#pragma once
#include "CByteClasses.h"

#include <string.h>

// Where the byte scan stops, from the classes of bytes. Loops over plain words, so that the compiler makes of them what
// vector instructions the caller may use: several blocks at once.

/// What stands `n` bytes ahead of each byte of block `i`.
#define AHEAD(row, n) ((row)[i] >> (n) | (row)[i + 1] << (64 - (n)))
/// What stands `n` bytes before it.
#define BEHIND(row, n) ((row)[i] << (n) | (row)[i - 1] >> (64 - (n)))
#define ROW(name) (rows + byte_row_##name * byte_row_stride)
/// Words that are made on the way, one a block; what lies behind the last is 0.
#define WORDS(name) uint64_t name[byte_row_stride]; name[last + 1] = 0
/// Rows don't overlap, so no block of one waits for another of the same loop.
#define EACH(start, end) _Pragma("clang loop vectorize(assume_safety)") for (size_t i = (start); i <= (end); i++)
#define EACH_FROM(start) EACH(start, last)

/// Fills the rows of stops of `count` blocks. Bits ahead of the last block's tell less and less, but none of its own.
__attribute__((always_inline)) static inline void byte_stops_find(uint64_t *rows, size_t count) {
    const uint64_t *decimal = ROW(decimal), *separator = ROW(separator), *joint = ROW(joint), *mark = ROW(mark),
                   *sextet = ROW(sextet), *upper = ROW(upper), *letter = ROW(letter), *colon = ROW(colon),
                   *millennium = ROW(millennium), *escape = ROW(escape);
    uint64_t *first_digit = ROW(first_digit), *number = ROW(number), *address = ROW(address), *long_row = ROW(long_row);
    const size_t last = count + 1;

    // Rows of digits, of base64's digits and of words, so many bytes in a row from each byte on.
    WORDS(word);
    EACH_FROM(0) word[i] = decimal[i] | letter[i];
    WORDS(digits2);
    WORDS(sextets2);
    WORDS(words2);
    EACH_FROM(0) {
        digits2[i] = decimal[i] & AHEAD(decimal, 1);
        sextets2[i] = sextet[i] & AHEAD(sextet, 1);
        words2[i] = word[i] & AHEAD(word, 1);
    }
    WORDS(digits4);
    WORDS(sextets4);
    WORDS(words4);
    // Separators right behind a digit that lead to another.
    WORDS(link);
    link[0] = 0;
    EACH_FROM(0) {
        digits4[i] = digits2[i] & AHEAD(digits2, 2);
        sextets4[i] = sextets2[i] & AHEAD(sextets2, 2);
        words4[i] = words2[i] & AHEAD(words2, 2);
    }
    EACH_FROM(1) link[i] = separator[i] & BEHIND(decimal, 1) & (AHEAD(decimal, 1) | (AHEAD(separator, 1) & AHEAD(decimal, 2)));
    WORDS(sextets8);
    WORDS(words8);
    // Links behind which four digits stand, or another link.
    WORDS(strong);
    WORDS(many);
    EACH_FROM(0) {
        sextets8[i] = sextets4[i] & AHEAD(sextets4, 4);
        words8[i] = words4[i] & AHEAD(words4, 4);
        strong[i] = link[i] & (AHEAD(digits4, 1) | (AHEAD(separator, 1) & AHEAD(digits4, 2)) | AHEAD(link, 2)
                               | AHEAD(link, 3) | AHEAD(link, 4) | AHEAD(link, 5));
        many[i] = AHEAD(link, 1) & decimal[i];
    }
    // Up to three digits before a strong link, and up to eight before any.
    WORDS(words16);
    WORDS(few);
    WORDS(many2);
    EACH_FROM(0) {
        words16[i] = words8[i] & AHEAD(words8, 8);
        few[i] = AHEAD(strong, 1) & decimal[i];
        many2[i] = many[i] | (AHEAD(many, 1) & decimal[i]);
    }
    WORDS(few2);
    WORDS(many4);
    EACH_FROM(0) {
        few2[i] = few[i] | (AHEAD(few, 1) & decimal[i]);
        many4[i] = many2[i] | (AHEAD(many2, 2) & digits2[i]);
    }
    // A digit that goes on the digits before it, with a point or a hyphen between, is no number's first.
    EACH(1, count) first_digit[i] = decimal[i] & ~BEHIND(decimal, 1) & ~(BEHIND(joint, 1) & BEHIND(decimal, 2));
    EACH(1, count) long_row[i] = sextets8[i] & AHEAD(sextets8, 8) & ~BEHIND(sextet, 1);
    // Seven digits in a row, or groups that have so many together or are three and more; dates are left out. Also seventeen
    // letters and digits, and pairs with hyphens.
    WORDS(alone);
    EACH(1, count) {
        const uint64_t date = millennium[i] & digits4[i] & AHEAD(separator, 4) & AHEAD(digits2, 5) & AHEAD(separator, 7)
                              & AHEAD(digits2, 8) & ~AHEAD(decimal, 10);
        const uint64_t groups = (digits4[i] & AHEAD(digits4, 3)) | few2[i] | (AHEAD(few2, 1) & decimal[i])
                                | (digits4[i] & (many4[i] | AHEAD(many4, 4)));
        alone[i] = (groups & ~date) | (words16[i] & AHEAD(word, 16));
    }
    EACH(1, count) alone[i] |= words2[i] & AHEAD(joint, 2) & (AHEAD(joint, 5) | BEHIND(joint, 1));
    // No letter stands before it but the last of an escape: a mark stands two or three bytes back, or a terminal's somewhere.
    EACH(1, count) alone[i] &= ~BEHIND(letter, 1) | BEHIND(mark, 2) | BEHIND(mark, 3) | -(uint64_t)((escape[i] | escape[i - 1]) != 0);
    // The check digits of an IBAN behind its country: in capitals, or two small letters that begin a row of sixteen. Other
    // numbers that begin with letters have two of them, or eight bytes behind the first; in each, four follow.
    WORDS(small);
    EACH(1, count) {
        const uint64_t sextets14 = sextets8[i] & AHEAD(sextets4, 8) & AHEAD(sextets2, 12);
        small[i] = sextets14 & ~BEHIND(sextet, 3);
    }
    EACH(1, count) {
        const uint64_t behind_two = BEHIND(letter, 1) & BEHIND(letter, 2), behind_upper = BEHIND(upper, 1);
        const uint64_t countries = AHEAD(decimal, 1) & ((behind_upper & BEHIND(upper, 2)) | (behind_two & small[i]));
        number[i] = first_digit[i] & (alone[i] | countries | (behind_upper & words4[i] & (behind_two | words8[i])));
    }

    // Colons of which five stand in a row, each at most five bytes behind the one before, and those that stand in pairs.
    uint64_t any = 0;
    EACH(1, count) any |= colon[i];
    if (any == 0) {
        EACH(1, count) address[i] = 0;
        return;
    }
    WORDS(colons2);
    WORDS(colons3);
#define SOON(row) (AHEAD(row, 1) | AHEAD(row, 2) | AHEAD(row, 3) | AHEAD(row, 4) | AHEAD(row, 5))
    EACH_FROM(0) colons2[i] = colon[i] & SOON(colon);
    EACH_FROM(0) colons3[i] = colon[i] & SOON(colons2);
    EACH_FROM(0) colons2[i] = colon[i] & SOON(colons3);
    EACH(1, count) address[i] = (colon[i] & AHEAD(colon, 1)) | (colon[i] & SOON(colons2));
}
