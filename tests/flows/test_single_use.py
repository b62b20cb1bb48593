"""Everything that works once, tried many times at the same moment: links, codes, kept forms, references.

Every flow is started together on one real database, and exactly one of them has its effect.
"""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from tests.support.house import PASSWORD, House, open_house
from twostep.core.messages.channel import Channel
from twostep.core.refusal import Reason, Refused
from twostep.flows.account import password, profile
from twostep.flows.env import SHELL
from twostep.flows.help_desk import acts as help_desk
from twostep.flows.help_desk import caller as support_reference
from twostep.flows.help_desk.acts import Act
from twostep.flows.methods import backup_codes as recovery_codes
from twostep.flows.methods import enroll_app, enroll_phone
from twostep.flows.recovery import lost_phone as recover
from twostep.flows.recovery import waiting_job
from twostep.flows.recovery.not_me import by_link, contain
from twostep.flows.sign_in import kept_forms, second_step
from twostep.flows.sign_in.complete import SignedIn


TOGETHER = 20
WAIT_HOURS = 24
NEW_PASSWORD = "another evening by the sea"
Story = Callable[[House], Awaitable[None]]


def tell(folder: Path, story: Story, **settings: object) -> None:
    async def open_and_run() -> None:
        async with open_house(folder, **settings) as house:
            await story(house)

    asyncio.run(open_and_run())


async def together(tries: Iterable[Awaitable[Any]], *, times: int = TOGETHER) -> list[Any]:
    """Start them all; every one must answer."""
    answers = await asyncio.gather(*tries)
    assert len(answers) == times
    return list(answers)


def run(house: House, flow: Callable[..., Any], *arguments: Any, **named: Any) -> Awaitable[Any]:
    return house.env.store.run(flow, *arguments, **named, now=house.now)


def lost(answers: Sequence[Any]) -> Counter[Reason]:
    """Why the others were refused."""
    return Counter(answer.reason for answer in answers if isinstance(answer, Refused))


async def link(house: House, prefix: str) -> str:
    """The newest mailed link that begins so."""
    await house.settle()
    for received in house.inbox.received:
        if received.channel is Channel.EMAIL and (
            match := re.search(re.escape(prefix) + r"([\w-]+)", str(received.message.text))
        ):
            return match[1]
    raise LookupError(prefix)


def events(house: House, name: str) -> int:
    row = house.env.store.read_now(
        lambda tx: tx.first("SELECT COUNT(*) FROM audit_records WHERE event = :name", name=name)
    )
    assert row is not None
    return int(row[0])


def test_a_link_for_a_new_password_sets_one(tmp_path: Path) -> None:
    async def story(house: House) -> None:
        await house.add()
        await password.forgot_password(house.by(), identifier="alice")
        reset_link = await link(house, "/reset-password/")
        answers = await together(
            password.reset_password(house.by(), link=reset_link, new=f"{NEW_PASSWORD} {n}")
            for n in range(TOGETHER)
        )
        assert lost(answers) == {Reason.LINK_DEAD: TOGETHER - 1}
        assert events(house, "password.changed") == 1
        # The one that was told "done" is the one that works.
        winner = next(n for n, answer in enumerate(answers) if not isinstance(answer, Refused))
        await house.sign_in(typed=f"{NEW_PASSWORD} {winner}")

    tell(tmp_path, story)


def test_two_links_for_a_new_password_set_one(tmp_path: Path) -> None:
    async def story(house: House) -> None:
        await house.add()
        links = set()
        for _ in range(2):
            await password.forgot_password(house.by(), identifier="alice")
            links.add(await link(house, "/reset-password/"))
            house.clock.forward(1)
        answers = await together(
            (
                password.reset_password(house.by(), link=reset_link, new=NEW_PASSWORD)
                for reset_link in sorted(links) * 5
            ),
            times=10,
        )
        assert lost(answers) == {Reason.LINK_DEAD: 9}

    tell(tmp_path, story)


def test_a_temporary_code_opens_one_enrolment(tmp_path: Path) -> None:
    async def story(house: House) -> None:
        await house.add()
        await house.add_app(await house.sign_in())
        act = Act("alice", "lost phone")
        code = await help_desk.give_temporary_code(house.by(SHELL), act)
        halves = [await house.sign_in() for _ in range(TOGETHER)]
        answers = await together(
            second_step.submit_code(house.by(token=half.token), half.session, typed=str(code))
            for half in halves
        )
        assert sum(not isinstance(answer, Refused) for answer in answers) == 1
        assert events(house, "temporary_code.used") == 1

    tell(tmp_path, story)


def test_not_me_is_done_once(tmp_path: Path) -> None:
    async def story(house: House) -> None:
        await house.add()
        await house.add_app(await house.sign_in())
        not_me = await link(house, "/not-me/")
        answers = await together(
            (house.by().do(contain, by_link(not_me, now=house.now)) for _ in range(8)), times=8
        )
        assert lost(answers) == {Reason.LINK_DEAD: 7}
        assert events(house, "containment.done") == 1
        assert events(house, "password.retired") == 1

    tell(tmp_path, story)


def test_an_address_is_confirmed_once(tmp_path: Path) -> None:
    async def story(house: House) -> None:
        await house.add()
        alice = await house.sign_in()
        added = await house.by().do(
            profile.add_address, alice.session, typed="alice@second.example"
        )
        assert not isinstance(added, Refused)
        confirm_link = await link(house, "/settings/emails/confirm/")
        answers = await together(
            house.by().do(profile.confirm_address, alice.session, link=confirm_link)
            for _ in range(TOGETHER)
        )
        assert lost(answers) == {Reason.LINK_DEAD: TOGETHER - 1}
        assert events(house, "email.verified") == 1

    tell(tmp_path, story)


def test_a_kept_form_is_taken_once(tmp_path: Path) -> None:
    async def story(house: House) -> None:
        await house.add()
        alice = await house.sign_in()
        kept_id = await house.by().do(
            kept_forms.keep_post,
            alice.session,
            path="/settings/emails",
            form={"email": "alice@second.example"},
        )
        answers = await together(
            house.by().do(kept_forms.take_kept, alice.session, kept_id=kept_id)
            for _ in range(TOGETHER)
        )
        taken = [answer for answer in answers if answer is not None]
        assert [post.form["email"] for post in taken] == ["alice@second.example"]

    tell(tmp_path, story)


def test_a_pending_secret_makes_one_app(tmp_path: Path) -> None:
    async def story(house: House) -> None:
        await house.add()
        alice = await house.sign_in()
        pending = await house.by().do(enroll_app.begin_app, alice.session)
        answers = await together(
            house.by(token=alice.token).do(
                enroll_app.finish_app, alice.session, typed=house.code(pending.secret), name=""
            )
            for _ in range(TOGETHER)
        )
        assert lost(answers) == {Reason.STEP_ENDED: TOGETHER - 1}
        assert events(house, "app.added") == 1
        assert events(house, "two_step.enabled") == 1

    tell(tmp_path, story)


def test_tabs_that_open_the_wizard_together_show_one_secret(tmp_path: Path) -> None:
    async def story(house: House) -> None:
        await house.add()
        alice = await house.sign_in()
        shown = await together(
            house.by().do(enroll_app.begin_app, alice.session) for _ in range(TOGETHER)
        )
        assert len({setup.secret for setup in shown}) == 1

    tell(tmp_path, story)


def test_a_phone_is_confirmed_once(tmp_path: Path) -> None:
    async def story(house: House) -> None:
        await house.add()
        _, alice = await house.add_app(await house.sign_in())
        sent = await house.by().do(
            enroll_phone.begin_phone,
            alice.session,
            region="US",
            typed="(202) 555-0100",
            channel="sms",
        )
        assert not isinstance(sent, Refused)
        code = await house.newest_code()
        answers = await together(
            house.by().do(enroll_phone.confirm_phone, alice.session, typed=code)
            for _ in range(TOGETHER)
        )
        assert sum(isinstance(answer, enroll_phone.PhoneAdded) for answer in answers) == 1
        assert events(house, "phone.added") == 1

    tell(tmp_path, story)


def test_tabs_that_ask_for_help_together_are_shown_one_reference(tmp_path: Path) -> None:
    async def story(house: House) -> None:
        await house.add()
        await house.add_app(await house.sign_in())
        half = await house.sign_in()
        shown = await together(
            house.by().do(support_reference.show_reference, half.session) for _ in range(TOGETHER)
        )
        assert len({page.reference for page in shown}) == 1
        assert events(house, "support_reference.made") == 1

    tell(tmp_path, story)


def test_two_sets_of_backup_codes_made_together_leave_one(tmp_path: Path) -> None:
    async def story(house: House) -> None:
        account = await house.add()
        _, alice = await house.add_app(await house.sign_in())
        await together(
            (recovery_codes.make_codes(house.by(), alice.session) for _ in range(4)),
            times=4,
        )
        shown = house.see(recovery_codes.view_codes, alice.session).shown
        assert len(set(shown)) == 10
        row = house.env.store.read_now(
            lambda tx: tx.first(
                "SELECT COUNT(*) FROM recovery_codes JOIN recovery_sets"
                " ON recovery_sets.id = set_id WHERE account_id = :id",
                id=account.id,
            )
        )
        assert row is not None
        assert row[0] == 10
        half = await house.sign_in()
        answer = await second_step.submit_code(
            house.by(token=half.token), half.session, typed=shown[7]
        )
        assert not isinstance(answer, Refused)

    tell(tmp_path, story)


async def _recovery(house: House) -> SignedIn:
    """A recovery that waits; the half session that began it."""
    await house.add()
    await house.add_app(await house.sign_in())
    half = await house.sign_in()
    begun = await together(
        house.by(token=half.token).do(recover.start_recovery, half.session) for _ in range(TOGETHER)
    )
    assert lost(begun) == {}
    assert events(house, "recovery.started") == 1
    return half


def test_a_recovery_is_stopped_once(tmp_path: Path) -> None:
    async def story(house: House) -> None:
        await _recovery(house)
        cancel_link = await link(house, "/recover/cancel/")
        answers = await together(
            house.by().do(recover.cancel_by_link, link=cancel_link) for _ in range(TOGETHER)
        )
        assert lost(answers) == {Reason.LINK_DEAD: TOGETHER - 1}
        assert events(house, "recovery.cancelled") == 1

    tell(tmp_path, story, policy__recovery_wait_hours=WAIT_HOURS)


def test_the_end_of_a_recovery_opens_one_enrolment(tmp_path: Path) -> None:
    async def story(house: House) -> None:
        await _recovery(house)
        house.clock.forward(WAIT_HOURS * 3600)
        await together(house.by().do(waiting_job.run_due) for _ in range(TOGETHER))
        assert events(house, "recovery.ended") == 1
        finish_link = await link(house, "/recover?link=")
        visitors = [replace(house.visitor, network=f"192.0.2.{n}") for n in range(TOGETHER)]
        answers = await together(
            recover.finish_recovery(house.by(visitor), link=finish_link, typed=PASSWORD)
            for visitor in visitors
        )
        assert lost(answers) == {Reason.LINK_DEAD: TOGETHER - 1}
        assert events(house, "recovery.used") == 1

    tell(tmp_path, story, policy__recovery_wait_hours=WAIT_HOURS)


def test_a_recovery_that_ends_beside_its_cancelling_is_one_or_the_other(tmp_path: Path) -> None:
    async def story(house: House) -> None:
        await _recovery(house)
        stop = await link(house, "/recover/cancel/")
        house.clock.forward(WAIT_HOURS * 3600)
        await house.by().do(waiting_job.run_due)
        finish_link = await link(house, "/recover?link=")
        cancelled, finished = await asyncio.gather(
            house.by().do(recover.cancel_by_link, link=stop),
            recover.finish_recovery(house.by(), link=finish_link, typed=PASSWORD),
        )
        assert isinstance(cancelled, Refused) is not isinstance(finished, Refused)

    tell(tmp_path, story, policy__recovery_wait_hours=WAIT_HOURS)
