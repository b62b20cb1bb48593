"""`:name` becomes `$n`, and nothing else that has a colon in it changes."""

from __future__ import annotations

import re

import pytest

from twostep.store.engine.postgres_sql import CASCADING, statement
from twostep.store.engine.schema import MIGRATIONS


@pytest.mark.parametrize(
    ("sql", "text", "names"),
    [
        ("SELECT 1", "SELECT 1", ()),
        ("SELECT a FROM t WHERE b = :b", "SELECT a FROM t WHERE b = $1", ("b",)),
        ("SELECT :b, :a, :b", "SELECT $1, $2, $1", ("b", "a")),
        ("SELECT :now_at+:n", "SELECT $1+$2", ("now_at", "n")),
        ("SELECT now()::text, :a::bigint", "SELECT now()::text, $1::bigint", ("a",)),
        ("SELECT ':a', :a", "SELECT ':a', $1", ("a",)),
        ("SELECT 'it''s :a', :b", "SELECT 'it''s :a', $1", ("b",)),
        ('SELECT ":a" FROM t', 'SELECT ":a" FROM t', ()),
        ("SELECT 1 WHERE k LIKE 'code.%'", "SELECT 1 WHERE k LIKE 'code.%'", ()),
    ],
)
def test_parameters_are_numbered(sql: str, text: str, names: tuple[str, ...]) -> None:
    asked = statement(sql)
    assert (asked.text, asked.names) == (text, names)


def test_a_statement_knows_whether_it_reads_and_which_tables_it_touches() -> None:
    read = statement("SELECT a FROM t JOIN u ON t.id = u.id WHERE t.id = (SELECT id FROM v)")
    assert read.is_read
    assert read.tables == {"t", "u", "v"}
    for write, tables in (
        ("UPDATE t SET a = 1", {"t"}),
        ("INSERT INTO t (a) VALUES (:a) ON CONFLICT (a) DO UPDATE SET a = :a", {"t", "SET"}),
        ("WITH due (i) AS (SELECT id FROM t) UPDATE t SET a = 1 FROM due", {"t", "due"}),
    ):
        assert not statement(write).is_read
        assert statement(write).tables == tables


def test_a_delete_may_reach_any_table_by_cascade() -> None:
    assert statement("DELETE FROM sessions WHERE id = :id").tables is None
    assert statement("DELETE FROM throttles WHERE key = :key").tables == {"throttles"}


def test_the_tables_with_cascades_are_those_of_the_schema() -> None:
    versions = (MIGRATIONS / "versions").glob("v*")
    made = "".join(path.read_text(encoding="utf-8") for path in versions)
    referred = re.findall(r"REFERENCES (\w+)", made)
    assert set(referred) == CASCADING
