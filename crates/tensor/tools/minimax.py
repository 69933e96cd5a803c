#!/usr/bin/env python3
"""Derives the polynomial coefficients of src/math.rs (needs: pip install mpmath).

For each function: a Remez exchange minimises the largest weighted error over
an interval; then the coefficients are rounded to f32 from the highest degree
down, and after each rounding the lower ones are fitted anew, so that they
absorb what the rounding cost. (The other order would leave a basis that is
zero at t = 0, for which the exchange need not converge.)
"""
import struct
from mpmath import (mp, mpf, matrix, lu_solve, exp, expm1, log, log1p, erf,
                    erfc, sin, cos, tanh, pi, nstr)

mp.dps = 40
GRID = 1500


def f32(v):
    return mpf(struct.unpack("<f", struct.pack("<f", float(v)))[0])


def short(v):
    """The shortest decimal that reads back as the f32 v."""
    texts = (f"{float(v):.{p}g}" for p in range(1, 10))
    return next(t for t in texts if f32(t) == v)


def remez(f, w, t, exps, lo, hi):
    """Minimax of w(x) * (f(x) - sum c_i t(x)^exps_i) over [lo, hi]."""
    n = len(exps)
    grid = [(lo + hi) / 2 - (hi - lo) / 2 * cos(pi * (i + mpf(1) / 2) / GRID)
            for i in range(GRID)]
    fs, ws = [f(x) for x in grid], [w(x) for x in grid]
    pw = [[t(x) ** e for e in exps] for x in grid]
    # The grid is already Chebyshev-spaced, so equal steps in its index will do.
    ref = [round((GRID - 1) * i / mpf(n)) for i in range(n + 1)]
    for _ in range(60):
        a, b = matrix(n + 1, n + 1), matrix(n + 1, 1)
        for r, k in enumerate(ref):
            for j in range(n):
                a[r, j] = pw[k][j]
            a[r, n] = (-1) ** r / ws[k]
            b[r] = fs[k]
        sol = lu_solve(a, b)
        c, level = [sol[j] for j in range(n)], abs(sol[n])
        err = [ws[k] * (fs[k] - sum(x * y for x, y in zip(c, pw[k])))
               for k in range(GRID)]
        # One extremum per run of equal sign; keep the best n + 1 neighbours.
        ext = []
        for k, e in enumerate(err):
            if ext and (err[ext[-1]] > 0) == (e > 0):
                if abs(e) > abs(err[ext[-1]]):
                    ext[-1] = k
            else:
                ext.append(k)
        while len(ext) > n + 1:
            ext.pop(0 if abs(err[ext[0]]) < abs(err[ext[-1]]) else -1)
        worst = max(abs(e) for e in err)
        if len(ext) < n + 1 or worst <= level * (1 + mpf(10) ** -6):
            break
        ref = ext
    return c, worst


def fit(name, f, w, t, exps, lo, hi):
    _, best = remez(f, w, t, list(exps), lo, hi)
    done, left = [], list(exps)
    while left:
        g = lambda x: f(x) - sum(c * t(x) ** e for c, e in done)
        c, _ = remez(g, w, t, left, lo, hi)
        done.append((f32(c[-1]), left.pop()))
    grid = [lo + (hi - lo) * (i + mpf(1) / 3) / 4000 for i in range(4000)]
    worst = max(abs(w(x) * (f(x) - sum(c * t(x) ** e for c, e in done))) for x in grid)
    print(f"{name}: [{nstr(lo, 6)}, {nstr(hi, 6)}]  minimax 2^{nstr(log(best, 2), 5)}"
          f"  as f32 2^{nstr(log(worst, 2), 5)}")
    for c, e in reversed(done):
        print(f"    {short(c):>15}  t^{e}")


def split(name, v, parts):
    """v as a sum of `parts` f32, each the nearest to what is left."""
    out = []
    for _ in range(parts):
        out.append(f32(v))
        v -= out[-1]
    print(f"{name}: " + "  ".join(map(short, out)))


def main():
    same, sq = lambda x: x, lambda x: x * x
    tiny = mpf("1e-6")

    split("ln2", log(2), 2)
    split("log2(e)", 1 / log(2), 1)
    m = mpf("0.3467")
    fit("(e^r - 1 - r) / r^2, error relative to e^r - 1",
        lambda r: (expm1(r) - r) / r**2, lambda r: abs(r**2 / expm1(r)),
        same, range(5), -m, m)

    m = mpf("0.55")
    fit("(tanh x - x) / x^3 in x^2, error relative to tanh x",
        lambda x: (tanh(x) - x) / x**3, lambda x: x**3 / tanh(x), sq, range(5), tiny, m)

    m = mpf(1) / 3
    fit("(ln(1+f) - f + f^2/2) / f^3, error relative to ln(1+f)",
        lambda f: (log1p(f) - f + f * f / 2) / f**3,
        lambda f: f**3 / log1p(f), same, range(8), -m, m)

    m = mpf("0.85")
    fit("erf(x)/x - 1 in x^2, error relative to erf",
        lambda x: erf(x) / x - 1, lambda x: x / erf(x), sq, range(6), tiny, m)
    fit("-log2(erfc(x)), error of 1 - 2^-h relative to erf",
        lambda x: -log(erfc(x), 2), lambda x: log(2) * erfc(x) / erf(x),
        same, range(7), m, mpf(4))

    split("pi/2", pi / 2, 3)
    split("2/pi", 2 / pi, 1)
    m = mpf("0.79")
    fit("(sin r - r) / r^3 in r^2, error relative to sin r",
        lambda r: (sin(r) - r) / r**3, lambda r: r**3 / sin(r), sq, range(3), tiny, m)
    fit("(cos r - 1 + r^2/2) / r^4 in r^2, error relative to cos r",
        lambda r: (cos(r) - 1 + r * r / 2) / r**4, lambda r: r**4 / cos(r),
        sq, range(3), tiny, m)
    mp.dps = 120
    print("2/pi * 2^248:", hex(int(2 / +pi * mpf(2) ** 248)))


if __name__ == "__main__":
    main()
