#!/usr/bin/python3
"""Simulates the judge beside others' rules and writes the figures and the plot into docs/judge.md and docs/judge-*.svg."""
import json
import os
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
CTL = pathlib.Path(os.environ.get("SLUICE_BIN", ROOT / "build/release/bin")) / "ctl"
DOC, GOOD_SVG, BAD_SVG = ROOT / "docs/judge.md", ROOT / "docs/judge-good.svg", ROOT / "docs/judge-bad.svg"
BEGIN, END = "<!-- figures: written by make bench-judge -->", "<!-- end of figures -->"
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


def main():
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 2000
    good = simulate("two-steps.yaml", runs, "--only", "good", "--svg", GOOD_SVG)["scenarios"]
    bad = simulate("small.yaml", runs, "--only", "bad", "--svg", BAD_SVG)["scenarios"]
    names = [r["rule"] for r in good[0]["rules"]]
    worst = max(rules(s)["sluice"]["rolled_back_percent"] for s in good)
    text = [
        BEGIN,
        f"{runs} rollouts of half an hour a row, ticks of 5 s, seed 1. Good ones under `bench/judge/two-steps.yaml` (5 %, then 25 %), bad ones "
        f"under `bench/judge/small.yaml` (5 % all the time); both state `false_rollback_percent: 1`. The worst row of good releases: "
        f"{worst:.2f} % rolled back.",
        "",
        *bad_table(bad, names),
        "",
        *good_table(good, names),
        END,
    ]
    doc = DOC.read_text()
    before, rest = doc.split(BEGIN)
    DOC.write_text(before + "\n".join(text) + rest.split(END)[1])
    print("\n".join(text[1:-1]))
    return 0 if worst <= 1 else 1


if __name__ == "__main__":
    sys.exit(main())
