"""Callbacks are believed only when signed, and a call played as Twilio would reads the digits."""

from __future__ import annotations

import json
from hashlib import sha256
from urllib.parse import parse_qsl, urlencode, urlsplit
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twilio.request_validator import RequestValidator

from twostep.core.methods.out_of_band import Purpose, SendState
from twostep.delivery.carriers.twilio_callback import (
    Genuine,
    TwilioCallbacks,
    sign,
    verify_signature,
)
from twostep.delivery.port import CallbackRequest, Failure, Forged, KeyReport, StatusReport
from twostep.delivery.spoken import Step, new_script


TOKEN = "0123456789abcdef0123456789abcdef"
ORIGIN = "https://panel.example.org"
BASE = "/telephony/twilio"
CALLBACKS = TwilioCallbacks(public_url=ORIGIN, base_path=BASE, auth_token=TOKEN)
ORACLE = RequestValidator(TOKEN)


class Pairs(dict):
    """A multi-dict as the vendor's validator reads it."""

    def __init__(self, pairs):
        super().__init__(pairs)
        self.pairs = pairs

    def getall(self, name):
        return [value for key, value in self.pairs if key == name]


def request(path, pairs=(), *, url=None, signature=None, algorithm=None, body=None, kind=None):
    headers = {"content-type": kind or "application/x-www-form-urlencoded"}
    if algorithm:
        headers["x-twilio-webhooks-signature-settings"] = f"key=k_1,algorithm={algorithm}"
    computed = ORACLE.compute_signature(url or ORIGIN + path, Pairs(list(pairs)), algorithm)
    headers["x-twilio-signature"] = computed if signature is None else signature
    encoded = urlencode(list(pairs)).encode() if body is None else body
    return CallbackRequest(path=path, headers=headers, body=encoded)


def verify(sent, origin=ORIGIN):
    return verify_signature(sent, expected_origin=origin, auth_token=TOKEN)


TEXTS = st.text(
    alphabet=st.characters(codec="utf-8", exclude_categories=("Cs",)), min_size=1, max_size=12
)


@given(st.lists(st.tuples(TEXTS, TEXTS), max_size=6), st.sampled_from([None, "HMAC_SHA256"]))
def test_what_the_vendor_signs_we_believe_and_the_reverse(pairs, algorithm):
    path = f"{BASE}/status/abc?x=1"
    assert isinstance(verify(request(path, pairs, algorithm=algorithm)), Genuine)
    ours = sign(
        ORIGIN + path,
        pairs,
        auth_token=TOKEN,
        algorithm="sha256" if algorithm else "sha1",
    )
    assert ORACLE.validate(ORIGIN + path, Pairs(pairs), ours, algorithm)


@pytest.mark.parametrize(
    ("origin", "signed"),
    [
        (ORIGIN, ORIGIN),
        (ORIGIN, ORIGIN + ":443"),
        (ORIGIN + ":8443", ORIGIN + ":8443"),
        (ORIGIN + ":8443", ORIGIN),
        ("http://[::1]:8080", "http://[::1]"),
    ],
)
def test_the_port_may_be_signed_or_not(origin, signed):
    path = f"{BASE}/status/abc"
    assert isinstance(verify(request(path, [("A", "b")], url=signed + path), origin), Genuine)


@pytest.mark.parametrize(
    "forged",
    [
        request(f"{BASE}/status/a", [("A", "b")], url=f"https://evil.example{BASE}/status/a"),
        request(f"{BASE}/status/a", [("A", "b")], url=f"{ORIGIN}:444{BASE}/status/a"),
        request(f"{BASE}/status/a", [("A", "b")], url=f"{ORIGIN}{BASE}/status/b"),
        request(f"{BASE}/call/a?step=read", [], url=f"{ORIGIN}{BASE}/call/a"),
        request(f"{BASE}/status/a", [("A", "b")], body=b"A=c"),
        request(f"{BASE}/status/a", [("A", "b")], body=b"A=b&C=d"),
        request(f"{BASE}/status/a", [("A", "b")], signature=""),
        request(f"{BASE}/status/a", [("A", "b")], signature="é"),
        request(f"{BASE}/status/a", [], body=b"A=\xff"),
        request(f"{BASE}/status/a", [], body=b"&".join([b"a=b"] * 500)),
        request(f"{BASE}/status/a", [], body=b'{"MessageStatus":"failed"}', kind="text/plain"),
    ],
)
def test_what_was_changed_is_forged(forged):
    assert verify(forged) == Forged()
    assert CALLBACKS.read(forged) == Forged()


def test_an_unknown_algorithm_is_forged():
    headers = {
        "x-twilio-signature": "x",
        "x-twilio-webhooks-signature-settings": "algorithm=none",
    }
    assert verify(CallbackRequest(path="/", headers=headers)) == Forged()


def test_another_account_cannot_sign_for_us():
    signature = RequestValidator("f" * 32).compute_signature(f"{ORIGIN}{BASE}/status/a", {})
    assert verify(request(f"{BASE}/status/a", signature=signature)) == Forged()


def test_a_body_that_is_no_form_is_bound_by_its_digest():
    body = json.dumps({"MessageStatus": "delivered"}).encode()
    path = f"{BASE}/status/a?bodySHA256={sha256(body).hexdigest()}"
    good = request(path, body=body, kind="application/json")
    assert ORACLE.validate(ORIGIN + path, body.decode(), good.headers["x-twilio-signature"])
    assert verify(good) == Genuine({})
    assert verify(request(path, body=body + b" ", kind="application/json")) == Forged()


@pytest.mark.parametrize(
    ("pairs", "report"),
    [
        ({"MessageStatus": "queued"}, StatusReport("id-1", SendState.ACCEPTED)),
        ({"MessageStatus": "sent"}, StatusReport("id-1", SendState.ACCEPTED)),
        ({"MessageStatus": "delivered"}, StatusReport("id-1", SendState.DELIVERED)),
        (
            {"MessageStatus": "undelivered", "ErrorCode": "30006"},
            StatusReport("id-1", SendState.FAILED, Failure.LANDLINE),
        ),
        (
            {"MessageStatus": "undelivered", "ErrorCode": "30003"},
            StatusReport("id-1", SendState.FAILED, Failure.UNREACHABLE),
        ),
        (
            {"MessageStatus": "undelivered", "ErrorCode": "30005"},
            StatusReport("id-1", SendState.FAILED, Failure.UNUSABLE),
        ),
        (
            {"MessageStatus": "undelivered", "ErrorCode": "30007"},
            StatusReport("id-1", SendState.FAILED, Failure.FILTERED),
        ),
        (
            {"MessageStatus": "failed", "ErrorCode": "x"},
            StatusReport("id-1", SendState.FAILED, Failure.REFUSED),
        ),
        ({"CallStatus": "completed"}, StatusReport("id-1", SendState.DELIVERED)),
        ({"CallStatus": "busy"}, StatusReport("id-1", SendState.FAILED, Failure.BUSY)),
        (
            {"CallStatus": "no-answer"},
            StatusReport("id-1", SendState.FAILED, Failure.UNREACHABLE),
        ),
        ({"MessageStatus": "unheard-of"}, None),
        ({}, None),
    ],
)
def test_status_callbacks(pairs, report):
    assert CALLBACKS.read(request(f"{BASE}/status/id-1", pairs.items())) == report


@pytest.mark.parametrize("path", ["/elsewhere", f"{BASE}/other/id", f"{BASE}/call/", f"{BASE}/"])
def test_a_signed_request_for_nothing_is_forged(path):
    assert CALLBACKS.read(request(path)) == Forged()


def test_a_call_asks_what_to_say():
    first = CALLBACKS.read(request(f"{BASE}/call/id-1", [("CallStatus", "in-progress")]))
    assert first == KeyReport("id-1", Step.INTRODUCE, None)
    pressed = CALLBACKS.read(request(f"{BASE}/call/id-1?step=introduce", [("Digits", "4")]))
    assert pressed == KeyReport("id-1", Step.INTRODUCE, "4")
    silence = CALLBACKS.read(request(f"{BASE}/call/id-1?step=read", [("Digits", "")]))
    assert silence == KeyReport("id-1", Step.READ, "")
    assert CALLBACKS.read(request(f"{BASE}/call/id-1?step=nonsense", [])) == Forged()


DIGITS = dict(
    zip(
        ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"],
        "0123456789",
        strict=True,
    )
)


class Player:
    """Plays a call as Twilio does: fetches, speaks, waits for a key, posts it, signed."""

    def __init__(self, script):
        self.script = script
        self.heard = []
        self.hung_up = False

    def play(self, keys):
        path, pairs, keys = f"{BASE}/call/id-1", [("CallStatus", "in-progress")], list(keys)
        while not self.hung_up:
            report = CALLBACKS.read(request(path, pairs))
            assert isinstance(report, KeyReport)
            step = report.step
            if report.pressed is not None:
                step = self.script.next_step(report.step, report.pressed)
            reply = CALLBACKS.render(self.script, step, message_id=report.message_id)
            action = self.hear(reply)
            if action is None:
                return self.heard
            parts = urlsplit(action)
            path = f"{parts.path}?{parts.query}"
            pairs = [("Digits", keys.pop(0) if keys else "")]
        return self.heard

    def hear(self, reply):
        assert reply.media_type == "application/xml"
        for tag in ET.fromstring(reply.body):  # noqa: S314 - our own markup
            if tag.tag == "Gather":
                assert tag.attrib["numDigits"] == "1"
                assert tag.attrib["timeout"] == "8"
                assert tag.attrib["actionOnEmptyResult"] == "true"
                self.heard += [said.text for said in tag.iter("Say")]
                return tag.attrib["action"]
            if tag.tag == "Say":
                self.heard.append(tag.text)
            self.hung_up = self.hung_up or tag.tag == "Hangup"
        return None

    @property
    def digits(self):
        return "".join(DIGITS.get(word, "") for word in self.heard)


def player(panel="Example Panel"):
    return Player(
        new_script(code="048291", key="4", panel=panel, purpose=Purpose.SIGN_IN, language="en")
    )


@pytest.mark.parametrize(
    ("keys", "readings"),
    [("4", 3), ("41", 6), ("411", 9), ("4111111", 9), ("54", 3), ("45", 3)],
)
def test_who_presses_the_key_hears_the_digits(keys, readings):
    call = player()
    call.play(keys)
    assert call.digits == "048291" * readings
    assert call.hung_up
    assert call.heard[-1].endswith("Goodbye.")


@pytest.mark.parametrize("keys", ["", "5", "55", "554", "9", "94", "1", "0", "#4x"])
def test_who_does_not_hears_none(keys):
    call = player()
    call.play("#5" if keys == "#4x" else keys)
    assert call.digits == ""
    assert call.hung_up


def test_key_nine_says_that_the_code_is_dead():
    assert "This code no longer works." in player().play("9")[-1]


def test_the_code_stands_in_no_address_and_names_are_escaped():
    call = player(panel='A & B <"Panel">')
    assert 'This is A & B <"Panel"> with a sign-in code you asked for.' in call.play("4")
    reply = CALLBACKS.render(call.script, Step.READ, message_id="id/1?x")
    assert "048291" not in reply.body
    assert "/call/id%2F1%3Fx?step=read" in reply.body


@pytest.mark.parametrize("step", list(Step))
def test_every_step_is_short_enough_for_twilio_and_well_formed(step):
    body = CALLBACKS.render(player().script, step, message_id="i" * 43).body
    assert len(body) < 64 * 1024
    root = ET.fromstring(body)  # noqa: S314 - our own markup
    assert root.tag == "Response"
    assert root[-1].tag in {"Gather", "Hangup"}


def test_query_strings_of_callbacks_survive_parsing():
    action = CALLBACKS.render(player().script, Step.INTRODUCE, message_id="a b").body
    assert dict(parse_qsl(urlsplit(action.split('action="')[1].split('"')[0]).query)) == {
        "step": "introduce"
    }
