"""A held account is the proof that its row was taken: only taking the row makes one."""

from __future__ import annotations

import asyncio
import re
from dataclasses import astuple, replace
from pathlib import Path

from tests.support.engines import Engine, open_store
from tests.support.rows import ACCOUNT
from twostep.store.account import accounts
from twostep.store.account.accounts import Held
from twostep.store.tx import Tx


SRC = Path(accounts.__file__).parents[2]


def test_taking_a_row_or_adding_one_gives_the_proof_and_reading_does_not(engine: Engine) -> None:
    def story(tx: Tx) -> None:
        added = accounts.insert(tx, ACCOUNT, name_key="alice")
        assert accounts.insert(tx, replace(ACCOUNT, id="other"), name_key="alice") is None
        assert accounts.lock(tx, "other") is None
        locked, read = accounts.lock(tx, "acc"), accounts.load(tx, "acc")
        assert [type(each) for each in (added, locked, read)] == [Held, Held, type(ACCOUNT)]
        assert {astuple(each) for each in (added, locked, read)} == {astuple(ACCOUNT)}
        assert tx.heads.keys() == {"acc"}

    async def run() -> None:
        async with open_store(engine) as store:
            await store.run(story)

    asyncio.run(run())


def test_nobody_else_makes_one() -> None:
    makers = {
        path.relative_to(SRC).as_posix()
        for path in SRC.rglob("*.py")
        if re.search(r"(?<!class )\bHeld\(|reader\(Held", path.read_text(encoding="utf-8"))
    }
    assert makers == {"store/account/accounts.py"}
