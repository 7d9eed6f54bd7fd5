#!/usr/bin/python3
"""Simulates the judge beside others' rules and writes the figures and the plots into docs/judge.md and docs/judge-*.svg.

report.py [RUNS [errors | latency]]: 2000 runs of both parts if nothing is said.
"""
import json
import os
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
CTL = pathlib.Path(os.environ.get("SLUICE_BIN", ROOT / "build/release/bin")) / "ctl"
DOC, GOOD_SVG, BAD_SVG = ROOT / "docs/judge.md", ROOT / "docs/judge-good.svg", ROOT / "docs/judge-bad.svg"
BEGIN, END = "<!-- figures: written by make bench-judge -->", "<!-- end of figures -->"
LATENCY_BEGIN, LATENCY_END = "<!-- latency figures: written by make bench-judge -->", "<!-- end of latency figures -->"
RATES, LEVELS = (10, 100, 1000), ("0.2", "0.5", "0.8")


def simulate(policy, runs, *args):
    out = subprocess.run(
        [CTL, "simulate", ROOT / "bench/judge" / policy, "--runs", str(runs), "-o", "json", *args], check=True, capture_output=True, text=True
    )
    return json.loads(out.stdout)


def rules(scenario):
    return {r["rule"]: r for r in scenario["rules"]}


def seconds(s):
    if s is None:
        return "-"
    return f"{s:.0f} s" if s < 120 else f"{s / 60:.1f} min"


def good_table(scenarios, names):
    rows = ["| good release | " + " | ".join(names) + " |", "|---|" + "---|" * len(names)]
    for s in scenarios:
        r = rules(s)
        rows.append(f"| {s['name'].removeprefix('good, ')} | " + " | ".join(f"{r[n]['rolled_back_percent']:.1f} %" for n in names) + " |")
    return rows


def best_cells(s, mine):
    best = s["best"]
    if not best or not best["median_s"]:
        return "- | -"
    return f"{best['rolled_back_percent']:.0f} %, {seconds(best['median_s'])} | {mine['median_s'] / best['median_s']:.2f}"


def bad_table(scenarios, names):
    rows = ["| bad release | bound | best | sluice / best | errors seen | " + " | ".join(names) + " |", "|---|---|---|---|---|" + "---|" * len(names)]
    for s in scenarios:
        r, mine = rules(s), rules(s)["sluice"]
        cells = [f"{r[n]['rolled_back_percent']:.0f} %, {seconds(r[n]['median_s'])}" for n in names]
        rows.append(
            f"| {s['name'].removeprefix('bad, ')} | {seconds(s['bound_s'])} | {best_cells(s, mine)} | "
            f"{mine['errors_seen']:.0f} | " + " | ".join(cells) + " |"
        )
    return rows


def errors(runs):
    """The table of errors, and the worst row of good releases."""
    good = simulate("two-steps.yaml", runs, "--only", "good", "--svg", GOOD_SVG)["scenarios"]
    bad = simulate("small.yaml", runs, "--only", "bad", "--svg", BAD_SVG)["scenarios"]
    names = [r["rule"] for r in good[0]["rules"]]
    worst = max(rules(s)["sluice"]["rolled_back_percent"] for s in good)
    return worst, [
        f"{runs} rollouts of half an hour a row, ticks of 5 s, seed 1. Good ones under `bench/judge/two-steps.yaml` (5 %, then 25 %), bad ones "
        f"under `bench/judge/small.yaml` (5 % all the time); both state `false_rollback_percent: 1`. The worst row of good releases: "
        f"{worst:.2f} % rolled back.",
        "",
        *bad_table(bad, names),
        "",
        *good_table(good, names),
    ]


RATE_FLAGS = [arg for rate in RATES for arg in ("--rate", str(rate))]
KINDS = (("calm", ()), ("shared incident", ("--incident", "5")), ("bursts of 5", ("--burst", "5")),
         ("bursts, incident", ("--burst", "5", "--incident", "5")))


def found(scenario):
    mine = rules(scenario)["sluice"]
    return f"{mine['rolled_back_percent']:.0f} %, {seconds(mine['median_s'])}"


def latency(runs):
    rows, worst = [], 0
    rows += ["| slower release | with quantiles | objective alone |", "|---|---|---|"]
    for medians in ("8:16", "8:12", "8:10"):
        args = (*RATE_FLAGS, "--errors", "0.2", "--latency", medians)
        alone = simulate("objective.yaml", runs // 4, *args)["scenarios"]
        for rate, with_them, without in zip(RATES, simulate("latency.yaml", runs // 4, *args)["scenarios"], alone):
            rows.append(f"| {rate}/s, median {medians.replace(':', ' ms, now ')} ms | {found(with_them)} | {found(without)} |")
    rows += ["", "| equally fast release | rolled back |", "|---|---|"]
    for name, flags in KINDS:
        for rate, s in zip(RATES, simulate("latency.yaml", runs, *RATE_FLAGS, "--errors", "0.2", "--latency", "8", *flags)["scenarios"]):
            percent = rules(s)["sluice"]["rolled_back_percent"]
            worst = max(worst, percent)
            rows.append(f"| {rate}/s, {name} | {percent:.2f} % |")
    return worst, [
        f"{runs} rollouts of half an hour a row of good releases and {runs // 4} of bad ones, under `bench/judge/latency.yaml`: errors, an objective of 100 ms and stable's p50, p90 "
        f"and p99, five comparisons that share `false_rollback_percent: 1`. Latencies are lognormal with a p99 of four medians; in an incident both versions take twice "
        f"as long. The worst row of equally fast releases: {worst:.2f} % rolled back.",
        "",
        *rows,
    ]


PARTS = {"errors": (errors, BEGIN, END), "latency": (latency, LATENCY_BEGIN, LATENCY_END)}


def main():
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 2000
    most = 0
    for part in sys.argv[2:] or PARTS:
        figures, begin, end = PARTS[part]
        worst, text = figures(runs)
        before, rest = DOC.read_text().split(begin)
        DOC.write_text(before + "\n".join([begin, *text, end]) + rest.split(end)[1])
        print("\n".join(text))
        most = max(most, worst)
    return 0 if most <= 1 else 1


if __name__ == "__main__":
    sys.exit(main())
