"""The tables of expected evidence are what their exact computations print."""
import pathlib
import subprocess
import sys

UNIT = pathlib.Path(__file__).parent.parent / "unit" / "lib"


def test_tables_of_the_judge_are_what_the_exact_computations_print():
    scripts = sorted(UNIT.glob("*_exact.py"))
    assert scripts
    for script in scripts:
        printed = subprocess.run([sys.executable, script], capture_output=True, text=True, check=True).stdout
        assert printed == script.with_suffix(".table").read_text(), script.name
