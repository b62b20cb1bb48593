"""`twostep keys …` and `twostep audit …` as an operator calls them."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing

import pytest


ADDED = ("user", "add", "alice", "--email", "alice@example.com", "--password-stdin")


def rows(folder, sql, *values):
    with closing(sqlite3.connect(folder / "data" / "twostep.sqlite3")) as database:
        answer = database.execute(sql, values).fetchall()
        database.commit()
        return answer


@pytest.mark.row("OTP-15")
def test_keys_are_rotated_listed_and_removed(twostep, folder):
    old = json.loads(twostep("keys", "list", "--json").out)[0]
    assert old["seals"]
    result = twostep("keys", "rotate", "--json")
    assert result.code == 0
    new = json.loads(result.out)["key"]
    assert [key["id"] for key in json.loads(twostep("keys", "list", "--json").out)] == [
        new,
        old["id"],
    ]
    assert f"twostep keys remove {old['id']}" in twostep("keys", "list").out
    assert twostep("keys", "remove", new).code == 1
    assert twostep("keys", "remove", "nothing").code == 1
    assert twostep("keys", "remove", old["id"]).code == 0
    assert [key["id"] for key in json.loads(twostep("keys", "list", "--json").out)] == [new]
    assert (folder / "data" / "twostep.key").stat().st_mode & 0o777 == 0o600
    assert twostep("audit", "verify").code == 0
    exported = twostep("audit", "export").out
    assert '"keys.rotated"' in exported
    assert '"keys.removed"' in exported


def test_a_key_that_is_used_stays(twostep, folder):
    old = json.loads(twostep("keys", "list", "--json").out)[0]["id"]
    assert twostep("keys", "rotate").code == 0
    header = b"\x01" + bytes([len(old)]) + old.encode()
    rows(
        folder,
        "INSERT INTO outbox (id, account_id, channel, kind, payload, state, next_at, not_after,"
        " created_at) SELECT 'x', id, 'email', 'browser_new', ?, 'queued', 0, 0, 0 FROM accounts",
        header + bytes(40),
    )
    refused = twostep("keys", "remove", old)
    assert refused.code == 1
    assert "1 in outbox.payload" in refused.err
    unreadable = twostep("keys", "rotate")
    assert unreadable.code == 1
    assert "outbox.payload x" in unreadable.err


def test_keys_from_the_environment_are_not_ours_to_write(twostep, folder):
    text = (folder / "data" / "twostep.key").read_text()
    new = "fresh " + "QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUE=" + "\n"
    given = {"TWOSTEP_KEY": new + text.split("\n", 2)[2]}
    result = twostep("keys", "rotate", "--json", **given)
    assert result.code == 0, result.err
    assert json.loads(result.out)["key"] == "fresh"
    old = json.loads(twostep("keys", "list", "--json", **given).out)[1]["id"]
    refused = twostep("keys", "remove", old, **given)
    assert refused.code == 1
    assert "Twostep cannot write them" in refused.err


@pytest.mark.row("LOG-03")
def test_a_whole_trail_is_verified_and_a_changed_one_is_not(twostep, folder):
    assert twostep(*ADDED, typed="a quiet evening by the lake\n").code == 0
    twostep("audit", "export")  # takes a checkpoint
    whole = twostep("audit", "verify")
    assert whole.code == 0
    assert "Nothing wrong" in whole.out
    assert "audit_checkpoint_file is not set" in whole.out
    rows(folder, "UPDATE audit_records SET body = replace(body, 'user', 'root') WHERE seq = 1")
    result = twostep("audit", "verify")
    assert result.code == 1
    assert "changed" in result.out
    report = json.loads(twostep("audit", "verify", "--json").out)
    assert report["findings"][0]["fault"] == "changed"
    assert report["findings"][0]["seq"] == 1


def test_with_a_file_outside_nothing_is_said_to_be_missing(twostep, folder):
    outside = {"TWOSTEP_AUDIT_CHECKPOINT_FILE": str(folder / "outside.checkpoints")}
    twostep("audit", "export", **outside)
    assert "audit_checkpoint_file" not in twostep("audit", "verify", **outside).out
    assert json.loads(twostep("audit", "verify", "--json", **outside).out)["against_file"] is True
    assert json.loads(twostep("audit", "verify", "--json").out)["against_file"] is False


def test_an_export_is_verified_with_and_without_the_installation(twostep, folder, tmp_path):
    twostep(*ADDED, typed="a quiet evening by the lake\n")
    lines = twostep("audit", "export").out.splitlines(keepends=True)
    path = tmp_path / "export.jsonl"
    path.write_text("".join(lines))
    assert twostep("audit", "verify", str(path)).code == 0
    path.write_text("".join(lines[1:]))
    assert twostep("audit", "verify", str(path)).code == 1
    path.write_text("no event\n")
    assert twostep("audit", "verify", str(path)).code == 1
    assert twostep("audit", "verify", str(tmp_path / "none")).code == 1
    (folder / "twostep.toml").unlink()
    path.write_text("".join(lines))
    alone = twostep("audit", "verify", str(path))
    assert alone.code == 0
    assert "without checkpoints" in alone.err


@pytest.mark.parametrize("options", [(), ("--email", "a@example.com", "--reference", "KITE-1234")])
def test_somebody_is_found_by_one_thing(twostep, options):
    assert twostep("user", "find", *options).code == 2


def test_a_reference_shows_who_knew_the_password(twostep, folder):
    rows(
        folder,
        "INSERT INTO support_references (reference, account_id, session_id, network, browser,"
        " created_at, expires_at) SELECT 'KITE-4821', id, 's', '192.0.2.7', 'Firefox on Linux',"
        " 0, 4000000000 FROM accounts",
    )
    result = twostep("user", "find", "--reference", "kite-4821", "--json")
    assert result.code == 0
    account = json.loads(result.out)
    assert account["name"] == "root"
    assert account["reference"]["network"] == "192.0.2.7"
    refused = twostep("user", "find", "--reference", "KITE-0000")
    assert refused.code == 1
    assert "not proved" in refused.err
