"""What may pass by itself ends with 75, what somebody has to change with 2: a supervisor acts on it."""

from __future__ import annotations

import configparser
import socket
from pathlib import Path

import pytest

from tests.cli.conftest import call
from tests.support.ports import free_port


UNIT = Path(__file__).resolve().parents[2] / "deploy" / "twostep.service"


def refused(twostep, *verb, **settings):
    result = twostep(*(verb or ("user", "list")), **settings)
    assert result.out == ""
    (line,) = result.err.splitlines()
    return result.code, line.removeprefix("twostep: ")


def test_a_database_that_is_away_may_come_back(twostep):
    url = f"postgresql://me@127.0.0.1:{free_port()}/panel"
    code, line = refused(twostep, TWOSTEP_DATABASE_URL=url)
    assert (code, line.endswith("Start PostgreSQL, or correct host and port in database_url.")) == (
        75,
        True,
    )


def test_a_database_that_does_not_exist_does_not(twostep, postgres):
    code, line = refused(twostep, TWOSTEP_DATABASE_URL=postgres.url("nowhere"))
    assert (code, '"nowhere" does not exist. Correct the name in database_url, or' in line) == (
        2,
        True,
    )


def test_a_right_that_is_missing_says_what_to_grant(twostep, postgres):
    url = postgres.new_database()
    postgres.administer("CREATE ROLE stranger LOGIN")
    try:
        code, line = refused(twostep, TWOSTEP_DATABASE_URL=url.replace("twostep@", "stranger@"))
    finally:
        postgres.drop_database(url)
        postgres.administer("DROP ROLE stranger")
    assert (code, "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES" in line) == (2, True)


@pytest.mark.parametrize(
    ("command", "code", "says"),
    [
        ("/no/such/vault", 2, "there is no program /no/such/vault"),
        ("./twostep.toml", 2, "./twostep.toml cannot be run: Permission denied"),
        ("sh -c 'echo hush >&2; exit 3'", 75, "it ended with exit code 3"),
        ("sh -c 'kill $$'", 75, "it ended with a signal"),
        ("echo 'open", 2, "Check its quotes"),
        ("echo nonsense", 2, "The keys cannot be read: "),
    ],
)
def test_a_program_that_keeps_the_keys_is_explained(twostep, command, code, says):
    result_code, line = refused(twostep, TWOSTEP_KEY_COMMAND=command)
    assert (result_code, says in line) == (code, True), line
    assert "hush" not in line


def test_a_port_that_another_program_has_may_come_free(folder):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        result = call(folder, "serve", "--port", str(port))
    assert (result.code, f"Port {port}" in result.err) == (75, True)


def test_the_unit_tries_again_only_what_may_pass():
    unit = configparser.ConfigParser(strict=False, interpolation=None)
    unit.read(UNIT)
    service = unit["Service"]
    assert (service["Restart"], service["RestartPreventExitStatus"]) == ("on-failure", "2")
