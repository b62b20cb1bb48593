"""The program as a whole: configuration, errors, what it prints and what it never does."""

from __future__ import annotations

import hashlib
import json
import sqlite3
import subprocess
import sys

import pytest

from tests.cli.conftest import PASSWORD, call, environment, seed
from twostep.core.sign_in.throttle import RULES


def test_help_answers_without_the_product():
    probe = (
        "import sys, twostep.__main__\n"
        "heavy = {'sqlite3', 'pydantic', 'uvicorn', 'jinja2', 'twostep.main', 'twostep.demo'}\n"
        "print(heavy & set(sys.modules))"
    )
    result = subprocess.run(
        [sys.executable, "-c", probe], capture_output=True, text=True, check=True, env=environment()
    )
    assert result.stdout == "set()\n"


def test_accounts_are_read_without_web_server_and_providers(folder):
    probe = (
        "import sys\n"
        "from twostep.__main__ import WIRING, run\n"
        "run(['user', 'list'], WIRING)\n"
        "print({'uvicorn', 'starlette', 'httpx2', 'twostep.demo'} & set(sys.modules))"
    )
    result = subprocess.run(
        [sys.executable, "-c", probe],
        capture_output=True,
        text=True,
        check=True,
        cwd=folder,
        env=environment(),
    )
    assert result.stdout.splitlines()[-1] == "set()"


def test_without_configuration_it_says_where_to_begin(tmp_path):
    result = call(tmp_path, "user", "list")
    assert result.code == 2
    assert "Run: twostep init" in result.err


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("public_url = ", "is not TOML"),
        ('public_ulr = "https://x.example"', "did you mean public_url?"),
        ('public_url = "http://x.example"', "use https"),
        ('public_url = "https://x.example"\n[policy]\nphones = "maybe"', "write on or off"),
    ],
)
def test_a_broken_configuration_is_named_line_by_line(tmp_path, text, says):
    (tmp_path / "other.toml").write_text(text)
    result = call(tmp_path, "--config", "other.toml", "user", "list")
    assert (result.code, says in result.err) == (2, True), result.err
    assert all(line.startswith("twostep: other.toml") for line in result.err.splitlines())
    seen = call(tmp_path, "--config", "other.toml", "doctor", "--json")
    assert seen.code == 2
    assert says in " ".join(finding["text"] for finding in json.loads(seen.out))


def test_a_missing_configuration_file_is_named(tmp_path):
    result = call(tmp_path, "--config", "nowhere.toml", "policy", "show")
    assert (result.code, result.out) == (2, "")
    assert result.err == "twostep: nowhere.toml: cannot be read: No such file or directory\n"


def test_a_key_file_that_others_can_read_is_refused(twostep, folder):
    key = folder / "data" / "twostep.key"
    key.chmod(0o644)
    result = twostep("user", "list")
    assert (result.code, result.out) == (2, "")
    assert result.err == (
        f"twostep: The key file {key} can be read by others. Run: chmod 600 {key}\n"
    )


@pytest.mark.parametrize(
    ("content", "says"),
    [(None, "Run: twostep db upgrade"), (b"no database at all" * 99, "damaged")],
)
def test_a_database_that_is_missing_or_broken_is_named(twostep, folder, content, says):
    database = folder / "data" / "twostep.sqlite3"
    database.unlink()
    if content:
        database.write_bytes(content)
    result = twostep("user", "list")
    assert (result.code, says in result.err, str(database) in result.err) == (2, True, True)
    again = twostep("db", "upgrade")
    assert again.code == (2 if content else 0)
    assert len(again.err.splitlines()) == (1 if content else 0)


def test_a_database_of_a_newer_program_is_left_alone(twostep, folder):
    with sqlite3.connect(folder / "data" / "twostep.sqlite3") as database:
        database.execute("UPDATE alembic_version SET version_num = '9999'")
    database.close()
    result = twostep("user", "list")
    assert result.code == 2
    assert "made by a newer Twostep" in result.err


def test_a_demos_database_is_not_served(twostep, folder):
    with sqlite3.connect(folder / "data" / "twostep.sqlite3") as database:
        database.execute("INSERT INTO installation VALUES ('demo', 'http://localhost:1')")
    database.close()
    for result in (twostep("user", "list"), call(folder, "serve", "--port", "8099")):
        assert result.code == 2
        assert "is a demo's database" in result.err


def test_the_environment_counts_over_the_file(twostep):
    assert json.loads(twostep("policy", "show", "--json").out)["phones"] is False
    changed = twostep("policy", "show", "--json", TWOSTEP_POLICY__PHONES="on")
    assert json.loads(changed.out)["phones"] is True


def test_guessing_with_a_stolen_password_stays_below_a_fiftieth_of_a_percent(twostep):
    chance = json.loads(twostep("policy", "show", "--json").out)["most_guess_chance"]
    assert 0.00015 < chance < 0.0002
    strict = twostep("policy", "show", "--json", TWOSTEP_TOTP__TOLERANCE_STEPS="0")
    assert json.loads(strict.out)["most_guess_chance"] < chance


def test_every_limit_is_printed_as_it_is_counted(twostep):
    policy = json.loads(twostep("policy", "show", "--json").out)
    assert [limit["name"] for limit in policy["limits"]] == [rule.name for rule in RULES]
    assert {"name": "code.network", "limit": 100, "window_seconds": 3600}.items() <= next(
        limit.items() for limit in policy["limits"] if limit["name"] == "code.network"
    )
    lines = twostep("policy", "show").out.splitlines()
    rows = {line.split()[0]: line.split()[1] for line in lines[lines.index("") + 2 :]}
    assert rows == {rule.name: str(rule.limit) for rule in RULES}
    assert any(
        line.startswith("code ") and "30 seconds, doubled up to 15 minutes" in line
        for line in lines
    )
    changed = twostep("policy", "show", TWOSTEP_DELIVERY__DAILY_BUDGET="17").out
    assert "17 a day" in changed


def test_keys_are_listed_by_id_never_by_value(twostep, folder):
    text = (folder / "data" / "twostep.key").read_text().splitlines()[-1]
    key_id, material = text.split()
    result = twostep("keys", "list", "--json")
    assert json.loads(result.out) == [
        {"id": key_id, "seals": True, "missing": False, "values": 1, "uses": {"audit_tags": 1}}
    ]
    assert material not in result.out


def test_the_exported_trail_can_be_verified_by_anybody(twostep):
    twostep("user", "add", "bob", "--email", "b@example.com", "--password-stdin", typed=PASSWORD)
    lines = twostep("audit", "export").out.splitlines()
    for line in lines:
        event = json.loads(line)
        hashed = line[: line.index(',"prev_hash"')] + "}"
        prev = bytes.fromhex(event["prev_hash"])
        assert hashlib.sha256(prev + hashed.encode()).hexdigest() == event["hash"]
    events = [json.loads(line)["event"] for line in lines]
    assert events.count("account.created") == 2
    # Whoever reads the next export sees this one.
    assert "audit.exported" in twostep("audit", "export").out


def test_a_reader_that_has_seen_enough_ends_an_export_quietly(twostep, folder):
    seed(folder, "--accounts", "3", "--events", "3000", "--out", "s", "--force")
    with subprocess.Popen(
        [sys.executable, "-m", "twostep", "audit", "export"],
        cwd=folder,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as export:
        assert export.stdout is not None
        assert export.stderr is not None
        assert json.loads(export.stdout.readline())["seq"] == 1
        export.stdout.close()
        assert export.stderr.read() == b""


def test_worker_leaves_sqlite_to_the_server(twostep):
    result = twostep("worker")
    assert result.code == 2
    assert "its server sends messages itself" in result.err


def test_purging_what_is_current_removes_nothing(twostep):
    assert twostep("db", "purge").out == "Deleted 0 rows.\n"
    assert "root" in twostep("user", "list").out
