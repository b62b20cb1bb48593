"""Names and addresses that several want at the same moment: one gets them, the others are told so."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path

from tests.flows.test_single_use import link, tell
from tests.support.house import PASSWORD, House
from twostep.core.account import Account, Role
from twostep.core.refusal import Reason, Refused
from twostep.flows.account import accounts, profile
from twostep.flows.account.accounts import NewAccount
from twostep.flows.env import SHELL
from twostep.flows.sign_in.complete import SignedIn
from twostep.flows.turn import Done


TOGETHER = 8
WANTED = "both@shared.example"


async def _add(house: House, name: str, email: str) -> Account | Refused:
    new = NewAccount(name, email, Role.USER, PASSWORD, "en", "UTC")
    return await accounts.add_account(house.by(SHELL), new)


def _reasons(answers: list[Account | Refused]) -> Counter[Reason]:
    return Counter(answer.reason for answer in answers if isinstance(answer, Refused))


def test_a_name_that_many_want_goes_to_one(tmp_path: Path) -> None:
    async def story(house: House) -> None:
        answers = await asyncio.gather(
            *(_add(house, "alice", f"alice{number}@example.com") for number in range(TOGETHER))
        )
        assert _reasons(answers) == {Reason.USER_NAME_TAKEN: TOGETHER - 1}

    tell(tmp_path, story)


def test_an_address_that_many_new_accounts_want_goes_to_one(tmp_path: Path) -> None:
    async def story(house: House) -> None:
        answers = await asyncio.gather(
            *(_add(house, f"user{number}", WANTED) for number in range(TOGETHER))
        )
        assert _reasons(answers) == {Reason.EMAIL_TAKEN: TOGETHER - 1}
        stored = house.see(accounts.list_accounts)
        assert len(stored) == 1

    tell(tmp_path, story)


async def _wanted(house: House, name: str) -> tuple[SignedIn, str]:
    """An account that has asked for the address, and its link."""
    await house.add(name)
    signed_in = await house.sign_in(name)
    await house.by().do(profile.add_address, signed_in.session, typed=WANTED)
    return signed_in, await link(house, "/settings/emails/confirm/")


async def _confirm(house: House, signed_in: SignedIn, theirs: str) -> Done | Refused:
    answer = await house.by().do(profile.confirm_address, signed_in.session, link=theirs)
    assert isinstance(answer, Done | Refused)
    return answer


def test_of_two_who_confirm_together_the_other_is_told_why(tmp_path: Path) -> None:
    async def story(house: House) -> None:
        wanted = [await _wanted(house, name) for name in ("alice", "bob")]
        answers = await asyncio.gather(*(_confirm(house, *request) for request in wanted * 5))
        reasons = Counter(answer.reason for answer in answers if isinstance(answer, Refused))
        assert reasons == {Reason.LINK_DEAD: 4, Reason.EMAIL_TAKEN: 5}

    tell(tmp_path, story)


def test_a_link_for_a_taken_address_works_once_it_is_given_back(tmp_path: Path) -> None:
    async def story(house: House) -> None:
        alice, hers = await _wanted(house, "alice")
        bob, his = await _wanted(house, "bob")
        assert await _confirm(house, bob, his) == Done()
        for _ in range(2):
            assert await _confirm(house, alice, hers) == Refused(Reason.EMAIL_TAKEN)
        addresses = house.see(profile.list_addresses, bob.session.account_id)
        shared = next(address for address in addresses if address.address == WANTED)
        removed = await house.by().do(profile.remove_address, bob.session, address_id=shared.id)
        assert removed == Done()
        assert await _confirm(house, alice, hers) == Done()
        assert await _confirm(house, alice, hers) == Refused(Reason.LINK_DEAD)

    tell(tmp_path, story)
