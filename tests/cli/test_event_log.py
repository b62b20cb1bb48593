"""Security events in the log of the real server, as a SIEM and fail2ban read them."""

from __future__ import annotations

import json
import re
import socket
import tempfile
from collections import Counter
from configparser import RawConfigParser
from pathlib import Path
from typing import Any

from tests.cli.conftest import INIT, PASSWORD, ROOT, call
from tests.support.logged import LoggedServer, logged_server
from tests.support.postgres import PostgresServer
from tests.support.waiting import PATIENCE_SECONDS
from twostep.core.audit.event import KINDS
from twostep.flows.event_log import LINES_A_MINUTE, LOGGED, WITHHELD
from twostep.logs import REDACTED, redact


PROXY = {"TWOSTEP_TRUSTED_PROXIES": "127.0.0.0/8"}
FIELDS = [
    *("type", "outcome", "network", "account", "actor", "method", "browser", "request_id"),
    *("chain", "seq", "count", "data", "event", "level", "at"),
]
WRONG = "a wrong password that nobody may read"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


def sign_in(server: LoggedServer, name: str, password: str, **headers: str) -> int:
    with server.browser(**{"user_agent": FIREFOX, **headers}) as browser:
        return browser.post("/sign-in", data={"username": name, "password": password}).status_code


def kinds(lines: list[dict[str, Any]]) -> list[tuple[str, str]]:
    return [(line["event"], line["outcome"]) for line in lines]


def banned_networks(log: str) -> list[str]:
    """What the shipped filter finds, by its own regular expression."""
    definition = RawConfigParser()
    definition.read(ROOT / "deploy/fail2ban/filter.d/twostep.conf")
    text = definition["Definition"]["failregex"].replace("<SUBNET>", r"(?P<ip>[0-9a-f:./]+)")
    patterns = text.strip().split("\n")
    matches = [re.search(each, line) for line in log.split("\n") for each in patterns]
    return [match["ip"] for match in matches if match]


def test_a_sign_in_and_what_goes_wrong_are_one_line_each(folder: Path) -> None:
    with logged_server(folder, **PROXY) as server:
        forwarded = {"x_forwarded_for": "203.0.113.7", "x_request_id": "f0e1d2c3b4a5"}
        assert sign_in(server, "root", WRONG, **forwarded) == 422
        assert sign_in(server, "nobody-of-ours", WRONG, x_forwarded_for="2001:db8:1:2:3::4") == 422
        assert sign_in(server, "root", PASSWORD, **forwarded) == 303
        lines = server.audit()
        log = server.log.read_text("utf-8")
    refused, unknown, accepted = lines
    assert kinds(lines) == [
        *[("password.refused", "refused")] * 2,
        ("password.accepted", "ok"),
    ]
    assert all(list(line) == FIELDS for line in lines)
    account = accepted["account"]
    assert refused["account"] == refused["chain"] == account
    assert (refused["network"], refused["browser"]) == ("203.0.113.7", "Firefox on Linux")
    assert (refused["request_id"], refused["actor"], refused["count"]) == (
        *("f0e1d2c3b4a5", "self"),
        1,
    )
    assert refused["data"] == {"reason": "sign_in.wrong"}
    assert (unknown["account"], unknown["network"]) == (None, "2001:db8:1:2::/64")
    assert re.fullmatch("[0-9a-f]{16}", unknown["request_id"])  # no proxy has named it
    assert accepted["seq"] == refused["seq"] + 1
    for secret in (WRONG, PASSWORD, "nobody-of-ours"):
        assert secret not in log
    assert banned_networks(log) == ["203.0.113.7", "2001:db8:1:2::/64"]
    exported = call(folder, "audit", "export").out.splitlines()
    trail = {(record["chain"], record["seq"]) for record in map(json.loads, exported)}
    assert {(line["chain"], line["seq"]) for line in lines} <= trail


def test_refusals_that_wait_are_logged_when_they_happen_and_all_are_counted(folder: Path) -> None:
    """A flood has so many lines a minute, and no refusal is left out of the sum."""
    tries = 3 * LINES_A_MINUTE
    with logged_server(folder, **PROXY) as server:
        with server.browser(x_forwarded_for="203.0.113.7", origin="https://evil.example") as evil:
            assert {evil.post("/sign-in").status_code for _ in range(tries)} == {403}
        with server.browser(x_forwarded_for="203.0.113.8") as browser:
            browser.post("/sign-in", data={"username": "root", "password": PASSWORD})
            browser.headers["origin"] = "https://evil.example"
            assert browser.post("/sign-out").status_code == 403
            assert browser.post("/sign-out").status_code == 403
        waits = [line for line in server.audit() if line["network"] == "203.0.113.8"][-2:]
    lines = [line for line in server.audit() if line["event"] == "request.refused"]
    assert [line["seq"] is None for line in waits] == [False, True]
    assert waits[0]["account"] == waits[1]["account"] is not None
    counts = Counter[str]()
    for line in lines:
        counts[line["network"]] += line["count"]
    assert counts == {"203.0.113.7": tries, "203.0.113.8": 2}
    assert len(lines) < tries
    assert {line["data"]["reason"] for line in lines} == {"origin"}


def test_whoever_goes_on_during_a_pause_is_seen(folder: Path) -> None:
    with logged_server(folder, **PROXY) as server:
        statuses = [
            sign_in(server, "root", WRONG, x_forwarded_for="203.0.113.7") for _ in range(20)
        ]
    waits = [line for line in server.audit() if line["event"] == "request.refused"]
    assert statuses.count(429) == sum(line["count"] for line in waits) > 2
    assert {(line["outcome"], line["data"]["reason"]) for line in waits} == {("throttled", "wait")}
    assert ("password.refused", "throttled") in kinds(server.audit())
    assert len(banned_networks(server.log.read_text("utf-8"))) >= LINES_A_MINUTE


def test_on_postgresql_each_commit_is_logged_once(tmp_path: Path, postgres: PostgresServer) -> None:
    url = {"TWOSTEP_DATABASE_URL": postgres.new_database(empty=True)}
    operator = ("--operator", "root", "--email", "root@example.com", "--password-stdin")
    assert call(tmp_path, *INIT, *operator, typed=f"{PASSWORD}\n", **url).code == 0
    with logged_server(tmp_path, **PROXY, **url) as server:
        for password in (WRONG, WRONG, PASSWORD):
            sign_in(server, "root", password)
        lines = server.audit()
    postgres.drop_database(url["TWOSTEP_DATABASE_URL"])
    refused = ("password.refused", "refused")
    assert kinds(lines) == [refused, refused, ("password.accepted", "ok")]
    assert [line["seq"] is None for line in lines] == [False, True, False]


def test_what_commands_do_is_in_the_system_log(folder: Path) -> None:
    reason = "left the company, Mrs Miller says"
    with (
        tempfile.TemporaryDirectory() as place,  # a socket's path must be short
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as system,
    ):
        path = f"{place}/log"
        system.bind(path)
        system.settimeout(PATIENCE_SECONDS)
        disable = ("user", "disable", "root", "--reason", reason)
        result = call(folder, *disable, TWOSTEP_SYSLOG_SOCKET=path)
        sent = system.recv(65_536).decode("ascii")
    assert result.code == 0, result.err
    assert "audit" not in result.err + result.out
    head, _, text = sent.partition(": ")
    line = json.loads(text)
    assert re.fullmatch(r"<86>twostep\[\d+\]", head)
    assert (list(line), line["event"], line["actor"]) == (FIELDS, "account.disabled", "cli")
    assert (line["network"], line["data"]) == ("", {})
    assert "Miller" not in sent
    # Nobody listens there any more; a file of that name is none of its business.
    (folder / "log").write_text("")
    for gone in (path, str(folder / "log"), "/dev/null"):
        assert call(folder, "audit", "export", TWOSTEP_SYSLOG_SOCKET=gone).code == 0
    assert (folder / "log").read_text() == ""


def test_what_a_visitor_sends_can_neither_end_a_line_nor_look_like_a_field(folder: Path) -> None:
    forged = 'x", "type": "audit", "event": "password.refused", "network": "192.0.2.99'
    with logged_server(folder, **PROXY) as server:
        with server.browser(host=forged, user_agent=forged, x_request_id=forged) as browser:
            browser.get("/sign-in")
        latin = {"host": "a\x85b\xadc\x9b", "user-agent": "é\u0085"}
        with server.browser() as browser:
            browser.get("/", headers={name: text.encode("latin-1") for name, text in latin.items()})
        sign_in(server, forged, forged, user_agent=forged, x_forwarded_for=forged)
        log = server.log.read_bytes()
        server.lines()
    assert log.isascii()
    assert len(log.decode().splitlines()) == log.count(b"\n")
    assert "192.0.2.99" not in banned_networks(log.decode())


def test_networks_can_be_left_out(folder: Path) -> None:
    with logged_server(folder, TWOSTEP_LOG_NETWORKS="false") as server:
        sign_in(server, "root", WRONG)
        with server.browser(origin="https://evil.example") as evil:
            evil.post("/sign-in")
        assert [line["network"] for line in server.audit()] == ["", ""]
        assert "127.0.0.1" not in json.dumps(server.audit())


def test_every_field_of_an_event_is_either_logged_or_withheld() -> None:
    fields = {field for kind in KINDS.values() for field in kind.fields}
    assert fields == LOGGED | WITHHELD
    assert not LOGGED & WITHHELD
    assert REDACTED not in redact(None, "info", dict.fromkeys(LOGGED, "x")).values()


def test_the_page_says_what_each_field_is() -> None:
    page = (ROOT / "docs/how-to/monitor.md").read_text(encoding="utf-8")
    rows = re.findall(r"`(\w+)`", " ".join(re.findall(r"^\| (`[^|]*) \|", page, re.MULTILINE)))
    assert set(FIELDS) <= set(rows)
    (example,) = re.findall(r"^\{.*\}$", page, re.MULTILINE)
    assert list(json.loads(example)) == FIELDS
    assert banned_networks(example)
