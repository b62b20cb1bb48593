"""A dataclass goes into its table and comes out of it the same, on both engines."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

import pytest

from tests.support.engines import Engine, open_store
from tests.support.rows import ACCOUNT, SESSION
from twostep.core.account import Role
from twostep.core.sign_in.session import Aal, Level
from twostep.store import tables
from twostep.store.messages import provider_states
from twostep.store.messages.provider_states import ProviderState
from twostep.store.sign_in import sessions
from twostep.store.tx import Tx


@dataclass(frozen=True)
class Shop:
    id: int
    opens: Role | None
    is_open: bool


def _write_and_read(engine: Engine, story: Any) -> Any:
    async def run() -> Any:
        async with open_store(engine) as store:
            return await store.run(story)

    return asyncio.run(run())


def test_a_row_comes_back_as_it_was_with_enums_and_booleans(engine: Engine) -> None:
    def story(tx: Tx) -> None:
        assert tables.insert_new(
            tx, "accounts", ACCOUNT, on="name_key", name_key="alice", audit_hash=b"\0"
        )
        sessions.insert(tx, SESSION, digest=b"cookie")
        loaded = sessions.load(tx, b"cookie")
        assert loaded == (SESSION, ACCOUNT)
        session, account = loaded
        assert session.level is Level.HALF
        assert session.aal is Aal.AAL1
        assert account.role is ACCOUNT.role
        assert account.two_step is ACCOUNT.two_step
        # As every earlier version wrote them.
        stored = tx.first("SELECT level, aal FROM sessions") or ()
        assert [(type(value), value) for value in stored] == [(str, "half"), (str, "aal1")]
        stored = tx.first("SELECT role, two_step, password_short FROM accounts") or ()
        assert [type(value) for value in stored] == [str, int, int]

    _write_and_read(engine, story)


def test_a_taken_value_of_the_unique_column_adds_no_row(engine: Engine) -> None:
    def story(tx: Tx) -> None:
        for expected in (True, False):
            added = tables.insert_new(
                tx, "provider_states", ProviderState("one", int(expected), "", 7), on="name"
            )
            assert added is expected
        assert provider_states.list_all(tx) == [ProviderState("one", 1, "", 7)]

    _write_and_read(engine, story)


def test_an_upsert_overwrites_all_of_its_row_and_no_other(engine: Engine) -> None:
    def story(tx: Tx) -> None:
        for state in (
            ProviderState("one", 1, "a", 7),
            ProviderState("two", 2, "b", 8),
            ProviderState("one", 3, "c", 9),
        ):
            provider_states.save(tx, state)
        assert provider_states.list_all(tx) == [
            ProviderState("one", 3, "c", 9),
            ProviderState("two", 2, "b", 8),
        ]

    _write_and_read(engine, story)


def test_a_column_stands_in_for_a_field_or_beside_them(engine: Engine) -> None:
    def story(tx: Tx) -> None:
        state = ProviderState("one", 1, "a", 7)
        tables.insert(tx, "provider_states", state, reason="another")
        assert provider_states.list_all(tx) == [ProviderState("one", 1, "another", 7)]

    _write_and_read(engine, story)


def test_an_enum_may_be_missing() -> None:
    read = tables.reader(Shop)
    assert read((1, None, 0)) == Shop(1, None, is_open=False)
    assert read((1, "operator", 1)) == Shop(1, Role.OPERATOR, is_open=True)
    assert read((1, "operator", 1)).opens is Role.OPERATOR
    with pytest.raises(KeyError):
        read((1, "baker", 1))


def test_columns_are_the_fields_in_their_order() -> None:
    assert tables.columns(Shop) == "id, opens, is_open"
    assert tables.columns(Shop, of="s") == "s.id, s.opens, s.is_open"
