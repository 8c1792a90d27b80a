/* pieces.h: copying the short texts that a page is made of. */
#ifndef SX_EXPOSITION_PIECES_H
#define SX_EXPOSITION_PIECES_H

#include <sextant/status.h>
#include <string.h>

#define SX__PIECE(text) ((struct sx_str){text, sizeof(text) - 1})

/** Copies a text, and returns the position behind it.
 *
 * Pieces are short, so a call of memcpy would take longer than the copy. The last bytes may overlap
 * those before them.
 */
static inline char *sx__copy_piece(char *at, struct sx_str piece)
{
    char *end = at + piece.size;
    const char *from = piece.data;
    if (piece.size >= 16) {
        for (; end - at > 16; at += 16, from += 16) {
            memcpy(at, from, 16);
        }
        memcpy(end - 16, piece.data + piece.size - 16, 16);
    } else if (piece.size >= 8) {
        memcpy(at, from, 8);
        memcpy(end - 8, from + piece.size - 8, 8);
    } else {
        memcpy(at, from, piece.size);
    }
    return end;
}

#endif
