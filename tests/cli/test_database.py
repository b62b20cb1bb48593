"""`twostep db …` as an operator calls it, and an installation that moves from one engine to the other."""

from __future__ import annotations

import json
import re
from contextlib import closing

import psycopg
import pytest

from tests.cli.conftest import INIT, PASSWORD, call


ADDED = ("user", "add", "alice", "--email", "alice@example.com", "--password-stdin")
TYPED = "a quiet evening by the lake\n"


@pytest.fixture
def on_server(postgres):
    """The address of an empty database without a schema, with a password that nobody checks."""
    url = postgres.new_database(empty=True)
    yield url.replace("twostep@", "twostep:hush-hush@")
    postgres.drop_database(url)


def sqlite_url(folder, name="twostep"):
    return f"sqlite:///{folder / 'data' / f'{name}.sqlite3'}"


def test_an_installation_moves_to_postgresql_and_back(twostep, folder, on_server, tmp_path):
    checkpoints = tmp_path / "checkpoints"
    kept = {"TWOSTEP_AUDIT_CHECKPOINT_FILE": str(checkpoints)}
    there = {**kept, "TWOSTEP_DATABASE_URL": on_server}
    assert twostep(*ADDED, typed=TYPED, **kept).code == 0
    exported = twostep("audit", "export", **kept).out  # takes a checkpoint
    moved = twostep("db", "copy", "--from", sqlite_url(folder), "--to", on_server, **kept)
    assert moved.code == 0, moved.err
    assert "hush-hush" not in moved.out + moved.err
    assert "all counts match" in moved.out
    assert re.search(r"audit trail is intact: \d+ events, against checkpoint \d+", moved.out)

    # The old one is left, and says where to.
    refused = twostep("user", "list", **kept)
    assert refused.code == 2
    assert "It was moved to" in refused.err
    assert "hush-hush" not in refused.err
    assert "twostep db reopen" in refused.err

    # The new one goes on: with new rows, the same chains, and what was in the file.
    bob = ("user", "add", "bob", "--email", "bob@example.com", "--password-stdin")
    assert twostep(*bob, typed=TYPED, **there).code == 0
    assert [user["name"] for user in json.loads(twostep("user", "list", "--json", **there).out)] == [
        "alice", "bob", "root",
    ]  # fmt: skip
    again = twostep("audit", "export", **there).out
    assert again.count("\n") > exported.count("\n")
    assert '"database.moved"' in again
    assert set(exported.splitlines()) <= set(again.splitlines())
    verified = twostep("audit", "verify", **there)
    assert verified.code == 0, verified.out
    assert twostep("doctor", "--offline", **there).code in {0, 1}

    new_file = f"sqlite:{folder / 'data' / 'new.sqlite3'}"
    back = twostep("db", "copy", "--json", "--from", on_server, "--to", new_file, **kept)
    assert back.code == 0, back.err
    copied = json.loads(back.out)
    assert copied["rows"] == sum(copied["tables"].values())
    assert copied["checkpoint"] > 0
    here = {**kept, "TWOSTEP_DATABASE_URL": sqlite_url(folder, "new")}
    assert twostep("audit", "verify", **here).code == 0
    assert set(again.splitlines()) <= set(twostep("audit", "export", **here).out.splitlines())
    assert "It was moved to" in twostep("user", "list", **there).err


def test_a_trail_that_was_wrong_before_is_moved_and_said(twostep, folder):
    import sqlite3  # noqa: PLC0415  spoils it

    with closing(sqlite3.connect(folder / "data" / "twostep.sqlite3")) as database:
        database.execute("UPDATE audit_records SET body = body || ' '")
        database.commit()
    moved = twostep("db", "copy", "--from", sqlite_url(folder), "--to", sqlite_url(folder, "new"))
    assert moved.code == 0, moved.err
    assert "Findings in the audit trail: " in moved.out
    assert "twostep audit verify" in moved.out


def test_rows_that_change_on_the_way_are_noticed(twostep, folder, monkeypatch):
    """The trail is compared with the old one's, not only with itself."""
    from twostep.store.move.copy_sqlite import SqliteSide  # noqa: PLC0415  spoils it

    insert = SqliteSide.insert

    def spoiled(self, table, columns, rows):
        if table == "audit_records":
            body = columns.index("body")
            rows = [(*row[:body], row[body] + " ", *row[body + 1 :]) for row in rows]
        insert(self, table, columns, rows)

    monkeypatch.setattr(SqliteSide, "insert", spoiled)
    moved = twostep("db", "copy", "--from", sqlite_url(folder), "--to", sqlite_url(folder, "new"))
    assert moved.code == 2
    assert "is not the one in" in moved.err
    new = {"TWOSTEP_DATABASE_URL": sqlite_url(folder, "new")}
    assert "has not ended" in twostep("user", "list", **new).err


def test_a_move_that_was_stopped_goes_on_or_is_given_up(twostep, folder, monkeypatch):
    from twostep.store.move import copy_rows  # noqa: PLC0415  interrupts it

    command = ("db", "copy", "--from", sqlite_url(folder), "--to", sqlite_url(folder, "new"))
    with monkeypatch.context() as patched:

        def interrupt(*_, **_named):
            raise KeyboardInterrupt

        patched.setattr(copy_rows, "copy_rows", interrupt)
        stopped = twostep(*command)
    assert stopped.code == 1
    assert "Stopped at 0 of" in stopped.err
    assert "Run the same command again" in stopped.err
    assert call(folder, "user", "list").code == 2
    reopened = twostep("db", "reopen")
    assert "can be used again" in reopened.out
    assert twostep("user", "list").code == 0
    assert "nothing was changed" in twostep("db", "reopen").out
    moved = twostep(*command)
    assert moved.code == 0, moved.err


@pytest.mark.parametrize(
    ("source", "target", "says"),
    [
        ("sqlite:///data/none.sqlite3", "sqlite:///data/new.sqlite3", "does not exist"),
        ("sqlite:///data/twostep.sqlite3", "sqlite:///data/twostep.sqlite3", "same database"),
        ("sqlite:///data/twostep.sqlite3", "mysql://me:hush-hush@h/x", "no address"),
        ("sqlite:///data/twostep.sqlite3", "sqlite:", "--to names no file"),
        ("sqlite:///data/twostep.sqlite3", "postgresql://me:hush-hush@127.0.0.1:1/x", "reached"),
    ],
)
def test_what_cannot_be_moved_is_said_in_one_line(twostep, folder, source, target, says):
    here = f"sqlite:///{folder}/data"
    source, target = (url.replace("sqlite:///data", here) for url in (source, target))
    refused = twostep("db", "copy", "--from", source, "--to", target)
    assert refused.code == 2
    assert refused.err.count("\n") == 1
    assert says in refused.err
    assert "hush-hush" not in refused.err
    assert twostep("user", "list").code == 0  # nothing was left


def test_init_on_postgresql_says_where_the_database_is(tmp_path, on_server):
    result = call(
        tmp_path, *INIT, "--operator", "root", "--email", "root@example.com", "--password-stdin",
        typed=f"{PASSWORD}\n", TWOSTEP_DATABASE_URL=on_server,
    )  # fmt: skip
    assert result.code == 0, result.err
    assert f"and key file in {tmp_path / 'data'}." in result.out
    assert re.search(
        r"The database is test_\d+ on 127\.0\.0\.1:\d+, with its schema up to date", result.out
    )
    assert "hush-hush" not in result.out
    assert not (tmp_path / "data" / "twostep.sqlite3").exists()
    with psycopg.connect(on_server) as connection:
        assert connection.execute("SELECT name FROM accounts").fetchall() == [("root",)]
