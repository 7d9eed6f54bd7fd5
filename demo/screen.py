"""What the demonstration prints: a line for each thing that happens, and a bar of the traffic each second."""
import sys
import textwrap
import threading
import time

COLOURS = {"dim": "2", "bold": "1", "good": "32", "bad": "31", "1": "34", "2": "32", "3": "35", "4": "33"}
BAR, WIDTH = 50, 120


class Screen:
    def __init__(self, out=sys.stdout):
        self.out, self.colour = out, out.isatty()
        self.began = time.monotonic()
        self.lock = threading.Lock()

    def paint(self, text, style):
        return f"\033[{COLOURS[style]}m{text}\033[0m" if self.colour and style in COLOURS else text

    def write(self, text=""):
        with self.lock:
            print(text, file=self.out, flush=True)

    def stamp(self, text, style=None):
        first, *more = textwrap.wrap(text, WIDTH)
        self.write("\n".join([f"{time.monotonic() - self.began:6.1f} s  {self.paint(first, style)}",
                              *(" " * 10 + self.paint(line, style) for line in more)]))

    def chapter(self, text):
        self.write()
        self.stamp(text, "bold")

    def note(self, text, style="dim"):
        """A paragraph under the line before it."""
        for line in textwrap.wrap(text, WIDTH):
            self.write(" " * 10 + self.paint(line, style))

    def bar(self, line):
        """One second of traffic: a digit for each 2 % that a version answered, x where the answer was an error."""
        parts, counts = [], []
        answered = max(line["answered"], 1)
        for version, seen in sorted(line["versions"].items()):
            good = sum(n for code, n in seen["codes"].items() if code.startswith("2"))
            bad = sum(seen["codes"].values()) - good
            name = version or "?"
            counts.append(f"v{name} {good + bad}" + (f" ({bad} errors)" if bad else ""))
            parts += [(good / answered, name[-1], version), (bad / answered, "x", "bad")]
        text = "".join(self.paint(char * width, style) for width, char, style in fit(parts) if width)
        p99 = line["latency"]["p99_ms"]
        lost = sum(line["failed"].values())
        self.write(f"{time.monotonic() - self.began:6.1f} s  |{text}|  {', '.join(counts)}, p99 {p99:.1f} ms"
                   + (self.paint(f", {lost} LOST", "bad") if lost else ""))


def fit(parts):
    """Widths that add up to BAR, at least one for whatever is there at all."""
    widths = [max(1, round(share * BAR)) if share > 0 else 0 for share, _, _ in parts]
    if widths and sum(widths):
        widths[widths.index(max(widths))] += BAR - sum(widths)
    return [(width, char, style) for width, (_, char, style) in zip(widths, parts)]
