"""Whatever is done to the audit trail up to the last checkpoint, verifying finds it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.house import House, database_url, has_database, open_house
from tests.support.meddle import look, meddle
from twostep.core.audit import event
from twostep.core.audit.audit_chain import START, Head, hash_record
from twostep.core.audit.audit_checkpoint import Signed, new_checkpoint, new_start
from twostep.core.audit.audit_review import Fault
from twostep.core.audit.event import CLI
from twostep.core.sealing import Keyring, new_key
from twostep.flows.audit.checkpoint import checkpoint_all, checkpoint_file_problem
from twostep.flows.audit.export import SinceUnknown, checkpoint_at, export_audit, export_since
from twostep.flows.audit.purge_trail import MONTH_SECONDS
from twostep.flows.audit.verify import Verified, verify_database, verify_export
from twostep.flows.env import SHELL
from twostep.flows.operate.purge import purge
from twostep.flows.operate.rotate_keys import rotate_keys
from twostep.store.audit import trail as audit


KEYS = Keyring((new_key(),))
ZEROS = bytes(64)


def in_house(folder: Path, story: Callable[[House], Awaitable[Any]], **settings: object) -> Any:
    async def run() -> Any:
        fresh = not has_database(folder)
        async with open_house(folder, fresh=fresh, keyring=KEYS, **settings) as house:
            result = await story(house)
            # Sending is an event too. Whoever opens the folder next would send what still waits.
            await house.settle()
            return result

    return asyncio.run(run())


async def live(house: House) -> None:
    """Two accounts with a past, a system event, two checkpoints, and one event after them."""
    for name in ("alice", "bob"):
        await house.add(name)
        await house.sign_in(name)
        await house.sign_in(name)
        await checkpoint_all(house.by())
        house.clock.forward(60)
    await house.env.store.run(
        audit.append_system,
        event.new_event(event.REQUEST_REFUSED, path="/x", reason="host"),
        subject="x",
        source=CLI,
        now=house.now,
        keyring=house.env.keyring,
    )
    await checkpoint_all(house.by())
    await house.sign_in("alice")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    in_house(tmp_path, live)
    return tmp_path


def tamper(folder: Path, *statements: str, **values: object) -> None:
    meddle(database_url(folder, fresh=False), *statements, **values)


def rows(folder: Path, sql: str, **values: object) -> list[tuple[Any, ...]]:
    return look(database_url(folder, fresh=False), sql, **values)


def alice(folder: Path) -> str:
    ids = rows(folder, "SELECT id FROM accounts WHERE name = 'alice'")
    return str(ids[0][0])


def verified(folder: Path, **settings: object) -> Verified:
    async def story(house: House) -> Verified:
        return await verify_database(house.env, now=house.now + 180)

    return in_house(folder, story, **settings)


def faults(folder: Path, **settings: object) -> set[Fault]:
    return {finding.fault for finding in verified(folder, **settings).findings}


def rewrite(folder: Path, chain: str, change: Callable[[dict[str, Any]], None], *, at: int) -> None:
    """What a thorough forger does: change one record and hash everything behind it anew."""
    head = START
    records = rows(
        folder,
        "SELECT seq, body, prev_hash FROM audit_records WHERE chain = :id ORDER BY seq",
        id=chain,
    )
    for seq, body, before in records:
        head = before if seq == 1 else head
        if seq == at:
            event = json.loads(body)
            change(event)
            body = json.dumps(event, separators=(",", ":"), sort_keys=True)  # noqa: PLW2901
        digest = hash_record(head, body)
        tamper(
            folder,
            "UPDATE audit_records SET body = :body, prev_hash = :before, hash = :hash, at = :at"
            " WHERE chain = :id AND seq = :seq",
            body=body,
            before=head,
            hash=digest,
            at=json.loads(body)["at"],
            id=chain,
            seq=seq,
        )
        head = digest
    tamper(folder, "UPDATE accounts SET audit_hash = :hash WHERE id = :id", hash=head, id=chain)


def test_an_untouched_trail_is_whole(folder: Path) -> None:
    events = len(rows(folder, "SELECT 1 FROM audit_records"))
    result = verified(folder)
    assert result.findings == ()
    assert result.events == events
    assert result.checkpoint == 3


@pytest.mark.parametrize(
    ("statement", "fault"),
    [
        ("UPDATE audit_records SET body = replace(body, 'self', 'cli') WHERE chain = :id AND seq = 2", Fault.CHANGED),
        ("UPDATE audit_records SET event = 'password.refused' WHERE chain = :id AND seq = 2", Fault.CHANGED),
        ("UPDATE audit_records SET at = at - 60 WHERE chain = :id AND seq = 2", Fault.CHANGED),
        ("UPDATE audit_records SET hash = :zeros WHERE chain = :id AND seq = 2", Fault.CHANGED),
        ("UPDATE audit_records SET prev_hash = :zeros WHERE chain = :id AND seq = 2", Fault.CHANGED),
        ("DELETE FROM audit_records WHERE chain = :id AND seq = 2", Fault.GAP),
        ("DELETE FROM audit_records WHERE chain = :id AND seq = 1", Fault.GAP),
        ("DELETE FROM audit_records WHERE chain = :id AND seq >= 4", Fault.CUT),
        ("DELETE FROM audit_records WHERE chain = :id", Fault.CUT),
        ("DELETE FROM audit_records WHERE chain LIKE 'system-%'", Fault.CUT),
        ("DELETE FROM audit_checkpoints WHERE seq = 2", Fault.CHECKPOINT),
        ("DELETE FROM audit_checkpoints WHERE seq = 1", Fault.CHECKPOINT),
        ("UPDATE audit_checkpoints SET body = replace(body, '\"at\":', '\"at\":1') WHERE seq = 2", Fault.CHECKPOINT),
        ("UPDATE audit_checkpoints SET signature = :zeros WHERE seq = 3", Fault.CHECKPOINT),
        ("UPDATE audit_checkpoints SET body = 'nothing' WHERE seq = 1", Fault.CHECKPOINT),
        ("UPDATE accounts SET audit_seq = audit_seq - 1 WHERE id = :id", Fault.CUT),
    ],
)  # fmt: skip
def test_what_a_hand_in_the_database_leaves_is_found(
    folder: Path, statement: str, fault: Fault
) -> None:
    tamper(folder, statement, id=alice(folder), zeros=ZEROS)
    assert fault in faults(folder)


def test_two_records_in_each_others_place_are_found(folder: Path) -> None:
    who = alice(folder)
    tamper(
        folder,
        "UPDATE audit_records SET seq = 99 WHERE chain = :id AND seq = 2",
        "UPDATE audit_records SET seq = 2 WHERE chain = :id AND seq = 3",
        "UPDATE audit_records SET seq = 3 WHERE chain = :id AND seq = 99",
        id=who,
    )
    assert Fault.CHANGED in faults(folder)


def test_a_forger_who_hashes_everything_anew_is_stopped_by_the_checkpoint(folder: Path) -> None:
    rewrite(folder, alice(folder), lambda event: event.update(network="203.0.113.9"), at=2)
    findings = verified(folder).findings
    assert [finding.fault for finding in findings] == [Fault.CHANGED, Fault.FOREIGN]
    assert "vouches" in findings[0].text


def test_a_cut_with_the_head_set_back_is_found_up_to_the_checkpoint(folder: Path) -> None:
    who = alice(folder)
    last = rows(
        folder, "SELECT seq, hash FROM audit_records WHERE chain = :id AND seq = 2", id=who
    )[0]
    tamper(
        folder,
        "DELETE FROM audit_records WHERE chain = :id AND seq > 2",
        "UPDATE accounts SET audit_seq = :seq, audit_hash = :hash WHERE id = :id",
        id=who,
        seq=last[0],
        hash=last[1],
    )
    assert faults(folder) == {Fault.CUT, Fault.FOREIGN}


def test_what_came_after_the_last_checkpoint_can_be_cut_unseen_with_the_tag_of_then(
    tmp_path: Path,
) -> None:
    """Whoever has kept a copy puts it back; only the file outside the database knows better."""
    in_house(tmp_path, live)
    who = alice(tmp_path)
    end = "SELECT audit_seq, audit_hash, audit_tag FROM accounts WHERE id = :id"
    ((seq, digest, tag),) = rows(tmp_path, end, id=who)
    in_house(tmp_path, lambda house: house.sign_in("alice"))
    tamper(
        tmp_path,
        "DELETE FROM audit_records WHERE chain = :id AND seq > :seq",
        "UPDATE accounts SET audit_seq = :seq, audit_hash = :hash WHERE id = :id",
        id=who,
        seq=seq,
        hash=digest,
    )
    assert faults(tmp_path) == {Fault.FOREIGN}
    tamper(tmp_path, "UPDATE accounts SET audit_tag = :tag WHERE id = :id", id=who, tag=tag)
    assert faults(tmp_path) == set()


def forged(folder: Path, ring: Keyring, *, seq: int) -> Signed:
    before = rows(
        folder, "SELECT body, signature FROM audit_checkpoints WHERE seq = :seq", seq=seq - 1
    )
    root = Signed(*before[0]).root
    heads = {alice(folder): Head(1, bytes(32))}
    return new_checkpoint(ring, seq=seq, before=root, heads=heads, at=1_764_000_000)


def test_a_checkpoint_of_a_foreign_key_is_found(folder: Path) -> None:
    fake = forged(folder, Keyring((new_key(),)), seq=3)
    tamper(
        folder,
        "UPDATE audit_checkpoints SET body = :body, signature = :signature WHERE seq = 3",
        body=fake.body,
        signature=fake.signature,
    )
    assert Fault.CHECKPOINT in faults(folder)


def test_a_forged_checkpoint_in_the_middle_is_found(folder: Path) -> None:
    fake = forged(folder, Keyring((new_key(),)), seq=2)
    tamper(
        folder,
        "UPDATE audit_checkpoints SET body = :body, signature = :signature WHERE seq = 2",
        body=fake.body,
        signature=fake.signature,
    )
    assert Fault.CHECKPOINT in faults(folder)


def test_checkpoints_of_a_key_that_has_left_the_file_still_count(tmp_path: Path) -> None:
    old, new = new_key(), new_key()

    async def run() -> tuple[Fault, ...]:
        async with open_house(tmp_path, keyring=Keyring((old,))) as house:
            await live(house)
        async with open_house(tmp_path, fresh=False, keyring=Keyring((new, old))) as house:
            await rotate_keys(house.by(), None, report=lambda *_: None)
        async with open_house(tmp_path, fresh=False, keyring=Keyring((new,))) as house:
            await house.env.store.run(
                audit.append_system,
                event.new_event(event.KEYS_REMOVED, key=old.id),
                subject="keys",
                source=CLI,
                now=house.now,
                keyring=house.env.keyring,
            )
            await checkpoint_all(house.by())
            result = await verify_database(house.env, now=house.now)
            return tuple(finding.fault for finding in result.findings)

    assert asyncio.run(run()) == ()


# ── the file outside the database ───────────────────────────────────────────────────────────────


@pytest.fixture
def filed(tmp_path: Path) -> tuple[Path, dict[str, object]]:
    settings = {"audit_checkpoint_file": str(tmp_path / "elsewhere.jsonl")}
    in_house(tmp_path, live, **settings)
    return tmp_path, settings


def lines_of(folder: Path) -> list[str]:
    return (folder / "elsewhere.jsonl").read_text().splitlines(keepends=True)


def test_the_file_holds_every_checkpoint(filed: tuple[Path, dict[str, object]]) -> None:
    folder, settings = filed
    assert len(lines_of(folder)) == 3
    assert (folder / "elsewhere.jsonl").stat().st_mode & 0o077 == 0
    assert faults(folder, **settings) == set()


@pytest.mark.parametrize(
    "change",
    [
        lambda lines: lines[:1] + lines[2:],
        lambda lines: lines[:2],
        lambda lines: lines[:0],
        lambda lines: [lines[1], lines[0], lines[2]],
        lambda lines: [lines[0], lines[1].replace("heads", "hoods"), lines[2]],
        lambda lines: [*lines, "what is this\n"],
    ],
    ids=["gap", "cut", "emptied", "order", "edit", "foreign"],
)
def test_a_changed_file_is_found(
    filed: tuple[Path, dict[str, object]], change: Callable[[list[str]], list[str]]
) -> None:
    folder, settings = filed
    (folder / "elsewhere.jsonl").write_text("".join(change(lines_of(folder))))
    assert faults(folder, **settings)


def test_a_file_that_is_gone_is_found(filed: tuple[Path, dict[str, object]]) -> None:
    folder, settings = filed
    (folder / "elsewhere.jsonl").unlink()
    assert faults(folder, **settings) == {Fault.FILE}


def test_an_older_copy_of_the_database_is_found_by_the_file(
    filed: tuple[Path, dict[str, object]],
) -> None:
    folder, settings = filed
    tamper(folder, "DELETE FROM audit_checkpoints WHERE seq = 3")
    assert Fault.FILE in faults(folder, **settings)


def test_checkpoints_cut_together_with_what_they_vouch_for_are_found_by_the_file_alone(
    filed: tuple[Path, dict[str, object]],
) -> None:
    """Whoever may write to the database chooses which checkpoint is the last one in it."""
    folder, settings = filed
    tamper(
        folder,
        "DELETE FROM audit_checkpoints WHERE seq = 3",
        "DELETE FROM audit_records WHERE chain LIKE 'system-%'",
        "DELETE FROM system_chains",
    )
    assert faults(folder) == set()
    assert faults(folder, **settings) == {Fault.FILE, Fault.CUT}


def test_a_torn_line_is_written_again_and_is_no_finding(
    filed: tuple[Path, dict[str, object]],
) -> None:
    folder, settings = filed
    torn = lines_of(folder)
    (folder / "elsewhere.jsonl").write_text("".join(torn)[:-40])

    async def story(house: House) -> None:
        await checkpoint_all(house.by())

    in_house(folder, story, **settings)
    assert lines_of(folder)[2].rstrip("\n") == torn[2][:-40]
    assert faults(folder, **settings) == set()


def test_a_file_that_cannot_be_written_stops_nothing_and_is_told(tmp_path: Path) -> None:
    settings = {"audit_checkpoint_file": str(tmp_path / "no" / "such" / "folder.jsonl")}

    async def story(house: House) -> str:
        await live(house)
        return house.see(checkpoint_file_problem, house.env.settings.audit_checkpoint_file)

    assert "cannot be written" in in_house(tmp_path, story, **settings)
    assert len(rows(tmp_path, "SELECT 1 FROM audit_checkpoints")) == 3


# ── parts ──────────────────────────────────────────────────────────────────────────────────────


async def write_part(house: House, path: Path, since: int) -> int:
    with path.open("w") as file:
        return (await export_since(house.by(SHELL), since, file.write)).next_since


def test_a_part_is_whole_after_what_it_starts_from_was_purged(folder: Path) -> None:
    """The checkpoint that it names may be gone, and so may some of its own records."""
    path = folder / "part.jsonl"

    async def story(house: House) -> tuple[Verified, Verified, int]:
        start = await write_part(house, path, 0)
        await house.sign_in("alice")
        await write_part(house, path, start)
        before = await verify_export(path, house.env)
        await age(house)
        return before, await verify_export(path, house.env), start

    before, after, start = in_house(folder, story)
    assert (before.since, after.since, before.findings, after.findings) == (start, start, (), ())


def test_a_part_cannot_start_where_something_is_gone(folder: Path) -> None:
    async def story(house: House) -> None:
        await age(house)
        with pytest.raises(SinceUnknown, match=r"older than retention\.events_months") as refused:
            await write_part(house, folder / "part.jsonl", 1)
        oldest = int(str(refused.value).rpartition(" ")[2])
        await write_part(house, folder / "part.jsonl", oldest)
        part = await verify_export(folder / "part.jsonl", house.env)
        await write_part(house, folder / "part.jsonl", 0)
        everything = await verify_export(folder / "part.jsonl", house.env)
        assert (part.findings, everything.findings) == ((), ())
        assert part.events <= everything.events

    in_house(folder, story)


def test_a_time_leads_to_the_checkpoint_before_it(folder: Path) -> None:
    async def story(house: House) -> None:
        house.clock.forward(3600)
        at = house.now
        house.clock.forward(3600)
        await house.sign_in("alice")
        number = await checkpoint_at(house.by(SHELL), at)
        assert number == await checkpoint_at(house.by(SHELL), house.now) > 0
        await write_part(house, folder / "part.jsonl", number)
        lines = (folder / "part.jsonl").read_text().splitlines()
        late = [line for line in map(json.loads, lines) if line["at"] >= at]
        assert {"password.accepted", "audit.exported"} <= {line["event"] for line in late}
        with pytest.raises(SinceUnknown, match="not come yet"):
            await checkpoint_at(house.by(SHELL), house.now + 1)

    in_house(folder, story)


# ── what was purged ─────────────────────────────────────────────────────────────────────────────


async def age(house: House) -> int:
    """Thirteen months later only what happened now is left."""
    house.clock.forward(13 * MONTH_SECONDS)
    await house.sign_in("alice")
    await checkpoint_all(house.by())
    removed = 0
    while count := await house.by().do(purge, limit=2):
        removed += count
    await house.sign_in("bob")
    return removed


def test_what_is_left_after_a_purge_is_whole(folder: Path) -> None:
    before = len(rows(folder, "SELECT 1 FROM audit_records"))
    assert in_house(folder, age) > before
    assert len(rows(folder, "SELECT 1 FROM audit_records")) < before
    assert len(rows(folder, "SELECT 1 FROM audit_checkpoints")) == 1
    assert faults(folder) == set()


@pytest.mark.parametrize(
    ("statement", "fault"),
    [
        ("DELETE FROM audit_starts WHERE chain = :id", Fault.GAP),
        ("UPDATE audit_starts SET signature = :zeros WHERE chain = :id", Fault.START),
        ("DELETE FROM audit_starts WHERE chain = 'checkpoints'", Fault.CHECKPOINT),
        ("DELETE FROM audit_records WHERE chain = :id AND seq = (SELECT min(seq) FROM audit_records WHERE chain = :id)", Fault.GAP),
    ],
)  # fmt: skip
def test_a_purged_start_is_guarded_too(folder: Path, statement: str, fault: Fault) -> None:
    in_house(folder, age)

    async def more(house: House) -> None:
        house.clock.forward(13 * MONTH_SECONDS + 60)
        await house.sign_in("alice")

    in_house(folder, more)
    tamper(folder, statement, id=alice(folder), zeros=ZEROS)
    assert fault in faults(folder)


def test_a_start_signed_by_a_foreign_key_is_found(folder: Path) -> None:
    in_house(folder, age)
    who = alice(folder)
    first = rows(
        folder, "SELECT seq, prev_hash FROM audit_records WHERE chain = :id ORDER BY seq", id=who
    )[0]
    fake = new_start(
        Keyring((new_key(),)), chain=who, head=Head(first[0] - 1, first[1]), at=1_764_000_000
    )
    tamper(
        folder,
        "UPDATE audit_starts SET body = :body, signature = :signature WHERE chain = :id",
        id=who,
        body=fake.body,
        signature=fake.signature,
    )
    assert Fault.START in faults(folder)


# ── exports ─────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def exported(folder: Path) -> Path:
    async def story(house: House) -> None:
        with (folder / "export.jsonl").open("w") as file:
            await export_audit(house.by(SHELL), file.write)
        await house.sign_in("alice")
        await checkpoint_all(house.by())

    in_house(folder, story)
    return folder


def export_faults(folder: Path) -> set[Fault]:
    async def story(house: House) -> Verified:
        return await verify_export(folder / "export.jsonl", house.env)

    return {finding.fault for finding in in_house(folder, story).findings}


def test_an_export_is_whole_also_after_more_has_happened(exported: Path) -> None:
    assert export_faults(exported) == set()
    alone = asyncio.run(verify_export(exported / "export.jsonl", None))
    assert alone.findings == ()
    first = json.loads((exported / "export.jsonl").read_text().splitlines()[0])
    assert first.keys() == {
        *("chain", "seq", "at", "event", "account", "actor", "method", "outcome", "network"),
        *("browser", "data", "prev_hash", "hash"),
    }


def test_an_export_that_another_program_wrote_anew_is_whole(exported: Path) -> None:
    path = exported / "export.jsonl"
    events = [json.loads(line) for line in path.read_text().splitlines()]
    path.write_text(
        "".join(json.dumps(event, ensure_ascii=False, indent=None) + "\n" for event in events)
    )
    assert export_faults(exported) == set()


@pytest.mark.parametrize("victim", range(9))
def test_every_lost_line_of_an_export_is_found(exported: Path, victim: int) -> None:
    path = exported / "export.jsonl"
    lines = path.read_text().splitlines(keepends=True)
    # What came after the checkpoint that the export names cannot be missed.
    counted = [line for line in lines if "sign_in.completed" in line or "audit.exp" in line]
    lines.remove(counted[victim % len(counted)])
    path.write_text("".join(lines))
    assert export_faults(exported)


def test_a_changed_and_a_moved_line_of_an_export_are_found(exported: Path) -> None:
    path = exported / "export.jsonl"
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join([lines[0].replace('"at":1', '"at":2'), *lines[1:]]))
    assert Fault.CHANGED in export_faults(exported)
    first, second = [n for n, line in enumerate(lines) if alice(exported) in line][:2]
    lines[first], lines[second] = lines[second], lines[first]
    path.write_text("".join(lines))
    assert export_faults(exported)


def test_an_account_that_is_deleted_leaves_a_whole_chain(folder: Path) -> None:
    who = alice(folder)
    tamper(
        folder,
        "INSERT INTO system_chains (chain, audit_seq, audit_hash, audit_tag)"
        " SELECT id, audit_seq, audit_hash, audit_tag FROM accounts WHERE id = :id",
        "DELETE FROM accounts WHERE id = :id",
        id=who,
    )
    assert faults(folder) == set()
