"""Tables of carriers: what each needs is named at start, and what they make can carry what it says."""

from __future__ import annotations

import asyncio
import inspect
import typing
from importlib import import_module

import pytest

from twostep.config import ConfigError, Settings, load
from twostep.config.carriers import CARRIERS
from twostep.config.kinds import Section
from twostep.config.listing import section_of
from twostep.core.messages.channel import Channel
from twostep.delivery.providers import (
    ROWS,
    Provider,
    build_callbacks,
    build_carriers,
    text_senders,
)


SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
TABLES = {
    "vonage": {"api_key": "abcdef", "api_secret": "x", "from": "Panel"},
    "aws_sns": {
        "region": "eu-central-1",
        "access_key_id": "AKIA0000000000000000",
        "secret_access_key": "x",
    },
    "kannel": {"url": "http://127.0.0.1:13013", "user": "panel", "password": "x"},
    "webhook": {"url": "https://sms.example.org/send", "secret": SECRET},
    "command": {"argv": ["/usr/bin/gammu", "sendsms", "TEXT", "{to}"]},
}


def settings(*tables: str, **more: object) -> Settings:
    overrides = {"public_url": "https://panel.example.com", "data_dir": "data"}
    for name in tables:
        overrides |= {f"{name}.{key}": value for key, value in TABLES[name].items()}
    return load(None, environ={}, overrides=overrides | {
        key.replace("__", "."): value for key, value in more.items()
    })  # fmt: skip


def problem(*tables: str, **more: object) -> str:
    with pytest.raises(ConfigError) as caught:
        settings(*tables, **more)
    return str(caught.value)


def kinds(given: Settings) -> dict[Channel, list[str]]:
    async def build() -> dict[Channel, list[str]]:
        async with build_carriers(given) as carriers:
            return {
                channel: [carrier.name for carrier in several]
                for channel, several in carriers.items()
            }

    return asyncio.run(build())


@pytest.mark.parametrize("name", list(TABLES))
def test_a_table_is_enough_for_texts(name: str) -> None:
    given = settings(name)
    assert given.sms_providers == (name,)
    assert kinds(given) == {Channel.SMS: [name], Channel.CALL: [], Channel.EMAIL: []}


@pytest.mark.parametrize(
    ("name", "key"),
    [
        (name, key)
        for name, table in TABLES.items()
        for key in table
        if (name, key) != ("vonage", "from") and len(table) > 1
    ],
)
def test_what_is_missing_is_named(name: str, key: str) -> None:
    table = {
        f"{name}.{setting}": value for setting, value in TABLES[name].items() if setting != key
    }
    with pytest.raises(ConfigError) as caught:
        load(None, environ={}, overrides={"public_url": "https://a.example", **table})
    assert f"{name}.{key}: is missing; set it" in str(caught.value)


@pytest.mark.parametrize(
    ("table", "more", "said"),
    [
        ("vonage", {"vonage__call_from": "+12025550100"}, "calls by vonage need"),
        ("vonage", {"vonage__from": "a name too long"}, "eleven letters"),
        ("aws_sns", {"aws_sns__region": "Frankfurt"}, "AWS region"),
        ("kannel", {"kannel__url": "http://sms.example.org"}, "https"),
        ("webhook", {"webhook__secret": "whsec_short"}, "24 to 64"),
        ("webhook", {"webhook__url": "http://sms.example.org/x"}, "use https"),
        ("webhook", {"webhook__carries": ["fax"]}, "sms, call or both"),
        ("webhook", {"webhook__body": {"to": "{to}"}, "webhook__form": {"a": "b"}}, "not both"),
        ("webhook", {"webhook__user": "panel"}, "webhook.password"),
        ("webhook", {"webhook__success_pointer": "/status"}, "webhook.success_value"),
        ("webhook", {"webhook__success_pointer": "status"}, "webhook.success_pointer"),
        ("webhook", {"webhook__success_status": "2xx"}, "webhook.success_status"),
        ("webhook", {"webhook__body": "to={to}"}, "write a table"),
        ("webhook", {"webhook__method": "GET"}, "webhook.method"),
        ("command", {"command__argv": ["gammu", "{to}"]}, "whole path"),
        ("command", {"command__argv": ["/bin/true"]}, "{to}"),
        ("kannel", {"delivery__call": ["kannel"]}, "cannot do that"),
        ("kannel", {"delivery__sms": ["vonage"]}, "add a table [vonage]"),
        ("webhook", {"delivery__call": ["webhook"]}, "cannot do that"),
        ("kannel", {"delivery__country_providers": {"US": ["command"]}}, "delivery.countries"),
        (
            "kannel",
            {"delivery__countries": "all", "delivery__country_providers": {"US": ["command"]}},
            "add a table [command]",
        ),
        ("kannel", {"delivery__country_flags": {"DE": ["sms"]}}, "add it to delivery.countries"),
        (
            "kannel",
            {"delivery__countries": ["DE"], "delivery__country_flags": {"DE": ["fax"]}},
            "delivery.country_flags",
        ),
        ("kannel", {"delivery__country_flags": "DE"}, "write a table"),
    ],
)
def test_what_is_wrong_is_said(table: str, more: dict[str, object], said: str) -> None:
    assert said in problem(table, **more)


TWILIO = {"twilio__account_sid": "AC" + "0" * 32, "twilio__auth_token": "x"}


@pytest.mark.parametrize(
    ("senders", "texts", "calls"),
    [
        ({"from_number": "+1 202 555 0100"}, "+12025550100", "+12025550100"),
        ({"from": "ExamplePnl"}, "ExamplePnl", None),
        ({"from": "12345"}, "12345", None),
        ({"from": "MG Hosting"}, "MG Hosting", None),
        ({"from": "12345", "from_number": "+12025550100"}, "12345", "+12025550100"),
        ({"from": "ExamplePnl", "call_from": "+12025550101"}, "ExamplePnl", "+12025550101"),
        ({"call_from": "+12025550101"}, None, "+12025550101"),
        ({"messaging_service": "MG" + "0" * 32}, "MG" + "0" * 32, None),
    ],
)
def test_texts_and_calls_by_twilio_have_senders_of_their_own(
    senders: dict[str, str], texts: str | None, calls: str | None
) -> None:
    given = settings(**TWILIO, **{f"twilio__{name}": value for name, value in senders.items()})
    assert given.twilio is not None
    assert (given.twilio.text_sender, given.twilio.call_sender) == (texts, calls)
    channels = kinds(given)
    assert (channels[Channel.SMS], channels[Channel.CALL]) == (
        ["twilio"] * (texts is not None), ["twilio"] * (calls is not None)
    )  # fmt: skip


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({}, "twilio.from_number"),
        ({"twilio__from": "a name too long"}, "a short code of three to eight digits"),
        ({"twilio__from": "12"}, "a short code of three to eight digits"),
        ({"twilio__from": "123456789"}, "a short code of three to eight digits"),
        ({"twilio__call_from": "ExamplePnl"}, "with + and country code"),
        ({"twilio__call_from": "12345"}, "with + and country code"),
        ({"twilio__from": "Panel", "twilio__messaging_service": "MG" + "0" * 32}, "not both"),
        ({"twilio__from": "Panel", "delivery__call": ["twilio"]}, "twilio.call_from"),
    ],
)
def test_a_sender_that_twilio_would_refuse_is_refused(more: dict[str, object], said: str) -> None:
    assert said in problem(**TWILIO, **more)


@pytest.mark.parametrize("key", ["vonage__from", "kannel__from", "aws_sns__origination_number"])
def test_short_codes_are_senders_everywhere(key: str) -> None:
    table, name = key.split("__")
    section = getattr(settings(table, **{key: "12345"}), table)
    assert "12345" in {getattr(section, "sender", None), getattr(section, name, None)}


def test_country_tables_come_from_the_environment_too() -> None:
    environ = {
        "TWOSTEP_DELIVERY__COUNTRIES": "DE, CH",
        "TWOSTEP_DELIVERY__COUNTRY_FLAGS": '{ ch = ["sms", "signin"] }',
    }
    given = load(None, environ=environ, overrides={"public_url": "https://a.example"}).delivery
    assert given.allows("DE", "enrol", "call")
    assert given.allows("CH", "signin", "sms")
    assert not given.allows("CH", "enrol")
    assert not given.allows("FR", "signin", "sms")


def test_order_is_twilio_first_and_countries_add_their_own() -> None:
    given = settings(
        "kannel", "vonage", delivery__sms=["vonage"], delivery__countries=["DE"],
        delivery__country_providers={"DE": ["kannel"]},
    )  # fmt: skip
    assert kinds(given)[Channel.SMS] == ["vonage", "kannel"]
    assert settings("kannel", "vonage").sms_providers == ("vonage", "kannel")


def test_calls_by_the_webhook_need_a_way_back() -> None:
    both = {"webhook__carries": ["sms", "call"]}
    assert kinds(settings("webhook", **both))[Channel.CALL] == ["webhook"]
    local = settings("webhook", public_url="http://localhost:8080", **both)
    assert kinds(local)[Channel.CALL] == []
    here = settings(
        "webhook", public_url="http://localhost:8080", webhook__url="http://127.0.0.1:9/x", **both
    )
    assert kinds(here)[Channel.CALL] == ["webhook"]
    assert set(build_callbacks(here)) == {"webhook"}


def test_every_table_has_a_row_and_no_row_is_without() -> None:
    assert [row.name for row in ROWS] == [*CARRIERS, "smtp", "console"]
    tables = {row.name: row.settings for row in ROWS if row.settings is not None}
    assert tables == {name: section_of(Settings.model_fields[name]) for name in tables}


@pytest.mark.parametrize("row", ROWS, ids=[row.name for row in ROWS])
def test_what_a_row_names_takes_the_rows_table(row: Provider[Section]) -> None:
    named = [(row.build, "build"), (row.callbacks, "build_callbacks")]
    for module, function in named[: 2 if row.callbacks else 1]:
        make = getattr(import_module(f"twostep.delivery.{module}"), function)
        first = next(iter(inspect.signature(make).parameters))
        assert typing.get_type_hints(make)[first] == (row.settings or type(None))


def test_those_that_report_have_callbacks() -> None:
    given = settings("vonage", "aws_sns", "kannel", "webhook", "command")
    assert set(build_callbacks(given)) == {"vonage", "kannel", "webhook"}


def test_start_can_be_texted_to_the_first_number_that_texts_come_from() -> None:
    given = settings("vonage", "aws_sns", "kannel", aws_sns__origination_number="+12025550100")
    assert text_senders(given) == ["Panel", "+12025550100", ""]
    assert text_senders(settings("kannel", "webhook", kannel__from="+49 30 1234567")) == [
        "+49301234567",
        "",
    ]
