"""A key file that is missing, cut, readable by others or another one: nothing starts, and nobody gets in."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.house import House, open_house
from twostep.core import key_file
from twostep.core.audit.audit_review import Fault
from twostep.core.sealing import Keyring, new_key
from twostep.flows.audit.checkpoint import checkpoint_all
from twostep.flows.audit.tags import accept
from twostep.flows.audit.verify import verify_database
from twostep.flows.keys import open_keys
from twostep.flows.sign_in import second_step
from twostep.flows.sign_in.second_step import SecondStepDone
from twostep.flows.unseal import Unreadable


KEY_FILE = "twostep.key"
URL = "http://localhost:8098"
Harm = Callable[[Path], object]


def write(path: Path, ring: Keyring) -> None:
    path.write_text(key_file.format_keyring(ring), encoding="utf-8")
    path.chmod(0o600)


def cut(path: Path) -> None:
    text = path.read_text(encoding="utf-8").rstrip()
    path.write_text(text[:-9], encoding="utf-8")


def remove(path: Path) -> None:
    path.unlink()


def empty(path: Path) -> None:
    path.write_text("", encoding="utf-8")


def garble(path: Path) -> None:
    path.write_bytes(b"\x00\xff\xfe" * 40)


def open_to_all(path: Path) -> None:
    path.chmod(0o644)


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("installed")
    assert call(folder, "init", "--yes", "--public-url", URL, "--data-dir", ".").returncode == 0
    return folder


def call(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "twostep", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize(
    ("harm", "says"),
    [
        (remove, "does not exist"),
        (cut, "cannot be read"),
        (empty, "cannot be read"),
        (garble, "cannot be read"),
        (open_to_all, "Run: chmod 600"),
    ],
)
def test_nothing_starts_without_its_keys(installed: Path, harm: Harm, says: str) -> None:
    path = installed / KEY_FILE
    kept = path.read_bytes()
    try:
        harm(path)
        result = call(installed, "serve", "--port", "8098")
        assert (result.returncode, result.stdout) == (2, "")
        (line,) = [
            printed for printed in result.stderr.splitlines() if printed.startswith("twostep: ")
        ]
        assert says in line
        assert "Traceback" not in result.stderr
        assert kept[-30:-1].decode() not in result.stderr
    finally:
        path.write_bytes(kept)
        path.chmod(0o600)


@asynccontextmanager
async def keyed_house(folder: Path) -> AsyncIterator[House]:
    """A product whose keys come from a file, as a server's do."""
    ring = Keyring((new_key(),))
    write(folder / KEY_FILE, ring)
    async with open_house(folder, keyring=ring) as house:
        house.env = replace(house.env, keys=open_keys(house.env.settings))
        yield house


async def answer(house: House, typed: str) -> object:
    half = await house.sign_in()
    return await second_step.submit_code(house.by(token=half.token), half.session, typed=typed)


def replace_by_another(path: Path) -> None:
    write(path, Keyring((new_key(),)))


@pytest.mark.parametrize("harm", [remove, cut, empty, garble, open_to_all])
def test_a_running_product_goes_on_with_the_keys_it_read(tmp_path: Path, harm: Harm) -> None:
    async def story() -> None:
        async with keyed_house(tmp_path) as house:
            await house.add()
            secret, _ = await house.add_app(await house.sign_in())
            harm(tmp_path / KEY_FILE)
            house.env.keys.refresh()
            house.clock.forward(60)
            assert isinstance(await answer(house, house.code(secret)), SecondStepDone)

    asyncio.run(story())


def test_with_another_key_no_code_is_a_guess_and_the_old_one_heals_it(
    tmp_path: Path,
) -> None:
    async def story() -> None:
        async with keyed_house(tmp_path) as house:
            await house.add()
            secret, full = await house.add_app(await house.sign_in())
            codes = await house.make_codes(full)
            path = tmp_path / KEY_FILE
            right = path.read_bytes()
            replace_by_another(path)
            house.env.keys.refresh()
            house.clock.forward(60)
            code = house.code(secret)
            for typed in (code, "123456"):
                with pytest.raises(Unreadable):
                    await answer(house, typed)
            # A backup code needs no key, so its owner is not locked out.
            assert isinstance(await answer(house, codes[0]), SecondStepDone)
            path.write_bytes(right)
            path.chmod(0o600)
            house.env.keys.refresh()
            assert isinstance(await answer(house, code), SecondStepDone)
            await house.settle()
            await checkpoint_all(house.by())
            # What was written under the other key stays a stranger's.
            verified = await verify_database(house.env, now=house.now)
            assert [finding.fault for finding in verified.findings] == [Fault.FOREIGN]
            await house.by().do(accept, (verified.findings[0].about,), reason="the wrong file")
            await checkpoint_all(house.by())
            assert (await verify_database(house.env, now=house.now)).findings == ()

    asyncio.run(story())
