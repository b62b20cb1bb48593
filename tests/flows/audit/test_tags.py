"""What somebody writes into the trail past the program is never signed, and everybody hears of it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from tests.flows.audit.test_verify import alice, faults, in_house, live, rows, tamper, verified
from tests.support.house import House
from twostep.core.audit.audit_chain import hash_record
from twostep.core.audit.audit_review import Fault
from twostep.flows.audit import tags
from twostep.flows.audit.checkpoint import checkpoint_all
from twostep.flows.audit.verify import Verified, verify_database


FORGED = "operator.acted"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    async def story(house: House) -> None:
        await live(house)
        await house.settle()
        await checkpoint_all(house.by())

    in_house(tmp_path, story)
    return tmp_path


def forge(folder: Path, chain: str) -> int:
    """Append an event with its right place and hash, as whoever may write SQL can; its number."""
    sql = (
        "SELECT seq, at, body, hash FROM audit_records WHERE chain = :id ORDER BY seq DESC LIMIT 1"
    )
    ((seq, at, body, before),) = rows(folder, sql, id=chain)
    forged = {**json.loads(body), "seq": seq + 1, "event": FORGED, "actor": "operator:boss"}
    text = json.dumps(forged, separators=(",", ":"), sort_keys=True)
    tamper(
        folder,
        "INSERT INTO audit_records (chain, seq, at, event, body, prev_hash, hash)"
        " VALUES (:id, :seq, :at, :event, :body, :before, :hash)",
        "UPDATE accounts SET audit_seq = :seq, audit_hash = :hash WHERE id = :id",
        "DELETE FROM audit_changed WHERE chain = :id",
        "INSERT INTO audit_changed (chain, seq, hash) VALUES (:id, :seq, :hash)",
        id=chain,
        seq=seq + 1,
        at=at,
        event=FORGED,
        body=text,
        before=bytes(before),
        hash=hash_record(bytes(before), text),
    )
    return int(seq) + 1


async def sign(house: House) -> int:
    """Take a checkpoint; how many ends it did not sign."""
    house.clock.forward(600)
    await checkpoint_all(house.by())
    return house.env.counters.foreign_ends


async def verify(house: House) -> Verified:
    return await verify_database(house.env, now=house.now)


def test_an_event_that_fits_is_neither_signed_nor_overlooked(folder: Path) -> None:
    assert faults(folder) == set()
    who = alice(folder)
    number = forge(folder, who)
    with capture_logs() as logs:
        assert in_house(folder, sign) == 1
    assert [(line["log_level"], line["chain"], line["seq"]) for line in logs] == [
        ("error", who, number)
    ]
    heads = rows(folder, "SELECT body FROM audit_checkpoints ORDER BY seq DESC LIMIT 1")[0][0]
    assert f'"{who}":[{number},' not in heads
    [finding] = verified(folder).findings
    assert (finding.fault, finding.about, finding.seq) == (Fault.FOREIGN, who, number)
    assert f"record {number - 1}" in finding.text


def test_what_comes_after_it_does_not_cover_it(folder: Path) -> None:
    who = alice(folder)
    forge(folder, who)

    async def story(house: House) -> Verified:
        await house.sign_in("alice")  # nobody is kept out
        await house.settle()
        assert await sign(house) == 1
        return await verify(house)

    kinds = {finding.fault for finding in in_house(folder, story).findings}
    assert kinds == {Fault.FOREIGN, Fault.UNSIGNED}


def test_an_operator_who_has_looked_accepts_it(folder: Path) -> None:
    who = alice(folder)
    number = forge(folder, who)

    async def story(house: House) -> Verified:
        accept = {"reason": "our own repair script"}
        assert await house.by().do(tags.accept, ("nobody", who), **accept) == {who: number}
        assert await house.by().do(tags.accept, (who,), **accept) == {}
        assert await sign(house) == 0
        await house.sign_in("alice")
        await house.settle()
        assert await sign(house) == 0
        return await verify(house)

    assert in_house(folder, story).findings == ()
    events = rows(folder, "SELECT body FROM audit_records WHERE event = 'audit.accepted'")
    assert [json.loads(body)["data"] for (body,) in events] == [
        {"chains": who, "reason": "our own repair script"}
    ]


def test_a_system_chain_is_watched_like_an_accounts(folder: Path) -> None:
    tamper(folder, "UPDATE system_chains SET audit_tag = :tag", tag=b"\1\x08deadbeef" + bytes(32))
    assert faults(folder) == {Fault.FOREIGN}


def test_another_chains_tag_does_not_fit(folder: Path) -> None:
    who = alice(folder)
    forge(folder, who)
    tamper(
        folder,
        "UPDATE accounts SET audit_tag ="
        " (SELECT audit_tag FROM accounts WHERE name = 'bob') WHERE id = :id",
        id=who,
    )
    assert faults(folder) == {Fault.FOREIGN}


def test_no_checkpoint_at_all_is_a_finding(folder: Path) -> None:
    tamper(folder, "DELETE FROM audit_checkpoints")

    async def story(house: House) -> Verified:
        house.clock.forward(600)
        return await verify(house)

    [finding] = in_house(folder, story).findings
    assert (finding.fault, finding.about) == (Fault.UNSIGNED, "checkpoints")


def test_events_that_no_checkpoint_has_taken_in_for_two_minutes_are_a_finding(
    folder: Path,
) -> None:
    async def story(house: House) -> tuple[Verified, Verified]:
        house.clock.forward(600)
        await house.sign_in("bob")
        await house.settle()
        house.clock.forward(119)
        soon = await verify(house)
        house.clock.forward(2)
        return soon, await verify(house)

    soon, later = in_house(folder, story)
    assert soon.findings == ()
    assert {finding.fault for finding in later.findings} == {Fault.UNSIGNED}


def untag(folder: Path) -> None:
    """As the migration finds it."""
    tamper(
        folder,
        "UPDATE accounts SET audit_tag = :none",
        "UPDATE system_chains SET audit_tag = :none",
        "UPDATE audit_changed SET tag = :none",
        "INSERT INTO installation (name, value) VALUES ('audit_untagged', '1')",
        none=b"",
    )


def test_after_the_upgrade_what_checkpoints_vouch_for_is_tagged(folder: Path) -> None:
    untag(folder)

    async def story(house: House) -> Verified:
        assert await tags.tag_vouched(house.env) >= 3
        assert await tags.tag_vouched(house.env) == 0
        for name in ("alice", "bob"):
            await house.sign_in(name)
        await house.settle()
        assert await sign(house) == 0
        return await verify(house)

    assert in_house(folder, story).findings == ()


def test_whoever_puts_the_mark_of_the_upgrade_back_gains_nothing(folder: Path) -> None:
    who = alice(folder)
    forge(folder, who)
    untag(folder)

    async def story(house: House) -> Verified:
        await tags.tag_vouched(house.env)
        assert await sign(house) == 1
        return await verify(house)

    kinds = {finding.fault for finding in in_house(folder, story).findings}
    assert kinds == {Fault.FOREIGN, Fault.UNSIGNED}
