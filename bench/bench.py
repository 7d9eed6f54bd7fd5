#!/usr/bin/python3
"""The numbers, measured in one run on this machine: `make bench`. A table on the terminal, everything in build/bench.json.

    bench/bench.py [--only transfer|scoring|switching] [--rounds 3] [--size-mib 1024] [--seconds 10]
"""
import argparse
import json
import pathlib
import signal
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "demo"))

from report import MIB, machine, say, table  # noqa: E402
from scoring import Scoring  # noqa: E402  (after the path to demo/)
from stack import ROOT, Failure, Stack  # noqa: E402
from switching import Switching  # noqa: E402
from transfer import Transfer  # noqa: E402


def transfer(options):
    with Stack("sluice-bench") as stack:
        stack.start_registry()
        return Transfer(stack, options.size_mib * MIB, options.rounds, say).run()


def scoring(options):
    with Stack("sluice-bench") as stack:
        stack.start_registry()
        return Scoring(stack, options.seconds, say).run()


def switching(options):
    with Stack("sluice-bench") as stack:
        stack.start_registry()
        stack.add_token("prometheus", "reader")
        stack.start_rollout(ROOT / "demo/policies")
        stack.start_prometheus()
        return Switching(stack, options.rounds, say).run()


def print_transfer(r):
    print(f"Transfer of {r['size_mib']} MiB, {r['rounds']} rounds in turn; registryd had {r['registryd_peak_mib']:.1f} MiB resident at most\n")
    print(table(["way", "median MiB/s", "all rounds"],
                [[name, f"{r['median_mib_s'][name]:.0f}", " ".join(f"{v:.0f}" for v in all_)] for name, all_ in r["mib_s"].items()]))
    print(table(["ratio in the same round", "median"], [[name, f"{v:.2f}"] for name, v in r["median_ratio"].items()]))


def print_scoring(r):
    print("Scoring, Poisson schedule, latency from when each request was due, loadgen on the same cores\n")
    for file, rates in r["rates"].items():
        print(table([f"{file}: rows", "requests/s", "p50 ms", "p99 ms", "p99.9 ms", "within 50 ms", "failed", "scorer CPU us/request"],
                    [[x["batch"], x["rate"], f"{x['p50_ms']:.2f}", f"{x['p99_ms']:.2f}", f"{x['p999_ms']:.2f}",
                      f"{100 * x['good_share']:.1f} %", x["failed"], f"{x['cpu_us']:.0f}"] for x in rates]))
    if r["libxgboost_us"]:
        print(table(["libxgboost through Python, one thread: model and rows", "us/call"],
                    [[name, f"{us:.0f}"] for name, us in r["libxgboost_us"].items()]))


def print_switching(r):
    names = {"last_request_ms": "ctl rollback: command to last request on the old route", "command_ms": "ctl rollback: command to its end",
             "scrape_to_zero_ms": "breach: first scrape that shows an error to weight 0",
             "exposed_ms": "breach: candidate's first request to its last"}
    print(f"Switching under load; {r['failed']} requests without an answer, errors by version {r['not_2xx']}\n")
    print(table(["time", "median ms", "worst ms", "times measured"],
                [[text, f"{r['median'][k]:.0f}", f"{r['max'][k]:.0f}", len(r[k])] for k, text in names.items()]))


def interrupted(number, _frame):
    raise Failure(f"interrupted by {signal.Signals(number).name}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parts = {"transfer": (transfer, print_transfer), "scoring": (scoring, print_scoring), "switching": (switching, print_switching)}
    parser.add_argument("--only", choices=list(parts), help="one part of it")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--size-mib", type=int, default=1024, help="of the artifact")
    parser.add_argument("--seconds", type=int, default=10, help="at each request rate")
    options = parser.parse_args()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, interrupted)
    results = {"machine": machine()}
    m = results["machine"]
    print(f"{m['at']}: {m['cores']} cores of {m['cpu']}, {m['memory_gib']} GiB, Linux {m['kernel']}, load {m['load_before']:.2f} before\n")
    try:
        for name, (measure, show) in parts.items():
            if options.only in (None, name):
                results[name] = measure(options)
                show(results[name])
    except Failure as e:
        print(f"bench: {e}", file=sys.stderr)
        return 1
    out = ROOT / "build" / "bench.json"
    out.parent.mkdir(exist_ok=True)
    out.write_text(json.dumps(results, indent=2) + "\n")
    print(f"everything is in {out.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
