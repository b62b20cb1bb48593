"""Keys are changed while people sign in; whatever stops it, nothing is lost and it goes on."""

from __future__ import annotations

import ast
import asyncio
import base64
import os
import random
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.house import PASSWORD, PHONE, START, House, database_url, open_house
from tests.support.meddle import dump, look, meddle
from twostep.core import key_file, sealing
from twostep.core.audit.audit_review import AuditFinding
from twostep.core.methods import totp
from twostep.core.refusal import Refused
from twostep.core.sealing import Keyring, new_key
from twostep.flows.audit.checkpoint import checkpoint_all
from twostep.flows.audit.unreadable import record_unreadable
from twostep.flows.audit.verify import verify_database
from twostep.flows.env import SHELL
from twostep.flows.keys import REFRESH_EVERY_SECONDS, Keys, KeysUnreadable, open_keys, write_keyring
from twostep.flows.messages import numbers as number_digest
from twostep.flows.operate.health import is_ready
from twostep.flows.operate.missing_keys import require_keys
from twostep.flows.operate.rotate_keys import ROTATION, remove_key, rotate_keys, view_keys
from twostep.flows.sign_in import second_step
from twostep.flows.sign_in.complete import SignedIn
from twostep.flows.turn import by_shell
from twostep.flows.unseal import Unreadable
from twostep.store import installation
from twostep.store.engine.address import sqlite_path
from twostep.store.methods import apps, phones
from twostep.store.operate.sealed_columns import SEALED_COLUMNS


SRC = Path(__file__).resolve().parents[3] / "src" / "twostep"
KEY_FILE = "twostep.key"


def write_keys(folder: Path, ring: Keyring) -> None:
    path = folder / KEY_FILE
    path.write_text(key_file.format_keyring(ring))
    path.chmod(0o600)


@asynccontextmanager
async def keyed_house(folder: Path, *, fresh: bool = True, url: str = "") -> AsyncIterator[House]:
    """A product whose keys come from a file, as a server's do."""
    if fresh:
        write_keys(folder, Keyring((new_key(),)))
    async with open_house(folder, fresh=fresh, url=url) as house:
        object.__setattr__(house.env, "keys", open_keys(house.env.settings))
        yield house


async def furnish(house: House, *, names: tuple[str, ...] = ("alice",)) -> dict[str, bytes]:
    """Accounts with an app, a phone and backup codes; their apps' secrets."""
    secrets = {}
    for number, name in enumerate(names):
        await house.add(name)
        secret, signed_in = await house.add_app(await house.sign_in(name))
        if number < 2:
            house.clock.forward(3600)
            _, signed_in = await fresh_session(house, name, secret)
            await house.add_phone(signed_in, f"(202) 555-01{number:02}")
            await house.make_codes(signed_in)
        secrets[name] = secret
    return secrets


async def fresh_session(house: House, name: str, secret: bytes) -> tuple[bytes, SignedIn]:
    house.clock.forward(60)
    half = await house.sign_in(name)
    answer = await second_step.submit_code(
        house.by(token=half.token), half.session, typed=house.code(secret)
    )
    assert not isinstance(answer, Refused), answer
    return secret, answer.signed_in


def silent(count: int, total: int) -> None:
    assert count <= total


@pytest.mark.row("OTP-13")
def test_everything_is_sealed_again_and_the_old_key_can_go(tmp_path: Path) -> None:
    async def run() -> None:
        async with keyed_house(tmp_path) as house:
            secrets = await furnish(house)
            old = house.env.keyring.newest.id
            path = tmp_path / KEY_FILE
            before = number_digest.fingerprint(house.env, "+12025550100")
            rotated = await rotate_keys(house.by(SHELL), path, report=silent)
            assert not rotated.resumed
            assert rotated.values == 3  # app, phone, shown codes
            assert [use.total for use in rotated.old] == [0]
            assert path.stat().st_mode & 0o777 == 0o600
            assert number_digest.fingerprint(house.env, "+12025550100") != before
            account = house.env.store.read_now(
                phones.list_confirmed, await account_id(house, "alice")
            )
            assert account
            await fresh_session(house, "alice", secrets["alice"])
            await remove_key(house.by(SHELL), path, key_id=old)
            assert [use.key_id for use in house.see(view_keys)] == [rotated.key_id]
            await fresh_session(house, "alice", secrets["alice"])
            verified = await verify_database(house.env, now=house.now)
            assert verified.findings == ()

    asyncio.run(run())


async def account_id(house: House, name: str) -> str:
    signed_in = await house.sign_in(name)
    return signed_in.session.account_id


def test_a_duplicate_number_is_found_under_every_key(tmp_path: Path) -> None:
    async def run() -> None:
        async with keyed_house(tmp_path) as house:
            await furnish(house)
            who = await account_id(house, "alice")
            ring = house.env.keyring
            two = Keys(Keyring((new_key(), *ring.keys)))
            object.__setattr__(house.env, "keys", two)
            prints = number_digest.fingerprints(house.env, "+12025550100")
            assert len(prints) == 2
            assert house.env.store.read_now(phones.has_number, who, prints)

    asyncio.run(run())


def test_a_server_goes_on_while_another_process_rotates(tmp_path: Path) -> None:
    async def run() -> None:
        async with keyed_house(tmp_path) as house:
            secrets = await furnish(house, names=tuple(f"user{n:03}" for n in range(30)))
            signed_in = 0
            with rotation(tmp_path, beside_server=True) as process:
                while process.poll() is None:
                    name = f"user{signed_in % 30:03}"
                    await fresh_session(house, name, secrets[name])
                    signed_in += 1
                    await asyncio.sleep(0.01)
            assert process.returncode == 0
            assert signed_in > 3
            uses = house.see(view_keys)
            assert len(uses) == 2
            assert sum(use.total for use in uses[1:]) == 0
            for name, secret in secrets.items():
                await fresh_session(house, name, secret)

    asyncio.run(run())


# Says a line when it is ready and one after each batch, so that it can be stopped between any two.
ROTATE = """
import asyncio, sys
from pathlib import Path
from tests.flows.operate.test_rotate_keys import keyed_house
from twostep.flows.env import SHELL
from twostep.flows.operate import rotate_keys

rotate_keys.BATCH = 3

async def main(folder, url, look_every):
    rotate_keys.REFRESH_EVERY_SECONDS = look_every
    async with keyed_house(folder, fresh=False, url=url) as house:
        report = lambda done, total: print(done, total, flush=True)
        report(0, 0)
        await rotate_keys.rotate_keys(house.by(SHELL), folder / "twostep.key", report=report)

asyncio.run(main(Path(sys.argv[1]), sys.argv[2], float(sys.argv[3])))
"""


def rotation(folder: Path, *, beside_server: bool = False) -> subprocess.Popen[bytes]:
    """Rotate in a process of its own. Alone, it need not wait until servers have seen the key."""
    root = SRC.parents[1]
    wait = str(REFRESH_EVERY_SECONDS if beside_server else 0)
    return subprocess.Popen(
        [sys.executable, "-c", ROTATE, str(folder), database_url(folder, fresh=False), wait],
        cwd=root,
        env={**os.environ, "PYTHONPATH": f"{root}:{root / 'src'}"},
        stdout=subprocess.PIPE,
    )


def killed(folder: Path, chance: random.Random, *, most_batches: int) -> bool:
    """Kill a rotation somewhere in its first batches; whether it was still running."""
    with rotation(folder) as process:
        assert process.stdout is not None
        for _ in range(chance.randrange(most_batches + 2)):
            process.stdout.readline()
        time.sleep(chance.uniform(0, 0.03))
        process.kill()
    assert process.returncode in {0, -9}
    return process.returncode != 0


def broken_off(folder: Path, *, seeds: range, names: int) -> tuple[AuditFinding, ...]:
    """Kill the rotating process again and again, then let it finish; everything still opens.

    Answers what is wrong with the audit trail."""

    async def prepare() -> dict[str, bytes]:
        async with keyed_house(folder) as house:
            return await furnish(house, names=tuple(f"user{n:04}" for n in range(names)))

    secrets = asyncio.run(prepare())
    broken = 0
    for seed in seeds:
        chance = random.Random(seed)  # noqa: S311  a moment to stop at, no secret
        broken += killed(folder, chance, most_batches=names // 8)
        ring = key_file.parse_keyring((folder / KEY_FILE).read_text())
        assert ring.keys
    assert broken
    with rotation(folder) as finishing:
        finishing.communicate(timeout=120)
    assert finishing.returncode == 0

    async def check() -> tuple[AuditFinding, ...]:
        async with keyed_house(folder, fresh=False) as house:
            house.clock.now = START + 30 * 86_400
            uses = house.see(view_keys)
            assert sum(use.total for use in uses[1:]) == 0
            assert house.env.store.read_now(installation.load, ROTATION) is None
            for name, secret in secrets.items():
                await fresh_session(house, name, secret)
            await checkpoint_all(house.by())
            return (await verify_database(house.env, now=house.now)).findings

    url = database_url(folder, fresh=False)
    if sqlite_path(url):
        assert look(url, "PRAGMA integrity_check") == [("ok",)]
    return asyncio.run(check())


def test_a_rotation_that_is_killed_goes_on(tmp_path: Path) -> None:
    assert broken_off(tmp_path, seeds=range(4), names=40) == ()


@pytest.mark.soak
@pytest.mark.parametrize("round_", range(10))
def test_a_rotation_that_is_killed_often_goes_on(tmp_path: Path, round_: int) -> None:
    seeds = range(round_ * 100, round_ * 100 + 10)
    assert broken_off(tmp_path, seeds=seeds, names=400) == ()


def test_a_rotation_that_was_begun_adds_no_second_key(tmp_path: Path) -> None:
    async def run() -> None:
        async with keyed_house(tmp_path) as house:
            await furnish(house)
            planned = new_key()
            await house.env.store.run(installation.save, ROTATION, planned.id)
            write_keyring(tmp_path / KEY_FILE, Keyring((planned, *house.env.keyring.keys)))
            rotated = await rotate_keys(house.by(SHELL), tmp_path / KEY_FILE, report=silent)
            assert rotated.resumed
            assert rotated.key_id == planned.id
            assert len(house.env.keyring.keys) == 2

    asyncio.run(run())


def test_rotations_that_begin_together_add_one_key(tmp_path: Path) -> None:
    """Each as a process of its own would: with the keys as it has read them."""

    async def run() -> None:
        async with keyed_house(tmp_path) as house:
            secrets = await furnish(house)
            path = tmp_path / KEY_FILE
            nodes = [replace(house.env, keys=open_keys(house.env.settings)) for _ in range(3)]
            rotations = await asyncio.gather(
                *(rotate_keys(by_shell(env), path, report=silent) for env in nodes)
            )
            assert sorted(rotation.resumed for rotation in rotations) == [False, True, True]
            assert {rotation.key_id for rotation in rotations} == {
                house.env.keys.refresh().newest.id
            }
            assert len(house.env.keyring.keys) == 2
            await fresh_session(house, "alice", secrets["alice"])
            # One who takes the old key out and one who adds a new one do not undo each other.
            old = house.env.keyring.keys[1].id
            await asyncio.gather(
                remove_key(by_shell(nodes[0]), path, key_id=old),
                rotate_keys(by_shell(nodes[1]), path, report=silent),
            )
            ids = {key.id for key in house.env.keys.refresh().keys}
            assert len(ids) == 2
            assert rotations[0].key_id in ids
            assert old not in ids

    asyncio.run(run())


def test_a_value_that_does_not_open_is_named_and_left(tmp_path: Path) -> None:
    async def run() -> None:
        async with keyed_house(tmp_path) as house:
            await furnish(house, names=("alice", "bob"))
            meddle(
                database_url(tmp_path, fresh=False),
                "UPDATE apps SET secret = substr(secret, 1, length(secret) - 1)",
            )
            rotated = await rotate_keys(house.by(SHELL), tmp_path / KEY_FILE, report=silent)
            assert len([row for row in rotated.unreadable if row.startswith("apps.secret ")]) == 2
            assert rotated.old[0].uses == {"apps.secret": 2}

    asyncio.run(run())


# ── the key file ────────────────────────────────────────────────────────────────────────────────


def test_a_key_file_that_turns_bad_changes_nothing(tmp_path: Path) -> None:
    async def run() -> None:
        async with keyed_house(tmp_path) as house:
            keys = house.env.keys
            ring = keys.ring
            (tmp_path / KEY_FILE).write_text("half a li")
            assert keys.refresh() == ring
            write_keys(tmp_path, Keyring((new_key(), *ring.keys)))
            assert len(keys.refresh().keys) == 2

    asyncio.run(run())


def test_a_key_file_for_everybody_is_refused(tmp_path: Path) -> None:
    async def run() -> None:
        async with keyed_house(tmp_path) as house:
            (tmp_path / KEY_FILE).chmod(0o644)
            with pytest.raises(KeysUnreadable, match="chmod 600"):
                open_keys(house.env.settings)

    asyncio.run(run())


def test_writing_keys_keeps_a_link_and_leaves_no_draft(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    write_keys(tmp_path / "real", Keyring((new_key(),)))
    link = tmp_path / "link.key"
    link.symlink_to(tmp_path / "real" / KEY_FILE)
    ring = Keyring((new_key(), new_key()))
    write_keyring(link, ring)
    assert link.is_symlink()
    assert key_file.parse_keyring(link.read_text()) == ring
    assert [path.name for path in (tmp_path / "real").iterdir()] == [KEY_FILE]


# ── what is sealed ──────────────────────────────────────────────────────────────────────────────


def purposes_in_code(function: str) -> set[str]:
    """Every `purpose=` of a call of `sealing.<function>` in flows, as text."""
    constants: dict[str, dict[str, str]] = {}
    trees = {path: ast.parse(path.read_text()) for path in (SRC / "flows").rglob("*.py")}
    for path, tree in trees.items():
        constants[path.stem] = {
            node.targets[0].id: node.value.value
            for node in tree.body
            if isinstance(node, ast.Assign)
            and isinstance(node.targets[0], ast.Name)
            and isinstance(node.value, ast.Constant)
        }
    purposes = set()
    for path, tree in trees.items():
        known = dict(constants[path.stem])
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(
                "twostep.flows."
            ):
                there = constants.get((node.module or "").rpartition(".")[2], {})
                known |= {
                    imported.name: there[imported.name]
                    for imported in node.names
                    if imported.name in there
                }
        for node in ast.walk(tree):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr == function
                and getattr(node.func.value, "id", "") == "sealing"
            ):
                given = {word.arg: word.value for word in node.keywords}
                purpose = given.get("purpose")
                if isinstance(purpose, ast.Name):
                    purposes.add(known[purpose.id])
                elif isinstance(purpose, ast.Constant):
                    purposes.add(str(purpose.value))
    return purposes


def test_a_rotation_reaches_everything_that_is_sealed() -> None:
    assert purposes_in_code("seal") == {column.purpose for column in SEALED_COLUMNS}


def test_every_stored_digest_of_a_number_or_code_is_made_anew() -> None:
    made = {column.mac.purpose for column in SEALED_COLUMNS if column.mac}
    assert made == {"phones.fingerprint", "challenges.check"}
    assert made <= purposes_in_code("mac")


@pytest.mark.row("OTP-13", "SES-02", "BKP-02")
def test_a_dump_holds_no_secret_in_any_form(tmp_path: Path) -> None:
    async def run() -> tuple[dict[str, bytes], list[str]]:
        async with keyed_house(tmp_path) as house:
            secrets = await furnish(house)
            _, signed_in = await fresh_session(house, "alice", secrets["alice"])
            codes = await house.make_codes(signed_in)
            half = await house.sign_in("alice")
            return secrets, [
                *codes, *(code.replace("-", "") for code in codes), PASSWORD, "2025550100",
                signed_in.token, signed_in.browser_token or PHONE, half.token,
            ]  # fmt: skip

    secrets, texts = asyncio.run(run())
    kept = dump(database_url(tmp_path, fresh=False))
    assert b"alice@example.com" in kept
    values = [*secrets.values(), *(text.encode() for text in texts)]
    for value in values:
        forms = (
            value,
            value.hex().encode(),
            value.hex().upper().encode(),
            base64.b64encode(value).rstrip(b"="),
            base64.urlsafe_b64encode(value).rstrip(b"="),
            base64.b32encode(value).rstrip(b"="),
            base64.b32encode(value).rstrip(b"=").lower(),
        )
        assert [form for form in forms if form in kept] == []


# ── what does not open ──────────────────────────────────────────────────────────────────────────


@pytest.mark.row("OTP-14")
@pytest.mark.parametrize("damage", ["swapped", "cut", "foreign", "altered", "empty"])
def test_an_app_whose_secret_does_not_open_is_no_wrong_code(tmp_path: Path, damage: str) -> None:
    async def run() -> None:
        async with keyed_house(tmp_path) as house:
            secrets = await furnish(house, names=("alice", "bob"))
            harm(database_url(tmp_path, fresh=False), damage)
            house.clock.forward(60)
            half = await house.sign_in("alice")
            typed = totp.at(secrets["bob" if damage == "swapped" else "alice"], house.now // 30)
            with pytest.raises(Unreadable) as broken:
                await second_step.submit_code(house.by(token=half.token), half.session, typed=typed)
            await house.by(token=half.token).do(record_unreadable, broken.value)
            stored = house.env.store.read_now(apps.list_apps, half.session.account_id)
            events = look(
                database_url(tmp_path, fresh=False),
                "SELECT body FROM audit_records WHERE chain = :id AND event = 'seal.broken'",
                id=half.session.account_id,
            )
            assert len(events) == 1
            assert f"app:{stored[0].id}" in events[0][0]

    asyncio.run(run())


@pytest.mark.row("OTP-15")
def test_keys_of_another_installation_are_not_taken_while_serving(tmp_path: Path) -> None:
    async def run() -> None:
        async with keyed_house(tmp_path) as house:
            secrets = await furnish(house)
            keys, path = house.env.keys, tmp_path / KEY_FILE
            require_keys(house.env.settings, keys, house.env.store)
            right = keys.ring
            write_keys(tmp_path, Keyring((new_key(),)))
            assert keys.refresh() == right
            await fresh_session(house, "alice", secrets["alice"])
            assert house.see(is_ready)
            write_keys(tmp_path, Keyring((new_key(), *right.keys)))
            newest = keys.refresh().newest
            assert newest != right.newest
            # Both changes while nobody looked: the old key may be gone by the time we read the file.
            await rotate_keys(house.by(SHELL), path, report=silent)
            write_keys(tmp_path, Keyring((keys.ring.newest,)))
            assert keys.refresh().keys == (keys.ring.newest,)

    asyncio.run(run())


def harm(url: str, damage: str) -> None:
    foreign = sealing.seal(
        Keyring((new_key(),)), bytes(20), purpose="apps.secret", row_id="x", account_id="y"
    )
    (first, secret), (_, other) = look(
        url,
        "SELECT a.id, a.secret FROM apps a JOIN accounts c ON c.id = a.account_id ORDER BY c.name",
    )
    changed = {
        "swapped": other,
        "cut": secret[:-3],
        "foreign": foreign,
        "altered": secret[:-1] + bytes([secret[-1] ^ 1]),
        "empty": b"",
    }[damage]
    meddle(url, "UPDATE apps SET secret = :secret WHERE id = :id", secret=changed, id=first)
