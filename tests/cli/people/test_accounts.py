"""An operator looks after accounts."""

from __future__ import annotations

import json
import re

import pytest

from tests.cli.conftest import PASSWORD, seed


@pytest.fixture
def bob(twostep):
    arguments = ("add", "Bob", "--email", "bob@example.com", "--password-stdin", "--json")
    result = twostep("user", *arguments, typed=f"{PASSWORD}\n")
    assert result.code == 0, result.err
    return json.loads(result.out)


def test_accounts_are_added_listed_shown_and_found(twostep, bob):
    rows = json.loads(twostep("user", "list", "--json").out)
    assert [(row["name"], row["role"], row["status"], row["two_step"]) for row in rows] == [
        ("Bob", "user", "active", False),
        ("root", "operator", "active", False),
    ]
    assert "Bob" in twostep("user", "list").out
    shown = json.loads(twostep("user", "show", "bob", "--json").out)
    assert shown["id"] == bob["id"]
    address = {"address": "bob@example.com", "verified": True, "bounced_at": None}
    assert shown["addresses"] == [address]
    assert "Bob" in twostep("user", "find", "--email", "BOB@example.com").out


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (("add", "root", "--email", "new@example.com", "--password-stdin"), 1, "that name already"),
        (("add", "new", "--email", "root@example.com", "--password-stdin"), 1, "Another account"),
        (("add", "a@b", "--email", "a@example.com", "--password-stdin"), 1, "cannot contain @"),
        (("add", "new", "--email", "a@example.com"), 2, "No link can be mailed"),
        (("show", "nobody"), 1, 'no account "nobody"'),
        (("find", "--email", "nobody@example.com"), 1, "No account has confirmed"),
        (("disable", "root"), 2, "--reason"),
        (("disable", "root", "--reason", " "), 2, "1 to 200 characters"),
        (("disable", "nobody", "--reason", "left"), 1, 'no account "nobody"'),
        (("temporary-code", "nobody", "--reason", "lost"), 1, 'no account "nobody"'),
        (("reset-mfa", "root", "--reason", "lost"), 2, "No link can be mailed"),
    ],
)
def test_what_cannot_be_done_is_said_with_what_can(twostep, arguments, code, says):
    result = twostep("user", *arguments, typed=f"{PASSWORD}\n")
    assert (result.code, says in result.err) == (code, True), result.err
    assert result.out == ""


def test_acts_are_events_with_their_reason_and_are_told(twostep, bob):
    mailing = {"TWOSTEP_DELIVERY__EMAIL": "console"}
    for act in ("sessions-end", "password-link", "reset-mfa", "disable"):
        result = twostep("user", act, "Bob", "--reason", "asked for", **mailing)
        assert result.code == 0, result.err
    lines = [json.loads(line) for line in twostep("audit", "export").out.splitlines()]
    acts = [line["data"] for line in lines if line["event"] == "operator.acted"]
    assert [act["act"] for act in acts] == ["sessions_end", "password_link", "reset_mfa", "disable"]
    assert {act["reason"] for act in acts} == {"asked for"}
    assert json.loads(twostep("user", "show", "Bob", "--json").out)["status"] == "disabled"
    status = json.loads(twostep("delivery", "status", "--json").out)
    assert sum(row["count"] for row in status["messages"] if row["state"] == "queued") >= 4


def test_a_disabled_account_is_enabled_again_as_it_was(twostep, bob):
    reason = ("--reason", "is back")
    refused = twostep("user", "enable", "bob", *reason)
    assert (refused.code, "bob is not disabled" in refused.err) == (1, True)
    assert twostep("user", "disable", "bob", "--reason", "left").code == 0
    result = twostep("user", "enable", "Bob", *reason, "--json")
    assert (result.code, json.loads(result.out)) == (0, {"name": "Bob"})
    assert json.loads(twostep("user", "show", "bob", "--json").out)["status"] == "active"
    lines = [json.loads(line) for line in twostep("audit", "export").out.splitlines()]
    events = [(event["event"], event["data"].get("reason")) for event in lines]
    assert ("account.disabled", "left") in events
    assert ("account.enabled", "is back") in events
    kinds = [event["data"]["act"] for event in lines if event["event"] == "operator.acted"]
    assert kinds == ["disable", "enable"]


def test_a_temporary_code_is_said_once_and_kept_nowhere(twostep, folder):
    seeded = seed(folder, "--accounts", "1", "--out", "seed.jsonl", "--force")
    assert seeded.code == 0, seeded.err
    code = twostep("user", "temporary-code", "seed-0000001", "--reason", "lost phone").out.strip()
    assert re.fullmatch(r"[0-9A-HJKMNP-TV-Z]{4}-[0-9A-HJKMNP-TV-Z]{4}", code)
    for file in (folder / "data").iterdir():
        assert code.replace("-", "").encode() not in file.read_bytes()
