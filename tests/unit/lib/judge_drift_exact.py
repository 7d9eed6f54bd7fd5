#!/usr/bin/python3
"""Prints judge_drift_exact.table: the evidence of lib/judge_drift.h with 60 decimal digits, from the formulas and nothing else."""
from decimal import Decimal as D, getcontext

getcontext().prec = 60
GRID = [D("1.4"), D("2.5"), D(6)]
CASES = [  # name, rho, slack, ticks of (stable's classes, candidate's classes); the last class is of labels not seen with stable
    ("the same", "1.5", "0", [((90, 10, 0), (9, 1, 0))]),
    ("one class more", "1.5", "0.005", [((900, 100, 0), (40, 10, 0)), ((900, 90, 0), (38, 14, 0))]),
    ("a class that stable never gives", "2", "0.001", [((500, 500, 0), (20, 20, 9)), ((510, 480, 0), (22, 19, 8))]),
    ("rarer", "1.2", "0.01", [((500, 500, 0), (90, 10, 0)), ((500, 510, 0), (80, 20, 0))]),
    ("a tick at its cap", "1.5", "0", [((1000, 1000, 0), (2000, 5, 0))]),
    ("huge", "1.5", "0.005", [((10**14, 10**13, 0), (10**14, 10**13, 0))]),
]


def step(r, r0, slack, burst, n, x):
    z = (n[0] + r0 * n[1]) / (n[0] + r * n[1])
    y = z * r / r0
    slope = lambda v: (v / (1 / burst + (1 - 1 / burst) * v)).ln()
    return min(D(20).ln(), x[1] * slope(y) + x[0] * slope(z) - n[1] * slack * abs(y - 1) / burst)


def dispersion(total, weight):
    w = 4 + weight
    d, error = (4 + total) / w, (2 / w).sqrt()
    return d * (1 + error) if d > 1 + error else D(1)


def log_e(rho, slack, ticks):
    rho, slack = D(rho), D(slack)
    classes = len(ticks[0][0])
    e = {(k, side, i): D(0) for k in range(classes) for side in (0, 1) for i in range(3)}
    unspent, total, weight, before = D(1), D(0), D(8), None  # as watched before
    for t, (stable, candidate) in enumerate(ticks):
        n = (D(sum(stable)), D(sum(candidate)))
        left = D("0.05") * 60 / (60 + t)
        burst = (1 + dispersion(total, weight)) / 2
        for (k, side, i), wealth in e.items():
            r0 = 1 / rho if side else rho
            r = r0 / GRID[i] if side else r0 * GRID[i]
            gain = step(r, r0, slack, burst, n, (D(stable[k]), D(candidate[k])))
            e[k, side, i] = (wealth + (unspent - left) / len(e)) * gain.exp()
        unspent = left
        if before:
            n1, n2 = D(sum(stable)), D(sum(before))
            chi, freedom = D(0), -1
            for x1, x2 in zip(stable, before):
                if x1 + x2:
                    chi += (x1 / n1 - x2 / n2) ** 2 / (D(x1 + x2) / (n1 + n2) * (1 / n1 + 1 / n2) * (n1 + n2) / (n1 + n2 - 1))
                    freedom += 1
            if freedom > 0:
                total += freedom * min(chi / freedom, 16 * dispersion(total, weight))
                weight += freedom
        before = stable
    return (unspent + sum(e.values())).ln()


print("/* Printed by judge_drift_exact.py. */")
for name, rho, slack, ticks in CASES:
    rows = ", ".join("{ { %s }, { %s } }" % (", ".join(map(str, s)), ", ".join(map(str, c))) for s, c in ticks)
    print('{ "%s", %s, %s, %d, { %s }, %.25s },' % (name, rho, slack, len(ticks), rows, log_e(rho, slack, ticks)))
