#!/usr/bin/python3
"""rolloutd on Kubernetes in numbers: `make bench-kube`. Tables on the terminal, everything in build/bench-kube.json.

    bench/kube/kube.py [--rollouts 5000] [--made 100] [--moving 200] [--seconds 120] [--step 20] [--tick 5] [--adopted 20]
                       [--rollbacks 100] [--rate 2] [--contended 10] [--takeovers 3] [--pauses 1] [--rush 0] [--nice 0]
                       [--only moving|back|takeover ...]

A real API server on etcd; pods, their controllers and the gateway are stand-ins (hollow.py), and so is Prometheus. rolloutd makes some
ModelRollouts (`made`), the rest are copies of one of them (cloning.py). rolloutd starts with all of them there. Then so many of them are
under way, one step to the next every `step` seconds and from version to version, for so long: memory, and how long rolloutd takes from
knowing something to having acted on it; then for --rush seconds as fast as they can. Then candidates turn bad, `rate` a second, alone and
beside other writers of their route: from the verdict to the weights being written. Then leaders are killed, and one stands still until
its lease is over: until the next one acts, and by the API server's audit log whether two ever did.

An hour in which 200 rollouts are under way sees 400 of them through the half hour of policies/canary.yaml and judges them 144,000 times,
every 5 s. `--seconds 720 --tick 1` judges as often and sees 2,400 through. On a machine that does other things, too, `--nice -10` lets
rolloutd alone go first, as its share of a processor does in a cluster.
"""
import argparse
import datetime
import json
import os
import pathlib
import shutil
import signal
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
for folder in ("tests/component", "tests/cluster", "bench"):
    sys.path.insert(1, str(ROOT / folder))

from going_back import go_back  # noqa: E402
from moving import move, start_up  # noqa: E402
from report import machine, table  # noqa: E402
from taking_over import take_over  # noqa: E402
from testsite import Site  # noqa: E402

PARTS = ("moving", "back", "takeover")


def run(site, options, result):
    site.start()
    result["make"] = site.make()
    result["start"] = start_up(site)
    if "moving" in options.only:
        result["move"] = move(site, options.seconds, options.step)
        if options.rush:
            result["rush"] = move(site, options.rush, 0)
    if {"back", "takeover"} & set(options.only):
        site.write_down()
    if "back" in options.only:
        result["back"] = go_back(site)
    if "takeover" in options.only:
        result["takeover"] = take_over(site)


def moving_rows(r):
    return [["seconds, load of the machine", f"{r['seconds']:.0f}, {r['load']:.1f}"],
            ["steps taken, rollouts done", f"{r['steps']}, {r['rollouts']}"],
            ["resident memory: most, at the end", f"{r['rss_most_mib']:.1f}, {r['rss_end_mib']:.1f} MiB"],
            ["its slope in the second half", f"{r['rss_slope_mib_per_hour']:+.2f} MiB an hour"],
            ["passes over a target", f"{r['passes']:.0f}"],
            ["known to pass done (reconcile): mean; p50, p99, p99.9 below",
             f"{r['reconcile_mean_ms']:.2f}; {r['reconcile_ms'][0.5]:g}, {r['reconcile_ms'][0.99]:g}, {r['reconcile_ms'][0.999]:g} ms"],
            ["a round of the loop: mean; p50, p99 below",
             f"{r['round_mean_ms']:.2f}; {r['round_ms'][0.5]:g}, {r['round_ms'][0.99]:g} ms"],
            ["targets that a round had to pass over: median, most", f"{r['queue']['median']:g}, {r['queue']['most']:g}"],
            ["processor time of rolloutd: in all, a pass", f"{r['cpu_s']:.1f} s, {1e6 * r['cpu_s'] / r['passes']:.0f} us"],
            ["ready to run, but no processor free", f"{r['waited_s']:.1f} s"],
            ["events of watches, a second", f"{r['events'] / r['seconds']:.0f}"],
            ["API calls a second; mean, p50, p99 below",
             f"{r['api_calls'] / r['seconds']:.0f}; {r['api_mean_ms']:.1f}, {r['api_ms'][0.5]:g}, {r['api_ms'][0.99]:g} ms"],
            *[[f"{name}: memory, processor time", f"{r['server_mib'][name]:.0f} MiB, {cpu:.0f} s"] for name, cpu in r["server_cpu_s"].items()]]


def show(options, r):
    print(f"{options.rollouts} ModelRollouts, {options.adopted} of them with Adopted routes, {options.moving} moving; "
          f"{r['make']['made']} of them made by rolloutd in {r['make']['seconds']:.0f} s\n")
    for key, what in (("move", f"moving, a step every {options.step:g} s"), ("rush", "moving as fast as they can")):
        if key in r:
            print(table([what, "measured"], moving_rows(r[key])))
    s = r["start"]
    print(table(["start: seconds since it was started", "measured"],
                [["leads", f"{s['lists_s']:.2f}"], ["has read all records", f"{s['records_s']:.2f}"],
                 ["first pass over a target", f"{s['first_s']:.2f}"], ["a pass over each", f"{s['all_s']:.2f}"],
                 ["memory then", f"{s['rss_mib']:.1f} MiB"], ["processor time so far", f"{s['cpu_s']:.2f}"]]))
    if "back" in r:
        print(table(["verdict to weights written, ms", "n", "p50", "p99", "most", "API server's part, p50", "p99", "the rest, p50", "p99",
                     "most tries"],
                    [[k, b["n"], b["p50_ms"], b["p99_ms"], b["most_ms"],
                      *(f"{b[part]:.1f}" for part in ("server_p50_ms", "server_p99_ms", "own_p50_ms", "own_p99_ms")), b["tries_most"]]
                     for k, b in r["back"].items()]))
    if "takeover" in r:
        t = r["takeover"]
        print(table([f"leader lost to the next one's first write, lease of {t['lease_s']} s", "s"],
                    [[how, ", ".join(f"{g:.1f}" for g in gaps)] for how, gaps in t["seconds"].items()]))
        print(f"{t['writes']} writes in the order in which they landed: {'; '.join(f'{n} with epoch {e}' for _, e, n in t['turns'])}\n")


def parse():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, fallback in (("rollouts", 5000), ("made", 100), ("moving", 200), ("adopted", 20), ("rollbacks", 100), ("contended", 10),
                           ("takeovers", 3), ("pauses", 1), ("nice", 0)):
        p.add_argument(f"--{name}", type=int, default=fallback)
    for name, fallback in (("seconds", 120), ("step", 20), ("tick", 5), ("rush", 0), ("rate", 2)):
        p.add_argument(f"--{name}", type=float, default=fallback)
    p.add_argument("--only", nargs="+", choices=PARTS, default=PARTS)
    return p.parse_args()


def main():
    options = parse()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    folder = tempfile.mkdtemp(prefix="sl.")
    result = {"machine": machine(), "options": vars(options)}
    site = Site(options, folder, os.environ["KUBE_BIN"])
    try:
        run(site, options, result)
        show(options, result)
    except BaseException:
        for d in site.daemons:
            print("---", d.log.name, d.log_text()[-6000:], sep="\n", file=sys.stderr)
        raise
    finally:
        site.stop()
        shutil.rmtree(folder, ignore_errors=True)
        result["at"] = datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds")
        (ROOT / "build").mkdir(exist_ok=True)
        (ROOT / "build/bench-kube.json").write_text(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
