"""The operator's file of breached passwords: found by halving, whatever the lines look like."""

from __future__ import annotations

import asyncio
import hashlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.house import House, open_house
from twostep.config import ConfigError, load
from twostep.core.account import Account, Role
from twostep.core.refusal import Reason, Refused
from twostep.flows.account import accounts, password
from twostep.flows.account.accounts import NewAccount
from twostep.flows.account.breached import is_breached
from twostep.flows.env import SHELL


LEAKED = "seven quiet otters by the lake"
OTHER = "another evening by the sea"
words = st.lists(st.text(min_size=1, max_size=8), unique=True, max_size=40)


def digest(word: str) -> str:
    return hashlib.sha1(word.encode(), usedforsecurity=False).hexdigest().upper()


def write(path: Path, passwords: list[str], *, ending: str = "\r\n", counted: bool = True) -> Path:
    """As the downloaders write it: with a count of any length behind each digest."""
    lines = sorted(digest(word) for word in passwords)
    written = [
        f"{line}:{7 ** (number % 12)}" if counted else line for number, line in enumerate(lines)
    ]
    path.write_bytes((ending.join(written) + (ending if counted else "")).encode())
    return path


@pytest.fixture
def leaks(tmp_path: Path) -> Path:
    return write(tmp_path / "leaks", [LEAKED, *(f"word {number}" for number in range(500))])


@given(
    passwords=words.map(lambda all_: [word.encode("utf-8", "replace").decode() for word in all_]),
    ending=st.sampled_from(["\n", "\r\n"]),
    counted=st.booleans(),
)
def test_every_line_is_found_and_no_other(
    tmp_path_factory: pytest.TempPathFactory, passwords: list[str], ending: str, *, counted: bool
) -> None:
    plain = [word for word in dict.fromkeys(passwords) if word.isascii()]
    path = write(
        tmp_path_factory.getbasetemp() / "every-line", plain, ending=ending, counted=counted
    )
    assert all(is_breached(path, word) for word in plain)
    assert not any(
        is_breached(path, word) for word in ("not there", "neither", "") if word not in plain
    )


def test_an_empty_file_holds_nothing(tmp_path: Path) -> None:
    (tmp_path / "leaks").touch()
    assert not is_breached(tmp_path / "leaks", LEAKED)


async def _add(house: House, name: str, typed: str) -> Account | Refused:
    new = NewAccount(name, f"{name}@example.com", Role.USER, typed, "en", "UTC")
    return await accounts.add_account(house.by(SHELL), new)


def test_a_breached_password_is_refused_wherever_one_is_chosen(tmp_path: Path, leaks: Path) -> None:
    async def story() -> None:
        async with open_house(tmp_path, password__breached_list=str(leaks)) as house:
            breached = Refused(Reason.PASSWORD_BREACHED)
            assert await _add(house, "bob", LEAKED) == breached
            account = await house.add()
            assert password.review_new_password(house.env, account, LEAKED) == breached
            assert password.review_new_password(house.env, account, OTHER) is None

    asyncio.run(story())


def test_without_the_file_nothing_is_looked_up(tmp_path: Path) -> None:
    async def story() -> None:
        async with open_house(tmp_path) as house:
            account = await house.add()
            assert password.review_new_password(house.env, account, LEAKED) is None

    asyncio.run(story())


def test_a_file_that_cannot_be_read_is_said_at_the_start(tmp_path: Path) -> None:
    settings = {"public_url": "https://panel.example.com", "data_dir": str(tmp_path)}
    gone = {"password.breached_list": str(tmp_path / "gone")}
    with pytest.raises(ConfigError, match="gone cannot be read"):
        load(None, environ={}, overrides=settings | gone)
