/* percent.h: the digits of percent-encoded bytes. */
#ifndef SX_TEXT_PERCENT_H
#define SX_TEXT_PERCENT_H

/** Returns the value of a hexadecimal digit, or -1 if the character is none. */
static inline int sx__hex_digit(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

#endif
