#!/usr/bin/python3
"""Prints judge_exact.table: the evidence of lib/judge_ratio.h with 60 decimal digits, from the formulas and nothing else."""
from decimal import Decimal as D, getcontext

getcontext().prec = 60
GRID = [D("1.4"), D(2), D(3), D(5), D(10), D(25)]
SHARE = [D(".1"), D(".25"), D(".25"), D(".15"), D(".15"), D(".1")]
CASES = [
    ("nothing but good requests", "ABOVE", "1", "1", "0", [(950, 0, 50, 0)]),
    ("three failures beside a clean stable", "ABOVE", "1", "1", "0", [(950, 0, 50, 3)]),
    ("a split that changes", "ABOVE", "1.5", "1", "0", [(950, 2, 50, 1), (750, 1, 250, 2), (500, 3, 500, 9)]),
    ("a tick at its cap", "ABOVE", "1", "1", "0", [(1000, 0, 1000, 500), (1000, 4, 1000, 6)]),
    ("bursts", "ABOVE", "1", "2.5", "0", [(950, 7, 50, 4), (950, 3, 50, 0), (950, 0, 50, 5)]),
    ("rare in much", "ABOVE", "1", "1", "0", [(1_000_000_000, 20, 50_000_000, 3)]),
    ("huge counts", "ABOVE", "1.1", "1", "0", [(10**15, 10**6, 10**15, 10**6)]),
    ("not much worse", "BELOW", "2", "1", "0", [(950, 20, 50, 1), (750, 12, 250, 4), (500, 10, 500, 10)]),
    ("not much worse, in bursts", "BELOW", "1.5", "4", "0", [(950, 30, 50, 0), (750, 12, 250, 1), (500, 0, 500, 0)]),
    ("slower than the median", "ABOVE", "1.5", "1", "0.5", [(950, 475, 50, 41), (750, 360, 250, 210), (500, 250, 500, 260)]),
    ("slower than a usual share, in bursts", "ABOVE", "1.2", "3", "0.125", [(950, 120, 50, 11), (1900, 200, 100, 30)]),
]


def slope(y, b):
    return (y / (1 / b + (1 - 1 / b) * y)).ln()


def rho(r, usual):
    return r / (1 + (r - 1) * usual)


def log_e(side, r0, b, usual, ticks):
    r0, b, usual = D(r0), D(b), D(usual)
    cap = D(20).ln()
    e, unspent = [D(0)] * len(GRID), D(1)
    for t, (n_a, x_a, n_b, x_b) in enumerate(ticks):
        left = D("0.05") * 60 / (60 + t)
        most = rho(r0, usual)
        null = most * n_b / (n_a + most * n_b)
        for k, g in enumerate(GRID):
            r = rho(r0 * g if side == "ABOVE" else r0 / g, usual)
            pi = r * n_b / (n_a + r * n_b)
            gain = min(cap, x_b * slope(pi / null, b) + x_a * slope((1 - pi) / (1 - null), b))
            e[k] = (e[k] + (unspent - left) * SHARE[k]) * gain.exp()
        unspent = left
    return (unspent + sum(e)).ln()


print("/* Printed by judge_exact.py. */")
for name, side, r0, b, usual, ticks in CASES:
    rows = ", ".join("{ %d, %d, %d, %d }" % t for t in ticks)
    print('{ "%s", JUDGE_%s, %s, %s, %s, { %s }, %.25s },' % (name, side, r0, b, usual, rows, log_e(side, r0, b, usual, ticks)))
