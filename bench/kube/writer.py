#!/usr/bin/python3
"""Another writer of one object, as fast as the server lets it, until its input ends; prints how often it wrote.

    writer.py KUBECONFIG PATH
"""
import pathlib
import sys
import threading

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tests/cluster"))

from hollow import KeptApi  # noqa: E402


def main():
    api, n, over = KeptApi.from_kubeconfig(sys.argv[1]), 0, threading.Event()
    threading.Thread(target=lambda: (sys.stdin.read(), over.set()), daemon=True).start()
    while not over.is_set():
        api.patch(sys.argv[2], {"metadata": {"annotations": {"writer": str(n)}}})
        n += 1
    print(n)


if __name__ == "__main__":
    main()
