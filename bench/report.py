"""What the benchmarks share: which machine this is, lines as they go, and tables."""
import datetime
import os
import platform
import sys

MIB = 1 << 20


def say(text):
    print("    " + text, file=sys.stderr, flush=True)


def machine():
    cpu = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), platform.machine())
    memory = next(int(line.split()[1]) for line in open("/proc/meminfo") if line.startswith("MemTotal")) // MIB
    return {"cpu": cpu, "cores": len(os.sched_getaffinity(0)), "memory_gib": memory, "kernel": platform.release(),
            "load_before": os.getloadavg()[0], "at": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds")}


def table(head, rows):
    """Markdown, so that it can go into docs/benchmarks.md as it is."""
    rows = [[str(cell) for cell in row] for row in [head, *rows]]
    widths = [max(len(row[i]) for row in rows) for i in range(len(head))]
    lines = ["| " + " | ".join(cell.ljust(w) for cell, w in zip(row, widths)) + " |" for row in rows]
    return "\n".join([lines[0], "|" + "|".join("-" * (w + 2) for w in widths) + "|", *lines[1:], ""])
