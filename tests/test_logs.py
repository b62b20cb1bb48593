"""Log lines are JSON, whoever writes them, and hold no secret."""

from __future__ import annotations

import json
import logging

import pytest
import structlog

from twostep.core.audit.event import REQUEST_REFUSED, Source, new_event
from twostep.core.audit.occurrence import Occurrence
from twostep.flows.event_log import MOST_COUNTED, MOST_LINES_A_MINUTE, EventLog
from twostep.logs import REDACTED, configure_logging, redact


@pytest.fixture(autouse=True)
def _as_before():
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    structlog.reset_defaults()
    root.handlers[:] = handlers
    root.setLevel(level)


def lines(capsys) -> list[dict]:
    out, err = capsys.readouterr()
    assert out == ""
    return [json.loads(line) for line in err.splitlines()]


def test_our_lines_and_the_libraries_look_alike(capsys):
    configure_logging("info")
    structlog.get_logger().info("outbox.sent", provider="twilio", text="ä")
    logging.getLogger("uvicorn.error").warning("shutting %s", "down")
    ours, theirs = lines(capsys)
    assert (ours["event"], ours["level"], ours["provider"]) == ("outbox.sent", "info", "twilio")
    assert (theirs["event"], theirs["level"]) == ("shutting down", "warning")
    assert ours["at"].endswith("Z")
    assert theirs["at"].endswith("Z")


def test_what_is_below_the_level_is_not_written(capsys):
    configure_logging("warning")
    structlog.get_logger().info("quiet")
    logging.getLogger("anything").info("quiet")
    assert lines(capsys) == []


def test_addresses_with_secrets_in_them_are_not_written(capsys):
    configure_logging("info")
    for name in ("httpx2", "httpcore2.connection", "uvicorn.access"):
        logging.getLogger(name).info("GET http://gateway/?password=x&text=123456")
    assert lines(capsys) == []


def test_an_error_keeps_its_trace_but_no_values(capsys):
    configure_logging("info")
    for log in (structlog.get_logger(), logging.getLogger("library")):
        seed = "JBSWY3DPEHPK3PXP"
        try:
            [][len(seed)]
        except IndexError:
            log.exception("broken")
    text = capsys.readouterr().err
    assert text.count("IndexError") == 2
    assert "test_logs.py" in text
    assert "JBSWY3DPEHPK3PXP" not in text


@pytest.mark.parametrize(
    "key",
    [
        *("password", "new_password", "code", "recovery_codes", "apiToken", "Set-Cookie"),
        *("number", "client_secret", "AUTHORIZATION", "key", "api_key_secret", "otpauth"),
    ],
)
def test_values_named_like_secrets_are_replaced(key):
    event = {"event": "x", key: "s", "form": {"rows": [{key: "s"}]}}
    assert redact(None, "info", event) == {
        "event": "x",
        key: REDACTED,
        "form": {"rows": [{key: REDACTED}]},
    }


@pytest.mark.parametrize(
    "key", ["status_code", "key_id", "encoding", "monkey", "numbering", "event"]
)
def test_other_values_stay(key):
    assert redact(None, "info", {key: "v"}) == {key: "v"}


def test_an_object_is_named_and_not_shown(capsys):
    class Seed:
        def __repr__(self):
            return "JBSWY3DPEHPK3PXP"

    configure_logging("info")
    structlog.get_logger().info("x", raw=b"seed", thing=Seed())
    (line,) = lines(capsys)
    assert (line["raw"], line["thing"]) == ("<bytes>", "<Seed>")


def test_refusals_from_many_networks_share_a_bounded_number_of_lines(capsys):
    configure_logging("info")
    log, flood = EventLog(), 5 * MOST_LINES_A_MINUTE
    for number in range(flood):
        source = Source("self", f"10.0.{number // 250}.{number % 250}")
        log.write([Occurrence(new_event(REQUEST_REFUSED, reason="x"), source, "", None)], now=60)
    log.flush()
    counts = [line["count"] for line in lines(capsys)]
    assert sum(counts) == flood
    assert len(counts) <= MOST_LINES_A_MINUTE + MOST_COUNTED + 1
