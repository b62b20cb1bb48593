"""Accounts for benchmarks: usable, known to their file alone, and not beside real people."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

from tests.cli.conftest import INIT, PASSWORD, call, seed
from twostep.config import load
from twostep.core.sign_in.session import Level
from twostep.flows.sign_in import sessions
from twostep.main import open_product


def read(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def levels(folder: Path, cookies: list[str]) -> list[Level | None]:
    settings = load(folder / "twostep.toml", environ={})

    async def look() -> list[Level | None]:
        async with open_product(settings, {}) as product:
            env = product.env
            loaded = [
                env.store.read_now(sessions.load, env, cookie=cookie, now=env.clock())
                for cookie in cookies
            ]
            return [pair[0].level if pair else None for pair in loaded]

    return asyncio.run(look())


def test_real_accounts_are_not_mixed_with_seeded_ones(tmp_path: Path) -> None:
    operator = ("--operator", "root", "--email", "root@example.com", "--password-stdin")
    assert call(tmp_path, *INIT, *operator, typed=f"{PASSWORD}\n").code == 0
    result = seed(tmp_path, "--accounts", "1", "--out", "seed.jsonl")
    assert result.code == 1
    assert "1 real account." in result.err
    assert not (tmp_path / "seed.jsonl").exists()


def test_without_an_installation_it_says_so(tmp_path: Path) -> None:
    result = seed(tmp_path, "--accounts", "1", "--out", "seed.jsonl")
    assert (result.code, "public_url" in result.err) == (1, True)


def test_seeded_sessions_are_what_was_asked_for(tmp_path: Path) -> None:
    assert call(tmp_path, *INIT).code == 0
    half = ("--sessions", "5", "--half", "--events", "4")
    assert seed(tmp_path, "--accounts", "3", "--out", "a", *half).code == 0
    full = ("--sessions", "2")
    assert seed(tmp_path, "--accounts", "2", "--out", "b", *full).code == 0
    first, second = read(tmp_path / "a"), read(tmp_path / "b")
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o600
    assert [row["name"] for row in [*first, *second]] == [f"seed-{n:07}" for n in range(1, 6)]
    assert [len(row["sessions"]) for row in first] == [2, 2, 1]
    assert (
        levels(tmp_path, [cookie for row in first for cookie in row["sessions"]])
        == [Level.HALF] * 5
    )
    assert (
        levels(tmp_path, [cookie for row in second for cookie in row["sessions"]])
        == [Level.FULL] * 2
    )
    assert len({row["secret"] for row in [*first, *second]}) == 5
    # An existing file is never overwritten.
    again = seed(tmp_path, "--accounts", "1", "--out", "a")
    assert (again.code, "Name a new file" in again.err) == (1, True)
