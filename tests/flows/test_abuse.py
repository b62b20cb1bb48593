"""The lid on abuse and cost: where enrolment stops, that signing in goes on, and who hears of it."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.house import House, open_house
from twostep.core.messages.channel import Channel
from twostep.core.methods.out_of_band import Purpose
from twostep.core.refusal import Reason, Refused
from twostep.flows.messages import abuse_watch
from twostep.flows.messages.send_code import Sent, send_code
from twostep.flows.methods import enroll_phone
from twostep.flows.operate.delivery_status import DeliveryStatus, view_delivery_status
from twostep.flows.sign_in.complete import SignedIn
from twostep.store.messages import sends
from twostep.store.messages.sends import Send
from twostep.store.tx import Tx


ATTEMPTS = 100


async def enrol(
    house: House,
    signed_in: SignedIn,
    number: str,
    *,
    network: str = "192.0.2.7",
    region: str = "US",
) -> Sent | Refused:
    """Type a number on the page that adds a phone."""
    return await house.by(replace(house.visitor, network=network)).do(
        enroll_phone.begin_phone, signed_in.session, region=region, typed=number, channel="sms"
    )


async def people(house: House, count: int) -> list[SignedIn]:
    """Accounts that may add a phone."""
    everybody = []
    for place in range(count):
        await house.add(f"user{place}")
        _, signed_in = await house.add_app(await house.sign_in(f"user{place}"))
        everybody.append(signed_in)
    return everybody


async def ask_code(house: House, phone_id: str, name: str) -> Sent | Refused:
    half = await house.sign_in(name)
    return await house.by(token=half.token).do(
        send_code, half.session, purpose=Purpose.SIGN_IN, phone_id=phone_id, channel="sms"
    )


def status(house: House) -> DeliveryStatus:
    return house.see(view_delivery_status)


def tell(folder: Path, story: Callable[[House], object], **settings: object) -> None:
    async def run() -> None:
        async with open_house(folder, **settings) as house:
            await story(house)

    asyncio.run(run())


def alarms(house: House) -> Counter[str]:
    return Counter(alarm.event for alarm in status(house).alarms)


def test_a_hundred_numbers_of_one_prefix_stop_at_the_sixth_and_nobody_is_kept_from_signing_in(
    tmp_path: Path,
) -> None:
    async def story(house: House) -> None:
        everybody = await people(house, 25)
        phone_id = await house.add_phone(everybody[0], "(202) 555-0100")
        house.clock.forward(4000)
        answers = await asyncio.gather(
            *(
                enrol(house, everybody[i % 25], f"(212) 555-{1000 + i}", network=f"198.51.100.{i}")
                for i in range(ATTEMPTS)
            )
        )
        # Whoever comes first, on several connections: five numbers, and not one more.
        assert sum(isinstance(answer, Sent) for answer in answers) == 5
        blocked = [answer for answer in answers if isinstance(answer, Refused)]
        assert blocked == [Refused(Reason.SEND_LIMIT, retry_at=house.now + 86_400)] * 95
        assert alarms(house)["prefix.blocked"] == 1
        # Other prefixes, and the owner of a confirmed number of this one, notice nothing.
        assert isinstance(await enrol(house, everybody[10], "(646) 555-0100"), Sent)
        assert isinstance(await ask_code(house, phone_id, "user0"), Sent)

    tell(tmp_path, story)


def test_the_same_number_again_is_no_new_number(tmp_path: Path) -> None:
    async def story(house: House) -> None:
        everybody = await people(house, 8)
        for place, who in enumerate(everybody):
            sent = await enrol(house, who, f"(212) 555-100{place % 5}", network=f"192.0.2.{place}")
            assert isinstance(sent, Sent)
        assert alarms(house) == {}

    tell(tmp_path, story)


def test_a_country_whose_codes_never_come_back_is_paused_for_new_numbers(tmp_path: Path) -> None:
    async def story(house: House) -> None:
        everybody = await people(house, 3)
        phone_id = await house.add_phone(everybody[0], "(202) 555-0100")
        await house.env.store.run(_pump, everybody[1].session.account_id, at=house.now, verified=8)
        house.clock.forward(200)
        closed = await enrol(house, everybody[1], "(646) 555-0100", network="198.51.100.1")
        assert closed == Refused(Reason.NUMBER_REGION_CLOSED, detail={"region": "US"})
        assert alarms(house)["country.paused"] == 1
        other = await enrol(
            house, everybody[1], "0151 23456789", region="DE", network="198.51.100.2"
        )
        assert isinstance(other, Sent)
        house.clock.forward(4000)
        assert isinstance(await ask_code(house, phone_id, "user0"), Sent)
        # A day later it is open again, and what was sent before counts no more.
        house.clock.forward(86_400)
        fresh = await house.sign_in("user2")
        opened = await house.by().do(
            abuse_watch.refuse_new_number, e164="+16465550100", region="US"
        )
        assert (fresh.session.account_id, opened) == (everybody[2].session.account_id, None)

    tell(tmp_path, story)


def _pump(tx: Tx, account_id: str, *, at: int, verified: int) -> None:
    for place in range(60):
        send = Send(
            f"s{place}", account_id, f"c{place}", "US", Channel.SMS, False, bytes([place]), b"p", at
        )
        sends.insert(tx, send)
        if place < verified:
            sends.save_verified(tx, f"c{place}", now=at + 20)


@pytest.mark.parametrize("span", ["daily", "hourly"])
def test_the_budget_stops_enrolment_first_and_is_exact(tmp_path: Path, span: str) -> None:
    async def story(house: House) -> None:
        everybody = await people(house, 12)
        phone_id = await house.add_phone(everybody[0], "(202) 555-0100")
        answers = await asyncio.gather(
            *(
                enrol(house, who, f"(2{10 + place}) 555-0123", network=f"198.51.100.{place}")
                for place, who in enumerate(everybody[1:], start=1)
            )
        )
        used = 1 + sum(isinstance(answer, Sent) for answer in answers)
        assert used == 8
        assert alarms(house) == {"budget.half_used": 1, "budget.used_up": 1}
        for _ in range(2):
            house.clock.forward(61)
            assert isinstance(await ask_code(house, phone_id, "user0"), Sent)
        refused = await ask_code(house, phone_id, "user0")
        assert isinstance(refused, Refused)
        assert refused.reason is Reason.SEND_LIMIT
        seconds = 86_400 if span == "daily" else 3600
        assert refused.retry_at == (house.now // seconds + 1) * seconds
        shown = {budget.span: (budget.used, budget.limit) for budget in status(house).budgets}
        assert shown["day" if span == "daily" else "hour"] == (10, 10)

    tell(tmp_path, story, **{f"delivery__{span}_budget": 10})


def test_a_countrys_flags(tmp_path: Path) -> None:
    flags = {"US": ["call", "signin"], "DE": ["sms", "enrol"]}

    async def story(house: House) -> None:
        (who,) = await people(house, 1)
        closed = await enrol(house, who, "(202) 555-0100")
        assert isinstance(closed, Refused)
        assert closed.reason is Reason.NUMBER_REGION_CLOSED
        assert isinstance(await enrol(house, who, "0151 23456789", region="DE"), Sent)
        allows = house.env.settings.delivery.allows
        assert all(allows("FR", use, way) for use in ("enrol", "signin") for way in ("sms", "call"))
        assert allows("US", "signin", "call")
        assert not allows("US", "signin", "sms")
        assert not allows("US", "enrol")

    tell(tmp_path, story, delivery__country_flags=flags)


def test_the_status_counts_by_day_and_country(tmp_path: Path) -> None:
    async def story(house: House) -> None:
        first, second = await people(house, 2)
        await enrol(house, first, "(202) 555-0100")
        code = await house.newest_code()
        house.clock.forward(12)
        await house.by().do(enroll_phone.confirm_phone, first.session, typed=code)
        await enrol(house, second, "0151 23456789", region="DE")
        await house.settle()
        seen = status(house)
        (day,) = seen.days
        assert (day.sent, day.accepted, day.queued, day.verified) == (2, 2, 0, 1)
        assert day.verify_seconds == 12
        assert {country.region: (country.sent, country.verified) for country in seen.countries} == {
            "US": (1, 1),
            "DE": (1, 0),
        }
        assert seen.sent_today == 2
        (health,) = seen.health
        # Two texts and the account's three mails, which go the same way.
        assert (health.name, health.accepted, health.open_until) == ("console", 5, 0)

    tell(tmp_path, story)
