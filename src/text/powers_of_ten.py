#!/usr/bin/env python3
"""Writes powers_of_ten.inc: 10^e, for e from -292 to 324, as 128 bits, rounded up.

Each is g with 2^127 <= g < 2^128, where g - 1 < 10^e * 2^s <= g for the s that makes it so. Python's
integers make them exact. Run it in this folder: ./powers_of_ten.py > powers_of_ten.inc
"""

FIRST, LAST = -292, 324


def normalised(exponent):
    """The 128 most significant bits of 10**exponent, rounded up."""
    if exponent >= 0:
        power = 10**exponent
        shift = power.bit_length() - 128
        return -(-power >> shift) if shift > 0 else power << -shift
    power = 10**-exponent
    shift = 127 + power.bit_length()
    quotient = -(-(1 << shift) // power)
    if quotient >> 128:
        quotient = -(-(1 << (shift - 1)) // power)
    return quotient


print("/* Written by powers_of_ten.py. */")
for e in range(FIRST, LAST + 1):
    g = normalised(e)
    assert 1 << 127 <= g < 1 << 128
    print(f"{{UINT64_C(0x{g >> 64:016X}), UINT64_C(0x{g & (1 << 64) - 1:016X})}}, /* {e} */")
