"""A database that lets us read and not write, and a job that dies: both are said, and neither goes on
looking well."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx2 as httpx
import psycopg
import pytest

from tests.nodes.test_stop import PASSWORD, installed
from tests.support.nodes import HOST, Installation, Node
from tests.support.ports import free_port
from tests.support.postgres import PostgresServer
from tests.support.waiting import PATIENCE_SECONDS, wait_until


READER = "reader_of_panel"


@pytest.fixture
def url(postgres: PostgresServer) -> Iterator[str]:
    made = postgres.new_database()
    yield made
    postgres.drop_database(made)


@pytest.fixture
def reader(postgres: PostgresServer, url: str) -> Iterator[str]:
    """The same database, by the name of somebody who may only read it."""
    postgres.administer(f"CREATE ROLE {READER} LOGIN")
    owned(url, f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {READER}")
    yield url.replace("twostep@", f"{READER}@")
    owned(url, f"DROP OWNED BY {READER}")
    postgres.administer(f"DROP ROLE {READER}")


def owned(url: str, sql: str) -> None:
    """Run a statement as the owner of the tables."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(sql.encode())


def run(made: Installation, *arguments: str) -> subprocess.CompletedProcess[str]:
    kept = {name: text for name, text in os.environ.items() if "TWOSTEP_" not in name}
    return subprocess.run(
        [sys.executable, "-m", "twostep", *arguments],
        cwd=made.folder, env={**kept, "TWOSTEP_PASSWORD__PROFILE": "test", **made.settings},
        capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False,
    )  # fmt: skip


def faults(made: Installation) -> str:
    """What `doctor` calls an error in the database."""
    result = run(made, "doctor", "--offline", "--json")
    errors = [
        finding["text"] for finding in json.loads(result.stdout) if finding["level"] == "error"
    ]
    assert result.returncode == (1 if errors else 0), result.stderr
    return " ".join(errors)


def sign_in(node: Node) -> int:
    fields = {"username": "bob", "password": PASSWORD}
    headers = {"host": HOST, "origin": f"https://{HOST}"}
    with httpx.Client(base_url=node.url, timeout=PATIENCE_SECONDS, trust_env=False) as client:
        return client.post("/sign-in", data=fields, headers=headers).status_code


def test_a_user_who_may_only_read_is_named_with_the_statement_that_helps(
    url: str, reader: str, tmp_path: Path
) -> None:
    made = installed(tmp_path, url)
    assert faults(made) == ""
    made.settings["TWOSTEP_DATABASE_URL"] = reader
    said = faults(made)
    assert f"Its user {READER} lacks rights: INSERT, UPDATE, DELETE on accounts" in said
    with made.run("serve") as node:
        assert sign_in(node) == 503
        wait_until("nothing is said", lambda: "store.unavailable" in str(node.said))
        assert "lacks a right: permission denied for table" in str(node.said)
        owned(url, "GRANT" + said.partition("GRANT")[2])
        assert sign_in(node) == 303
        assert node.stop() == 0
        assert node.faults() == []
    assert faults(made) == ""


def test_a_single_right_that_is_missing_is_named_and_a_stop_stays_clean(
    url: str, reader: str, tmp_path: Path
) -> None:
    made = installed(tmp_path, url)
    owned(url, f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {READER}")
    owned(url, f"REVOKE DELETE ON throttles, audit_changed FROM {READER}")
    made.settings["TWOSTEP_DATABASE_URL"] = reader
    assert "DELETE on audit_changed, throttles. Let" in faults(made)
    with made.run("worker") as node:
        denied = "permission denied for table"
        wait_until("the jobs say nothing", lambda: str(node.said).count(denied) >= 2)
        assert node.stop() == 0
        assert node.faults() == []


def test_a_policy_that_forbids_writing_is_found_by_trying(
    url: str, reader: str, tmp_path: Path
) -> None:
    made = installed(tmp_path, url)
    owned(url, f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {READER}")
    owned(url, "ALTER TABLE installation ENABLE ROW LEVEL SECURITY")
    owned(url, f"CREATE POLICY looking ON installation FOR SELECT TO {READER} USING (true)")
    made.settings["TWOSTEP_DATABASE_URL"] = reader
    assert "row-level security" in faults(made)


@pytest.mark.parametrize("verb", ["serve", "worker"])
def test_a_job_that_dies_is_said_and_ends_the_process(verb: str, url: str, tmp_path: Path) -> None:
    made = installed(tmp_path, url)
    owned(url, "ALTER TABLE support_references RENAME TO lost_references")
    port = ("--port", str(free_port())) if verb == "serve" else ()
    result = run(made, verb, *port)
    assert result.returncode == 1, result.stderr
    *lines, last = result.stderr.splitlines()
    said = [json.loads(line) for line in lines]
    (event,) = [line for line in said if line["level"] == "critical"]
    assert (event["event"], event["job"]) == ("work.ended", "purge")
    assert (event["error"], event["text"]) == (
        "UndefinedTable",
        'relation "support_references" does not exist',
    )
    assert any(frame.startswith("run_purge:") for frame in event["trace"])
    assert last.startswith("twostep: Stopped, because this ended with an error: purge.")
