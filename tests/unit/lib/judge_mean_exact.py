#!/usr/bin/python3
"""Prints judge_mean_exact.table: the evidence of lib/judge_mean.h from exact moments, and a logarithm of 50 digits."""
from decimal import Decimal, getcontext
from fractions import Fraction as F

getcontext().prec = 50
G = F(1, 10)
CASES = [  # name, k, c, pairs of (stable's sum of 50, candidate's sum of 50)
    ("two pairs", F(1), F(0), [(100, 110), (90, 120)]),
    ("six pairs that differ", F(1), F(0), [(100, 110), (90, 120), (95, 99), (105, 130), (99, 118), (101, 122)]),
    ("within what it may", F(1), F(1), [(100, 110), (90, 120), (95, 99), (105, 130), (99, 118), (101, 122)]),
    ("relative", F(11, 10), F(0), [(100, 110), (90, 120), (95, 99), (105, 130), (99, 118), (101, 122)]),
    ("both rise together", F(1), F(0), [(100, 101), (200, 202), (300, 301), (400, 403), (500, 501)]),
    ("below nothing", F(1), F(0), [(-100, -150), (-90, -160), (-110, -140), (-100, -155), (-105, -149)]),
]


def dec(f):
    return Decimal(f.numerator) / Decimal(f.denominator)


print("/* Printed by judge_mean_exact.py. */")
for name, k, c, pairs in CASES:
    d = [F(b, 50) - k * F(a, 50) - c for a, b in pairs]
    n, m = len(d), sum(d) / len(d)
    ratio = n * m * m / sum((v - m) ** 2 for v in d)
    log_e = Decimal(n) / 2 * dec((1 + ratio) / (1 + ratio / (1 + n * G))).ln() - dec(1 + n * G).ln() / 2
    rows = ", ".join("{ %d, %d }" % p for p in pairs)
    print('{ "%s", %d / %d.0, %d / %d.0, %d, { %s }, %.25s },' %
          (name, k.numerator, k.denominator, c.numerator, c.denominator, len(pairs), rows, log_e))
