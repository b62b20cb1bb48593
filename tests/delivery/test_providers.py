"""The settings name providers; each is built in the order given, for what it can carry."""

from __future__ import annotations

import asyncio

from twostep.config import Settings, load
from twostep.core.messages.channel import Channel
from twostep.delivery.providers import build_callbacks, build_carriers


URL = "https://panel.example.com"
TWILIO = {
    "twilio.account_sid": "AC" + "0" * 32,
    "twilio.auth_token": "secret",
    "twilio.from_number": "+12025550100",
}
SMTP = {"smtp.host": "mail.example.com", "smtp.from": "panel@example.com"}


def settings(**more: object) -> Settings:
    return load(None, environ={}, overrides={"public_url": URL, "data_dir": "data", **more})


def names(given: Settings) -> dict[Channel, list[str]]:
    async def build() -> dict[Channel, list[str]]:
        async with build_carriers(given) as carriers:
            return {
                channel: [carrier.name for carrier in several]
                for channel, several in carriers.items()
            }

    return asyncio.run(build())


def test_nothing_is_built_that_is_not_set():
    assert names(settings()) == {Channel.SMS: [], Channel.CALL: [], Channel.EMAIL: []}


def test_every_table_that_is_there_is_used():
    assert names(settings(**TWILIO, **SMTP)) == {
        Channel.SMS: ["twilio"],
        Channel.CALL: ["twilio"],
        Channel.EMAIL: ["smtp"],
    }


def test_the_order_is_the_operators():
    given = settings(**TWILIO, **{"delivery.sms": ["console", "twilio"]})
    assert names(given)[Channel.SMS] == ["console", "twilio"]


def test_a_panel_that_nobody_outside_reaches_makes_no_calls():
    given = settings(**TWILIO, public_url="http://localhost:8080")
    assert build_callbacks(given) == {}
    assert names(given)[Channel.CALL] == []


def test_callbacks_are_read_where_they_can_be_verified():
    assert set(build_callbacks(settings(**TWILIO))) == {"twilio"}
    keyed = {"twilio.api_key": "SK" + "0" * 32, "twilio.api_key_secret": "secret"}
    unsigned = {**TWILIO, **keyed}
    del unsigned["twilio.auth_token"]
    assert build_callbacks(settings(**unsigned)) == {}
