#pragma once
#include <stddef.h>
#include <stdint.h>

/// What the byte scan of redaction asks of text, 64 bytes at once: bit `n` of a block's word in a row says that byte `n` of
/// the block is of a class, or that there's something to stop at. In C for vector instructions that Swift has no words for.
///
/// Rows stand one behind another in one array of words, `byte_row_stride` apart. The first word of a row is that of the block
/// before the text, then come up to `byte_rows_blocks` blocks, and one ahead.
enum {
    // Classes; each is given by its bytes in ByteRows.c.

    /// 0 to 9.
    byte_row_decimal,
    /// What may stand between the digits of a number: blank, `-`, `.`, `/`, brackets.
    byte_row_separator,
    /// `-` and `.`
    byte_row_joint,
    /// `@`, `%`, `&` and the backslash.
    byte_row_mark,
    /// What ends a word: controls and the space.
    byte_row_blank,
    byte_row_line_feed,
    /// Base64's digits, of either alphabet, without the padding.
    byte_row_sextet,
    byte_row_upper,
    byte_row_letter,
    byte_row_colon,
    /// 1 and 2: how years begin.
    byte_row_millennium,
    /// What a terminal's escapes begin with.
    byte_row_escape,
    byte_row_classes,

    // Stops, as far as bits tell; for the text's own blocks only.

    /// Digits that don't go on the digits before them.
    byte_row_first_digit = byte_row_classes,
    /// Those that may begin a number that's long enough, or have the letters of one before them.
    byte_row_number,
    /// Colons of what isn't a time of day.
    byte_row_address,
    /// Where sixteen and more of base64's digits in a row begin.
    byte_row_long_row,
    byte_row_count,
};

enum {
    byte_rows_blocks = 32,
    /// A row's blocks, the one before, the one ahead, and an empty one.
    byte_row_stride = byte_rows_blocks + 3,
};

/// Fills all rows for the text of `count` bytes at `bytes`, as far as the blocks go, before which `before` bytes stand.
///
/// - Parameter rows: `byte_row_count * byte_row_stride` words.
/// - Returns: how many blocks there are.
size_t byte_rows_fill(uint64_t *rows, const uint8_t *bytes, size_t before, size_t count);

/// The same without vector instructions, for tests.
size_t byte_rows_fill_portably(uint64_t *rows, const uint8_t *bytes, size_t before, size_t count);

/// What text in base64 or hexadecimal shows by.
typedef struct {
    /// Base64's digits that may be the first, second and third of a quad that stands for text.
    uint64_t first, second, third;
    uint64_t hexadecimal;
    /// 2 to 7: the first of two hexadecimal digits that stand for text.
    uint64_t high;
} encoded_classes;

/// - Parameter count: at most 64; bits behind it are 0.
encoded_classes encoded_classes_of(const uint8_t *bytes, size_t count);

/// The same without vector instructions, for tests.
encoded_classes encoded_classes_portably(const uint8_t *bytes, size_t count);
