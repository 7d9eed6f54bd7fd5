"""registryd: bringing a database up to date, and keeping off one that it does not understand."""

import pytest

from sluice import ROOT

STEPS = sorted((ROOT / "registryd" / "migrations").glob("*.sql"))
BOOKS = ("CREATE SCHEMA registry; CREATE TABLE registry.migration (number integer PRIMARY KEY, name text NOT NULL,"
         " applied_at timestamptz NOT NULL DEFAULT now());")


def applied(postgres, db):
    return postgres.psql(db, "SELECT string_agg(number || ' ' || name, ',' ORDER BY number) FROM registry.migration")


def apply_by_hand(postgres, db, steps):
    for i, step in enumerate(steps, 1):
        postgres.psql(db, f"BEGIN; {step.read_text()}; INSERT INTO registry.migration VALUES ({i}, '{step.stem}'); COMMIT")


def test_migrations_are_numbered_without_gaps():
    assert [int(s.name.split("_")[0]) for s in STEPS] == list(range(1, len(STEPS) + 1))


@pytest.mark.parametrize("n", range(len(STEPS) + 1))
def test_each_earlier_schema_is_brought_up_to_date(postgres, make_registry, n):
    db = postgres.new_database()
    postgres.psql(db, BOOKS)
    apply_by_hand(postgres, db, STEPS[:n])
    registry = make_registry(db).start()
    assert applied(postgres, db) == ",".join(f"{i} {s.stem}" for i, s in enumerate(STEPS, 1))
    registry.model("works")
    registry.version("works", registry.files(f=b"x"))


def test_many_programs_may_start_at_once_on_an_empty_database(postgres, make_registry):
    db = postgres.new_database()
    many = [make_registry(db) for _ in range(4)]
    for r in many:
        r.daemon.launch()
    for r in many:
        r.daemon.launch = lambda: None  # under way already: only wait
        r.start()
    assert sum(int(line.get("migrations_applied", 0)) for r in many for line in r.daemon.log_lines()) == len(STEPS)


def test_artifacts_are_stored_out_of_line_and_uncompressed(postgres, registry):
    storage = postgres.psql(registry.db, "SELECT DISTINCT attstorage FROM pg_attribute WHERE attname = 'data' AND attrelid IN"
                                         " (SELECT oid FROM pg_class WHERE relname LIKE 'chunk%' AND relkind IN ('r', 'p'))")
    assert storage == "e"
    assert postgres.psql(registry.db, "SELECT count(*) FROM pg_inherits WHERE inhparent = 'registry.chunk'::regclass") == "16"


@pytest.mark.parametrize("spoil, words", [
    ("INSERT INTO registry.migration VALUES (9999, '9999_tomorrow')", "newer than this program"),
    ("UPDATE registry.migration SET name = '0001_other' WHERE number = 1", "0001_other"),
])
def test_a_database_of_another_program_is_refused(postgres, make_registry, spoil, words):
    db = postgres.new_database()
    first = make_registry(db).start()
    first.daemon.stop()
    postgres.psql(db, spoil)
    second = make_registry(db)
    second.daemon.launch()
    assert second.daemon.wait() == 2 and words in second.daemon.log_text()


def test_a_database_that_is_not_utf8_is_refused(postgres, make_registry):
    r = make_registry(postgres.new_database("SQL_ASCII"))
    r.daemon.launch()
    assert r.daemon.wait() == 2 and "UTF8" in r.daemon.log_text()
