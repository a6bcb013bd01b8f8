#pragma once
#include <stddef.h>
#include <stdint.h>

/// The classes of up to 64 bytes that the byte scan of redaction asks for: bit `n` of a class says that byte `n` is of it.
/// In C for vector instructions that Swift has no words for; each class is given by its bytes in ByteClasses.c.
typedef struct {
    /// 0 to 9.
    uint64_t decimal;
    /// What may stand between the digits of a number: blank, `-`, `.`, `/`, brackets.
    uint64_t separator;
    /// `-` and `.`
    uint64_t joint;
    /// `@`, `%`, `&` and the backslash.
    uint64_t mark;
    /// What ends a word: controls and the space.
    uint64_t blank;
    uint64_t line_feed;
    /// Base64's digits, of either alphabet, without the padding.
    uint64_t sextet;
    uint64_t upper;
    uint64_t letter;
    uint64_t colon;
} byte_classes;

/// What text in base64 or hexadecimal shows by.
typedef struct {
    /// Base64's digits that may be the first, second and third of a quad that stands for text.
    uint64_t first, second, third;
    uint64_t hexadecimal;
    /// 2 to 7: the first of two hexadecimal digits that stand for text.
    uint64_t high;
} encoded_classes;

/// - Parameter count: at most 64; bits behind it are 0.
byte_classes byte_classes_of(const uint8_t *bytes, size_t count);
encoded_classes encoded_classes_of(const uint8_t *bytes, size_t count);

/// The same without vector instructions, for tests.
byte_classes byte_classes_portably(const uint8_t *bytes, size_t count);
encoded_classes encoded_classes_portably(const uint8_t *bytes, size_t count);
