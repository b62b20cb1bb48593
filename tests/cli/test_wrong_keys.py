"""A key file that is not this database's: nothing starts, and what is missing is named."""

from __future__ import annotations

import json
import shutil

import pytest

from tests.cli.conftest import call, seed
from twostep.core.key_file import format_keyring, parse_keyring
from twostep.core.sealing import Keyring, new_key


@pytest.fixture
def right(folder) -> Keyring:
    """The keys of a database with two apps; another installation's are in their place."""
    seeded = seed(folder, "--accounts", "2", "--out", "seed.jsonl", "--force")
    assert seeded.code == 0, seeded.err
    path = folder / "data" / "twostep.key"
    shutil.copy(path, folder / "right.key")
    ring = parse_keyring(path.read_text())
    path.write_text(format_keyring(Keyring((new_key(),))))
    return ring


def test_nothing_starts_and_the_missing_key_is_named(twostep, folder, right):
    missing = right.newest.id
    key = folder / "data" / "twostep.key"
    says = (
        f"twostep: The key file {key} lacks what this database is sealed with: {missing}, which seals"
        " 2 values (2 in apps.secret). Put back the keys that belong to it."
    )
    before = (folder / "data" / "twostep.sqlite3").read_bytes()
    for verb in (("serve", "--port", "1"), ("user", "list"), ("keys", "rotate")):
        refused = call(folder, *verb) if verb[0] == "serve" else twostep(*verb)
        assert (refused.code, refused.out) == (2, "")
        assert refused.err.splitlines()[-1].startswith(says), refused.err
    assert (folder / "data" / "twostep.sqlite3").read_bytes() == before


def test_the_list_of_keys_and_doctor_name_it(twostep, folder, right):
    missing = right.newest.id
    listed = json.loads(twostep("keys", "list", "--json").out)
    assert [(item["missing"], item["seals"], item["values"]) for item in listed] == [
        (False, True, 0),
        (True, False, 2),
    ]
    assert listed[1]["id"] == missing
    assert f"{missing}  missing          2\n" in twostep("keys", "list").out
    findings = json.loads(twostep("doctor", "--json", "--offline").out)
    (text,) = [item["text"] for item in findings if item["level"] == "error"]
    assert f"{missing}, which seals 2 values" in text
    assert twostep("keys", "remove", missing).code == 2


def test_a_key_that_is_lost_for_good_stops_nothing(twostep, folder, right):
    missing = right.newest.id
    lost = {"TWOSTEP_LOST_KEYS": missing}
    assert twostep("user", "list", **lost).code == 0
    result = twostep("doctor", "--json", "--offline", **lost)
    texts = [item["text"] for item in json.loads(result.out) if item["level"] == "warning"]
    assert result.code == 0
    assert any(text.startswith(f"{missing} is lost, and 2 values") for text in texts)
    shutil.copy(folder / "right.key", folder / "data" / "twostep.key")
    findings = json.loads(
        twostep("doctor", "--json", "--offline", TWOSTEP_LOST_KEYS="415eeff9").out
    )
    assert "Nothing is sealed with 415eeff9: take it out of lost_keys." in [
        item["text"] for item in findings
    ]


def test_the_keys_of_before_a_rotation_are_refused(twostep, folder, right):
    key = folder / "data" / "twostep.key"
    shutil.copy(folder / "right.key", key)
    assert twostep("keys", "rotate").code == 0
    newer = parse_keyring(key.read_text()).newest.id
    shutil.copy(folder / "right.key", key)
    refused = twostep("user", "list")
    assert (refused.code, f"{newer}, which seals 2 values" in refused.err) == (2, True)
