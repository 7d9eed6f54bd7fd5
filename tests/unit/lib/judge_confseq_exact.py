#!/usr/bin/python3
"""Prints judge_confseq_exact.table: lib/judge_mean.h, lib/judge_effect.h and lib/judge_spread.h with 50 digits, from the formulas.

confseq (github.com/gostevehoward/confseq, test/uniform_boundaries_unittest.cpp) publishes values of bounds from continuous mixtures. One of
ours has a counterpart there: the test of a mean is for many pairs its two-sided normal mixture with rho = 1/g. What is printed as LIMIT
comes from the function that is held to the published values here. The others are mixtures over a few fixed alternatives, ratios and
shares, of which confseq has none; its bounds for Bernoulli variables are for other alternatives.
"""
import math
from decimal import Decimal as D, getcontext
from fractions import Fraction as F

getcontext().prec = 50
G = F(1, 10)


def dec(f):
    return D(f.numerator) / D(f.denominator)


# --- confseq's two-sided normal mixture, and what it publishes ---


def normal_log_mixture(s, v, rho):
    return ((rho / (v + rho)).ln() + s * s / (v + rho)) / 2


def normal_mixture_bound(v, alpha, rho):
    return ((v + rho) * ((v + rho) / (rho * alpha * alpha)).ln()).sqrt()


def best_rho(v, alpha):
    return v / (2 * (1 / alpha).ln() + (1 + 2 * (1 / alpha).ln()).ln())


RHO = best_rho(D(100), D("0.05"))
for value, published in ((RHO, "12.60056"), (normal_log_mixture(D(10), D(100), RHO), "-0.6510052"),
                         (normal_mixture_bound(D(100), D("0.05"), RHO), "30.35209")):
    assert abs(value - D(published)) < D("1e-5"), (value, published)

# --- means: right-Haar mixture over the scale, normal mixture over the effect, both integrated out by hand ---


def mean_log_e(d):
    n, s, ss = len(d), sum(d), sum(x * x for x in d)
    if s == 0:
        return D(0)
    return (dec(ss / (ss - G * s * s / (1 + n * G))).ln() * n - dec(1 + n * G).ln()) / 2


def integrated(d):
    """The same by a sum over a grid of effects and scales, in floats."""
    d, n, g = [float(x) for x in d], len(d), float(G)
    top = bottom = 0.0
    for i in range(1, 600):
        u = i * 0.02
        bottom += u ** (n - 1) * math.exp(-u * u * sum(x * x for x in d) / 2)
        for k in range(-200, 201):
            e = k * 0.02
            weight = math.exp(-e * e / (2 * g)) / math.sqrt(2 * math.pi * g) * 0.02
            top += weight * u ** (n - 1) * math.exp(-sum((u * x - e) ** 2 for x in d) / 2)
    return math.log(top / bottom)


CHECK = [F(1, 2), F(3, 2), F(1), F(-1, 4), F(2), F(5, 4)]
assert abs(integrated(CHECK) - float(mean_log_e(CHECK))) < 1e-9


def change(pairs, alpha):
    """How far below and above their average the means of b - a reach whose E is below 1/alpha, by bisection."""
    d = [b - a for a, b in pairs]
    best, ends = sum(d) / len(d), []
    for sign in (-1, 1):
        inner, outer = F(0), F(1000000)
        for _ in range(80):
            middle = (inner + outer) / 2
            if mean_log_e([x - best - sign * middle for x in d]) < (1 / D(alpha)).ln():
                inner = middle
            else:
                outer = middle
        ends.append("INFINITY" if inner > 1000 else "%.20s" % dec(inner))
    return ends


MEANS = [
    ("no change", [(5, 5), (6, 6), (4, 5), (5, 4), (5, 5), (6, 5)], "0", 0),
    ("a rise", [(5, 7), (6, 7), (4, 6), (5, 8), (5, 7), (6, 9), (5, 6), (5, 8), (6, 8), (4, 7)], "0.5", 0),
    ("a tenth more is allowed", [(10, 12), (12, 14), (9, 11), (11, 13), (10, 13), (12, 15), (10, 12)], "0.1", 1),
    ("a fall", [(50, 40), (48, 41), (52, 43), (49, 39), (51, 42), (50, 44)], "-2", 0),
]
print("/* Printed by judge_confseq_exact.py. */")
for name, pairs, by, relative in MEANS:
    d = [F(b) - (1 + F(by)) * a if relative else F(b) - a - F(by) for a, b in pairs]
    low, high = change([(F(a), F(b)) for a, b in pairs], "0.05")
    rows = ", ".join("{ %d, %d }" % p for p in pairs)
    print('MEAN("%s", %d, %s, %d, %.20s, %s, %s, %s)' % (name, len(pairs), by, relative, mean_log_e(d), low, high, rows))
for n, share in ((10 ** 6, 3), (10 ** 6, 1), (10 ** 8, 4)):
    # n pairs with variance 1 and the mean share / sqrt(n): s = share sqrt(n) in units of the standard deviation
    print("LIMIT(%d, %d, %.20s, %.20s)" % (n, share, normal_log_mixture(D(share) * D(n).sqrt(), D(n), dec(1 / G)),
                                           normal_mixture_bound(D(n), D("0.05"), dec(1 / G)) / D(n)))

# --- how many times stable's: the confidence sequence ---

RATIOS = [D("0.3"), D("0.7"), D(1), D("1.25"), D("1.5"), D(2), D(3), D(5), D(8), D(15), D(30)]
EFFECTS = [
    ("nothing known", "1", [(1000, 0, 1000, 0)]),
    ("three times", "1", [(950, 20, 50, 4), (950, 18, 50, 3), (750, 20, 250, 22)]),
    ("no worse", "1", [(50000, 500, 50000, 490), (50000, 510, 50000, 505)]),
    ("the same in bursts", "5", [(50000, 500, 50000, 490), (50000, 510, 50000, 505)]),
    ("only the candidate's", "1", [(950, 0, 50, 9)]),
    ("only stable's", "1", [(500, 40, 500, 0)]),
]
for name, dispersion, ticks in EFFECTS:
    log_l = []
    for r in RATIOS:
        total = D(0)
        for na, xa, nb, xb in ticks:
            pi, one = r * nb / (na + r * nb), D(nb) / (na + nb)
            total += xb * (pi / one).ln() + xa * ((1 - pi) / (1 - one)).ln()
        log_l.append(total / D(dispersion))
    inside = [k for k in range(len(RATIOS)) if sum((x - log_l[k]).exp() for x in log_l) / len(RATIOS) < 20]
    low = RATIOS[inside[0] - 1] if inside[0] else D(0)
    high = RATIOS[inside[-1] + 1] if inside[-1] + 1 < len(RATIOS) else "INFINITY"
    best = RATIOS[max(inside, key=lambda k: log_l[k])] if any(log_l) else D(0)
    rows = ", ".join("{ %d, %d, %d, %d }" % t for t in ticks)
    print('EFFECT("%s", %s, %d, %s, %s, %s, %s)' % (name, dispersion, len(ticks), low, best, high, rows))

# --- clustering ---

SPREADS = [
    ("nothing seen", []),
    ("one tick", [(100, 3)]),
    ("as chance has it", [(1000, 10), (1000, 13), (1000, 8), (1000, 11), (1000, 9)]),
    ("bursts", [(1000, 0), (1000, 25), (1000, 1), (1000, 30), (1000, 0), (1000, 22)]),
    ("the edge of an incident", [(1000, 1), (1000, 2), (1000, 400), (1000, 410), (1000, 395)]),
]


def dispersion_of(ticks):
    total, weight, last = D(0), D(0), None

    def now():
        d, error = (4 + total) / (4 + weight), (2 / (4 + weight)).sqrt()
        return d * (1 + error) if d > 1 + error else D(1)

    for n, x in ticks:
        if last and 1 < x + last[1] < n + last[0]:
            m, all_ = x + last[1], n + last[0]
            p, d = F(m, all_), F(x, n) - F(last[1], last[0])
            q = dec(d * d / (p * (1 - p) * (F(1, n) + F(1, last[0])) * F(all_, all_ - 1)))
            w = 1 - 1 / D(m)
            total, weight = total + w * min(q, 16 * now()), weight + w
        last = (n, x)
    return now()


for name, ticks in SPREADS:
    rows = ", ".join("{ %d, %d }" % t for t in ticks) or "{ 0, 0 }"
    print('SPREAD("%s", %d, %.20s, %s)' % (name, len(ticks), dispersion_of(ticks), rows))

# --- Wilson's lower end, from the quadratic that it solves ---

for x, n, z in ((5, 100, 3), (0, 10, 3), (7, 7, 3), (120, 100000, 3), (1, 50, 2)):
    p, zz = F(x, n), F(z * z, n)
    a, b, c = 1 + zz, -(2 * p + zz), p * p
    low = (dec(-b) - (dec(b * b - 4 * a * c)).sqrt()) / (2 * dec(a))
    print("WILSON(%d, %d, %d, %.20s)" % (x, n, z, low + 0))
