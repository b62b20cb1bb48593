"""How delivery goes, as tables."""

from __future__ import annotations

import json
import re
import sqlite3
import time
from contextlib import closing


def test_an_installation_without_messages_has_facts_only(twostep):
    out = twostep("delivery", "status").out
    assert "sms        no provider" in out
    assert "this day   0 of 1000 texts and calls used; new numbers stop at 800" in out
    assert "opted out  0 numbers" in out
    assert "Texts and calls by day" not in out
    assert re.search(r"en +1 +GSM-7 +\d+/160\n", out)
    assert "replies to" not in out


def test_where_replies_are_to_be_posted(twostep):
    gateway = {"URL": "http://127.0.0.1:13013", "USER": "panel", "PASSWORD": "hush"}
    settings = {f"TWOSTEP_KANNEL__{name}": value for name, value in gateway.items()}
    out = twostep("delivery", "status", **settings).out
    address = r"http://localhost:8099/telephony/kannel/inbound/replies\?sig=[\w-]{43}\n"
    assert re.search(f"replies to kannel +{address}", out)


def test_what_was_sent_and_what_went_wrong_stands_in_tables(twostep, folder):
    now = int(time.time())  # noqa: TID251  the program runs by the machine's clock
    with closing(sqlite3.connect(folder / "data" / "twostep.sqlite3")) as database:
        (root,) = database.execute("SELECT id FROM accounts").fetchone()
        database.execute(
            "INSERT INTO alarms (id, at, event, subject, data) VALUES (?, ?, ?, ?, ?)",
            ("a1", now, "provider.tripped", "console", json.dumps({"provider": "console"})),
        )
        database.execute(
            "INSERT INTO provider_states (name, open_until, reason, changed_at)"
            " VALUES ('console', ?, 'HTTP 503', ?)",
            (now + 50, now),
        )
        for number, (region, verified_at) in enumerate(
            (("DE", now + 9), ("DE", None), ("CH", None))
        ):
            database.execute(
                "INSERT INTO sends (id, account_id, region, channel, confirmed, fingerprint, prefix,"
                " sent_at, verified_at) VALUES (?, ?, ?, 'sms', 0, x'00', x'00', ?, ?)",
                (f"s{number}", root, region, now, verified_at),
            )
        database.commit()
    out = twostep("delivery", "status", TWOSTEP_DELIVERY__SMS='["console"]').out
    assert re.search("trouble +no provider of sms works now", out)
    assert "provider.tripped  console  provider console" in out
    assert re.search(r"console +sms +skipped until .* UTC: HTTP 503 +0 +0 +0", out)
    assert re.search(r"\d{4}-\d\d-\d\d +3 +0 +0 +0 +3 expired +1 +9 s\n", out)
    assert re.search(r"\d{4}-\d\d-\d\d +CH +1 .*\n\d{4}-\d\d-\d\d +DE +2 ", out)
    status = json.loads(twostep("delivery", "status", "--json").out)
    assert [alarm["event"] for alarm in status["alarms"]] == ["provider.tripped"]
    assert [country["region"] for country in status["countries"]] == ["CH", "DE"]


def test_who_fails_on_a_quiet_day_and_whose_mail_came_back(twostep, folder):
    now = int(time.time())  # noqa: TID251  the program runs by the machine's clock
    with closing(sqlite3.connect(folder / "data" / "twostep.sqlite3")) as database:
        database.executemany(
            "INSERT INTO provider_tries (provider, day, accepted, refused, failed, reason)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            [
                ("smtp", now // 86_400 - 1, 434, 2, 0, ""),
                ("console", now // 86_400, 1, 0, 3, "HTTP 500"),
            ],
        )
        database.execute(
            "UPDATE email_addresses SET address = 'root@example.com', bounced_at = ?", (now,)
        )
        database.commit()
    out = twostep("delivery", "status", TWOSTEP_DELIVERY__SMS='["console"]').out
    assert re.search(r"smtp +in use +434 +2 +0 ", out)
    assert re.search(r"console +sms +in use, but failing: HTTP 500 +1 +0 +3 ", out)
    assert re.search(r"Mail that came back\n.*\nroot +r•••@example\.com +\d{4}-", out)
    assert re.search(
        r"came back +mail to root@example\.com on \d{4}-", twostep("user", "show", "root").out
    )
    doctor = twostep("doctor", "--offline", TWOSTEP_DELIVERY__SMS='["console"]').out
    assert "warning  console: It fails most of what it is given (HTTP 500)." in doctor
    assert "smtp" not in doctor
