"""Doctor names what is wrong, and what to do about it."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator

import pytest

from tests.cli.conftest import seed
from tests.support import mmdb
from tests.support.postgres import PostgresServer
from twostep.core.key_file import format_keyring
from twostep.core.sealing import Keyring, new_key


def findings(result, level):
    return " ".join(
        finding["text"] for finding in json.loads(result.out) if finding["level"] == level
    )


def test_a_new_installation_has_no_errors(twostep):
    result = twostep("doctor", "--json")
    assert result.code == 0
    assert findings(result, "error") == ""
    assert "no provider of e-mail is set" in findings(result, "warning")
    assert "warning  configuration: no provider" in twostep("doctor").out


def test_keys_that_do_not_belong_to_the_database_are_noticed(twostep, folder):
    seed(folder, "--accounts", "1", "--out", "seed.jsonl", "--force")
    assert "made for a benchmark" in findings(twostep("doctor", "--json"), "warning")
    (folder / "data" / "twostep.key").write_text(format_keyring(Keyring((new_key(),))))
    result = twostep("doctor", "--json")
    assert result.code == 1
    assert "lacks what this database is sealed with" in findings(result, "error")


def test_a_missing_key_file_and_a_missing_database_are_errors(twostep, folder):
    (folder / "data" / "twostep.sqlite3").unlink()
    assert "Run: twostep db upgrade" in findings(twostep("doctor", "--json"), "error")
    (folder / "data" / "twostep.key").unlink()
    result = twostep("doctor", "--json")
    assert (result.code, "does not exist" in findings(result, "error")) == (1, True)


def test_no_configuration_at_all_is_an_error_in_json_too(twostep, folder):
    (folder / "twostep.toml").unlink()
    result = twostep("doctor", "--json")
    assert result.code == 2
    assert "Run: twostep init" in findings(result, "error")
    assert "error    configuration: There is no configuration" in twostep("doctor").out


def test_secrets_in_a_file_that_all_can_read_are_noticed(twostep, folder):
    config = folder / "twostep.toml"
    config.write_text(config.read_text() + '[metrics]\ntoken = "0123456789abcdef"\n')
    config.chmod(0o644)
    result = twostep("doctor", "--json")
    assert "chmod o-rwx" in findings(result, "warning")
    assert "0123456789abcdef" not in result.out
    config.chmod(0o640)
    assert "chmod o-rwx" not in findings(twostep("doctor", "--json"), "warning")


def test_https_without_a_known_proxy_is_pointed_out(twostep):
    result = twostep("doctor", "--json", TWOSTEP_PUBLIC_URL="https://panel.example.com")
    assert "set trusted_proxies" in findings(result, "warning")


def test_a_file_of_places_is_looked_at(twostep, folder):
    path = folder / "places.mmdb"
    environ = {"TWOSTEP_GEO_DATABASE": str(path)}
    assert "names no place" in findings(twostep("doctor", "--json", **environ), "warning")
    path.write_bytes(mmdb.write({"203.0.113.0/24": {}}))
    assert "can be read" in findings(twostep("doctor", "--json", **environ), "ok")
    path.write_bytes(b"something else")
    assert "no MMDB file" in findings(twostep("doctor", "--json", **environ), "warning")


def test_a_file_of_places_needs_a_library(twostep, folder, monkeypatch):
    monkeypatch.setitem(sys.modules, "maxminddb", None)
    environ = {"TWOSTEP_GEO_DATABASE": str(folder / "places.mmdb")}
    result = twostep("doctor", "--json", **environ)
    assert (result.code, "setup EXTRAS=geo" in findings(result, "error")) == (1, True)
    assert "maxminddb" not in twostep("doctor").out  # only who names a file needs it


@pytest.fixture
def on_server(postgres: PostgresServer) -> Iterator[str]:
    """A database on a server that has room for three hundred connections."""
    url = postgres.new_database()
    yield url
    postgres.drop_database(url)


def test_a_server_with_too_few_connections_for_one_node_is_noticed(twostep, postgres, on_server):
    environ = {"TWOSTEP_DATABASE_URL": on_server}
    name = on_server.rpartition("/")[2]

    def warned(connections: int) -> bool:
        environ["TWOSTEP_DATABASE_CONNECTIONS"] = str(connections)
        warnings = findings(twostep("doctor", "--json", **environ), "warning")
        warning = f"may take {connections + 1} connections, and the server allows 20 in all"
        assert ("connections" in warnings) is (warning in warnings)
        return warning in warnings

    assert not warned(100)
    postgres.administer(f"ALTER DATABASE {name} CONNECTION LIMIT 20")
    assert not warned(19)
    assert warned(20)
