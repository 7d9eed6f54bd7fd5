#!/usr/bin/python3
"""Prints judge_count_exact.table: the evidence of lib/judge_count.h with exact fractions, and a logarithm of 50 digits."""
from decimal import Decimal, getcontext
from fractions import Fraction as F

getcontext().prec = 50
GRID = [F(6, 5), F(3, 2), F(2), F(3), F(5), F(10)]
CASES = [("nothing seen", F(1, 100), 0, 0), ("one of ten", F(1, 100), 1, 10), ("nine of three hundred", F(1, 100), 9, 300),
         ("fewer than allowed", F(1, 20), 10, 1000), ("half may be", F(1, 2), 70, 100), ("rare", F(1, 10000), 7, 20000)]

print("/* Printed by judge_count_exact.py. */")
for name, q, x, n in CASES:
    e = sum((min(g * q, (1 + q) / 2) / q) ** x * ((1 - min(g * q, (1 + q) / 2)) / (1 - q)) ** (n - x) for g in GRID) / len(GRID)
    log_e = (Decimal(e.numerator) / Decimal(e.denominator)).ln()
    print('{ "%s", %d / %d.0, %d, %d, %.25s },' % (name, q.numerator, q.denominator, x, n, log_e))
