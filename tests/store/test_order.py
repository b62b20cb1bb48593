"""Rows of one second come in the order in which they were made, on both engines.

The ids are made first and the rows are then written in another order, so that no engine gets it right
by where it happens to put them.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.support.engines import Engine, open_store
from tests.support.rows import (
    ACCOUNT,
    APP,
    CHALLENGE,
    NOW,
    PHONE,
    SESSION,
    message,
    save_everything,
)
from twostep.core.account import EmailAddress
from twostep.core.audit.audit_chain import Record
from twostep.core.methods.authenticator import KnownBrowser, Passkey, PendingApp, RememberedBrowser
from twostep.core.methods.out_of_band import Purpose
from twostep.core.sign_in.session import Level
from twostep.core.token import new_id
from twostep.store import tables
from twostep.store.account import accounts, addresses
from twostep.store.audit import trail
from twostep.store.messages import alarms, outbox, sends
from twostep.store.messages.alarms import Alarm
from twostep.store.messages.sends import Send
from twostep.store.methods import apps, challenges, passkeys, phones
from twostep.store.operate import demo_reset
from twostep.store.recovery import recoveries
from twostep.store.recovery.recoveries import Recovery
from twostep.store.sign_in import known_browsers, remembered_browsers, sessions
from twostep.store.tx import Tx


COUNT = 12
Write = Callable[[Tx, str], object]
Read = Callable[[Tx], object]


def _accounts(tx: Tx, row_id: str) -> None:
    accounts.insert(tx, replace(ACCOUNT, id=row_id), name_key=row_id)


def _session(tx: Tx, row_id: str) -> None:
    sessions.insert(
        tx, replace(SESSION, id=row_id, level=Level.FULL, seen_at=NOW + 9), digest=row_id.encode()
    )


def _app(tx: Tx, row_id: str) -> None:
    apps.insert_app(tx, replace(APP, id=row_id, created_at=NOW + 9), origin="enrolled")


def _phone(tx: Tx, row_id: str) -> None:
    phones.insert(tx, replace(PHONE, id=row_id, confirmed_at=NOW + 9), fingerprint=row_id.encode())


def _typed_phone(tx: Tx, row_id: str) -> None:
    typed = replace(PHONE, id=row_id, session_id="ses", confirmed_at=None)
    phones.insert(tx, typed, fingerprint=row_id.encode())


def _passkey(tx: Tx, row_id: str) -> None:
    passkeys.insert(
        tx,
        Passkey(row_id, "acc", "", row_id.encode(), b"", 0, "", "", False, False, NOW, None, ""),
    )


def _address(tx: Tx, row_id: str) -> None:
    address = EmailAddress(row_id, "acc", f"{row_id}@example.com", None, NOW)
    addresses.insert_address(tx, address, address_key=row_id)


def _challenge(tx: Tx, row_id: str) -> None:
    challenges.insert(tx, replace(CHALLENGE, id=row_id, session_id="ses2"))


def _code(tx: Tx, row_id: str) -> None:
    outbox.insert(tx, message(row_id, kind="code.sign_in", session_id="ses2", challenge_id="cha2"))


def _send(tx: Tx, row_id: str) -> None:
    outbox.insert(tx, message(row_id, provider=row_id, accepted_at=NOW + 1))
    sends.insert(tx, Send(row_id, "acc", row_id, "US", "sms", False, b"", b"", NOW))


def _alarm(tx: Tx, row_id: str) -> None:
    alarms.insert(tx, Alarm(row_id, NOW, "x", "", {}))


def _recovery(tx: Tx, row_id: str) -> None:
    _accounts(tx, row_id)
    recoveries.save(tx, Recovery(row_id, row_id, 1, NOW, NOW, NOW, None))


def _remembered(tx: Tx, row_id: str) -> None:
    browser = RememberedBrowser(row_id, "acc", "Firefox", "192.0.2.7", NOW, NOW, NOW + 600)
    tables.insert(
        tx, "remembered_browsers", browser,
        series=row_id.encode(), digest=row_id.encode(), rotated_at=NOW,
    )  # fmt: skip


def _remember_one_more(tx: Tx) -> list[str]:
    """Those that are kept beside one more, of 6 at most."""
    one_more = RememberedBrowser("-", "acc", "Firefox", "", NOW, NOW, NOW + 600)
    remembered_browsers.insert(tx, one_more, series=b"-", digest=b"-", most=6)
    return [row[0] for row in tx.all("SELECT id FROM remembered_browsers WHERE id <> '-'")]


def _known(tx: Tx, row_id: str) -> None:
    tx.do(
        "INSERT INTO known_browsers (account_id, digest, id, browser, created_at, seen_at)"
        " VALUES ('acc', :digest, :id, '', 7, 7)",
        digest=row_id.encode(),
        id=row_id,
    )


def _know_one_more(tx: Tx) -> list[str]:
    one_more = KnownBrowser("-", "acc", b"-", "", NOW)
    known_browsers.save_known_browser(tx, one_more, most=6)
    return [row[0] for row in tx.all("SELECT id FROM known_browsers WHERE id <> '-'")]


def _pending(tx: Tx, row_id: str) -> None:
    sessions.insert(tx, replace(SESSION, id=row_id), digest=row_id.encode())
    apps.save_pending(tx, PendingApp(row_id, "acc", row_id, b"", NOW + 600))


def _ids(rows: object) -> list[str]:
    return [row.id for row in rows]  # type: ignore[attr-defined]


# What is read in one order: how a row is written, and what lists the ids, the oldest first.
OLDEST_FIRST: dict[str, tuple[Write, Callable[[Tx], list[str]]]] = {
    "apps": (_app, lambda tx: _ids(apps.list_apps(tx, "acc"))[1:]),
    "passkeys": (_passkey, lambda tx: _ids(passkeys.list_passkeys(tx, "acc"))),
    "phones": (_phone, lambda tx: _ids(phones.list_confirmed(tx, "acc"))[1:]),
    "addresses": (_address, lambda tx: _ids(addresses.list_addresses(tx, "acc"))),
    "recoveries": (_recovery, lambda tx: _ids(recoveries.list_due(tx, now=NOW, limit=99))),
    "outbox, claimed": (
        lambda tx, row_id: outbox.insert(tx, message(row_id)),
        lambda tx: _ids(outbox.claim_due(tx, now=NOW, lease_seconds=60, limit=99)),
    ),
    "sessions": (
        _session,
        lambda tx: _ids(reversed(sessions.list_live(tx, "acc", now=NOW, seen_after=0))),
    ),
    "remembered browsers": (
        _remembered,
        lambda tx: _ids(reversed(remembered_browsers.list_live(tx, "acc", now=NOW))),
    ),
    "codes of an attempt": (
        _code,
        lambda tx: _ids(reversed(outbox.list_of_attempt(tx, "ses2", since=0))),
    ),
    "alarms": (_alarm, lambda tx: _ids(reversed(alarms.list_newest(tx, since=0, limit=99)))),
    "speeds": (
        _send,
        lambda tx: [row[0] for row in reversed(sends.list_speeds(tx, since=0, limit=99))],
    ),
}
# Of which only the newest counts.
NEWEST: dict[str, tuple[Write, Callable[[Tx], str]]] = {
    "app": (_app, lambda tx: _ids([apps.load_newest(tx)])[0]),
    "unconfirmed phone": (
        _typed_phone,
        lambda tx: _ids([phones.load_unconfirmed(tx, "ses")])[0],
    ),
    "challenge": (
        _challenge,
        lambda tx: _ids([challenges.load_newest(tx, "ses2", Purpose.SIGN_IN)])[0],
    ),
    "message of a challenge": (
        _code,
        lambda tx: _ids([outbox.load_newest_of_challenge(tx, "cha2")])[0],
    ),
    "message of a kind": (
        _code,
        lambda tx: _ids([outbox.load_newest_of_kind(tx, "acc", kind="code.sign_in")])[0],
    ),
    "QR code": (_pending, lambda tx: _ids([demo_reset.load_newest_pending(tx, now=NOW)])[0]),
}
# Of which so many are kept.
KEPT: dict[str, tuple[Write, Callable[[Tx], list[str]]]] = {
    "remembered browsers": (_remembered, _remember_one_more),
    "known browsers": (_known, _know_one_more),
}


class _Undone(Exception):
    pass


def _read(engine: Engine, write: Write, read: Read) -> tuple[list[str], object]:
    """The ids as they were made, and what is read once the rows have been written in disorder."""
    made = [new_id() for _ in range(COUNT)]
    shuffled = made[:]
    random.Random(7).shuffle(shuffled)  # noqa: S311  the same every time
    answer: list[object] = []

    def story(tx: Tx) -> None:
        save_everything(tx)
        sessions.insert(tx, replace(SESSION, id="ses2"), digest=b"other")
        for row_id in shuffled:
            write(tx, row_id)
        answer.append(read(tx))
        raise _Undone

    async def run() -> None:
        async with open_store(engine) as store:
            await store.run(story)

    with pytest.raises(_Undone):
        asyncio.run(run())
    return made, answer[0]


@pytest.mark.parametrize("what", OLDEST_FIRST)
def test_a_list_has_the_order_in_which_rows_were_made(
    one_database_each: tuple[Engine, Engine], what: str
) -> None:
    for engine in one_database_each:
        made, listed = _read(engine, *OLDEST_FIRST[what])
        assert listed == made, engine.name


@pytest.mark.parametrize("what", NEWEST)
def test_the_newest_is_the_one_that_was_made_last(
    one_database_each: tuple[Engine, Engine], what: str
) -> None:
    for engine in one_database_each:
        made, newest = _read(engine, *NEWEST[what])
        assert newest == made[-1], engine.name


@pytest.mark.parametrize("what", KEPT)
def test_those_made_first_make_room(one_database_each: tuple[Engine, Engine], what: str) -> None:
    for engine in one_database_each:
        made, kept = _read(engine, *KEPT[what])
        assert sorted(kept) == made[-5:], engine.name  # type: ignore[call-overload]


def test_conversions_count_the_newest_sends(one_database_each: tuple[Engine, Engine]) -> None:
    """Of which every second one was worth its cost."""
    for engine in one_database_each:

        def verify_half_and_read(tx: Tx) -> list[bool]:
            ids = sorted(row[0] for row in tx.all("SELECT id FROM sends"))
            for row_id in ids[::2]:
                sends.save_verified(tx, row_id, now=NOW + 5)
            return sends.list_conversions(
                tx, "US", since=0, settled_before=NOW + 9, limit=COUNT - 1
            )

        _, verified = _read(engine, _send, verify_half_and_read)
        assert verified == [False, True] * (COUNT // 2 - 1) + [False], engine.name


def test_seconds_until_a_code_came_back_are_in_order(
    one_database_each: tuple[Engine, Engine],
) -> None:
    for engine in one_database_each:

        def verify_all_and_read(tx: Tx) -> list[int]:
            ids = sorted(row[0] for row in tx.all("SELECT id FROM sends"))
            for seconds, row_id in enumerate(ids):
                sends.save_verified(tx, row_id, now=NOW + seconds)
            return [row[2] for row in sends.list_verify_seconds(tx, since=0)]

        _, seconds = _read(engine, _send, verify_all_and_read)
        assert seconds == list(range(COUNT)), engine.name


def test_the_oldest_records_of_one_second_are_those_with_the_least_numbers(
    one_database_each: tuple[Engine, Engine],
) -> None:
    for engine in one_database_each:

        def write(tx: Tx, row_id: str) -> None:
            tables.insert(tx, "audit_records", Record(row_id, 1, NOW, "x", "", b"", b""))

        made, chains = _read(
            engine, write, lambda tx: sorted(trail.list_chains_before(tx, NOW + 1, limit=3))
        )
        assert chains == made[:3], engine.name
