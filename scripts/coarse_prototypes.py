#!/usr/bin/env python3
"""Writes src/kernel/coarse/prototypes.rs: the taps that coarse convolution filters with before it decimates.

    python3 scripts/coarse_prototypes.py > src/kernel/coarse/prototypes.rs

A prototype of m * d taps is what minimises the aliases that a Gaussian of sigma = ratio * d leaves,
sum over r of the integral of |K(f) G(f + r/d) / G(f)|^2, with G(0) = 1: what it does to the band itself is
repaired by the taps on the coarse grid. One ratio a size is near enough to each kernel's own optimum (within
twice its error where that size is used), and what a design is off by is computed from its taps anyway.
Needs numpy."""
import numpy as np

STEPS = (2, 4, 6, 8, 12, 16, 24, 32)
# Taps in steps of the coarse grid, and the ratio at which such a size is wanted most.
RATIOS = {2: 5, 2.5: 4.5, 3: 4, 3.5: 4, 4: 4, 4.5: 3.5, 5: 3.25, 6: 2.75}


def prototype(ratio, d, taps, points=24):
    sigma = ratio * d
    n = np.arange(-int(6 * sigma + 0.5), int(6 * sigma + 0.5) + 1)
    k = np.exp(-0.5 * (n / sigma) ** 2)
    k /= k.sum()
    spectrum = lambda f: np.abs(np.exp(-2j * np.pi * np.outer(f, np.arange(len(k)))) @ k)
    band = np.linspace(0, 0.5 / d, 257)
    inside = spectrum(band)
    top = band[np.nonzero(inside > 1e-9 * inside.max())[0][-1]]
    q, w = np.polynomial.legendre.leggauss(points)
    f = (q + 1) / 2 * top
    w = w * spectrum(f) ** 2
    x = np.arange(taps // 2) + 0.5
    cos = lambda f: 2 * np.cos(2 * np.pi * np.outer(f, x))
    rows = [(0.5 if 2 * r == d else 1.0, cos(s * f + r / d)) for r in range(1, d // 2 + 1) for s in (1, -1)]
    # All that keeps G(0).
    free = np.linalg.qr(np.column_stack([np.ones(len(x)), np.eye(len(x))[:, 1:]]))[0][:, 1:]
    start, passed = np.full(len(x), 0.5 / len(x)), np.ones(points)
    for _ in range(3):
        a = np.concatenate([np.sqrt(a * w)[:, None] / np.abs(passed)[:, None] * row for a, row in rows])
        half = start + free @ np.linalg.lstsq(a @ free, -a @ start, rcond=1e-15)[0]
        passed = cos(f) @ half
    return half


def main():
    print("//! Made by `scripts/coarse_prototypes.py`; do not edit.\n")
    print("use super::Prototype;\n")
    found = [(m, d, prototype(ratio, d, int(m * d))) for m, ratio in RATIOS.items() for d in STEPS if m * d % 2 == 0]
    print("/// For each size and factor the taps behind the middle.")
    print("#[rustfmt::skip]")
    print(f"pub(super) static PROTOTYPES: [Prototype; {len(found)}] = [")
    for m, d, half in found:
        print(f"    Prototype {{ halves: {int(2 * m)}, factor: {d}, taps: &[")
        numbers = [np.format_float_scientific(np.float32(tap), unique=True, trim="0") for tap in half]
        for i in range(0, len(numbers), 7):
            print("        " + ", ".join(numbers[i : i + 7]) + ",")
        print("    ] },")
    print("];")


main()
