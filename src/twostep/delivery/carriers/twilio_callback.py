"""Twilio's requests to us: verifies their signatures, and says what a call should say."""

from __future__ import annotations

import base64
import hmac
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from hashlib import sha1, sha256
from urllib.parse import parse_qs, parse_qsl, quote, unquote, urlsplit, urlunsplit
from xml.sax.saxutils import escape, quoteattr

from twostep.config import Settings
from twostep.config.carriers import TwilioSettings
from twostep.core.methods.out_of_band import SendState
from twostep.delivery.carriers.twilio import FAILURES, Twilio
from twostep.delivery.port import (
    CallbackReply,
    CallbackRequest,
    Failure,
    Forged,
    KeyReport,
    OptReport,
    ProviderReport,
    StatusReport,
    read_opt_word,
)
from twostep.delivery.site import base_path, callback_base
from twostep.delivery.spoken import Pause, Say, Script, Spoken, Step


SIGNATURE = "x-twilio-signature"
SETTINGS = "x-twilio-webhooks-signature-settings"
FORM = "application/x-www-form-urlencoded"
MAX_PARAMETERS = 200
KEY_SECONDS = 8

_STATES: Mapping[str, SendState] = {
    "accepted": SendState.ACCEPTED,
    "queued": SendState.ACCEPTED,
    "scheduled": SendState.ACCEPTED,
    "sending": SendState.ACCEPTED,
    "sent": SendState.ACCEPTED,
    "initiated": SendState.ACCEPTED,
    "ringing": SendState.ACCEPTED,
    "in-progress": SendState.ACCEPTED,
    "delivered": SendState.DELIVERED,
    "read": SendState.DELIVERED,
    "completed": SendState.DELIVERED,
    "undelivered": SendState.FAILED,
    "failed": SendState.FAILED,
    "canceled": SendState.FAILED,
    "busy": SendState.FAILED,
    "no-answer": SendState.FAILED,
}
_CALL_FAILURES = {"busy": Failure.BUSY, "no-answer": Failure.UNREACHABLE}
# Voices that both Twilio's basic and Polly engines know by these names: for our languages, and for
# those that installations add most. Others hear an English voice.
VOICES: Mapping[str, tuple[str, str]] = {
    "en": ("en-US", "Polly.Joanna"),
    "de": ("de-DE", "Polly.Vicki"),
    "ar": ("arb", "Polly.Zeina"),
    "da": ("da-DK", "Polly.Naja"),
    "es": ("es-ES", "Polly.Lucia"),
    "fr": ("fr-FR", "Polly.Celine"),
    "it": ("it-IT", "Polly.Carla"),
    "ja": ("ja-JP", "Polly.Mizuki"),
    "nb": ("nb-NO", "Polly.Liv"),
    "nl": ("nl-NL", "Polly.Lotte"),
    "pl": ("pl-PL", "Polly.Ewa"),
    "pt": ("pt-PT", "Polly.Ines"),
    "ro": ("ro-RO", "Polly.Carmen"),
    "ru": ("ru-RU", "Polly.Tatyana"),
    "sv": ("sv-SE", "Polly.Astrid"),
    "tr": ("tr-TR", "Polly.Filiz"),
}


@dataclass(frozen=True, slots=True)
class Genuine:
    """A request that Twilio signed, with its parameters."""

    parameters: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class TwilioCallbacks:
    """Reads and answers callbacks.

    `public_url`: the configured origin. The signed URL is rebuilt from it, never from the request's
    Host or forwarded headers, which anybody can set.
    """

    public_url: str
    base_path: str
    auth_token: str = field(repr=False)

    def read(self, request: CallbackRequest) -> ProviderReport | Forged | None:
        """Verify and read. None for reports of no interest, `Forged` for anything not genuine."""
        verdict = verify_signature(
            request, expected_origin=self.public_url, auth_token=self.auth_token
        )
        if isinstance(verdict, Forged):
            return verdict
        parts = urlsplit(request.path)
        what, _, message_id = parts.path.removeprefix(self.base_path + "/").partition("/")
        message_id = unquote(message_id)
        if what == "status" and message_id:
            return _read_status(message_id, verdict.parameters)
        if what == "call" and message_id:
            return _read_key(message_id, parse_qs(parts.query), verdict.parameters)
        if what == "inbound":
            return _read_inbound(verdict.parameters)
        return Forged()

    def inbound_path(self) -> str:
        """The path for incoming texts."""
        return f"{self.base_path}/inbound"

    def render(self, script: Script, step: Step, *, message_id: str) -> CallbackReply:
        """Render a step as TwiML."""
        action = f"{self.public_url}{self.base_path}/call/{quote(message_id, safe='')}?step={step}"
        return CallbackReply(
            media_type="application/xml", body=render_step(script, step, action=action)
        )


def build_callbacks(section: TwilioSettings, settings: Settings) -> TwilioCallbacks | None:
    """Build them from the settings; None if Twilio cannot reach us or we could not verify it."""
    if section.auth_token is None or callback_base(settings, Twilio.name) is None:
        return None
    token = section.auth_token.get_secret_value()
    return TwilioCallbacks(settings.public_url, base_path(Twilio.name), token)


def verify_signature(
    request: CallbackRequest, *, expected_origin: str, auth_token: str
) -> Genuine | Forged:
    """Verify `X-Twilio-Signature`: an HMAC over the address and the sorted parameters.

    The URL is tried with and without the port, since Twilio may sign either. A body other than a
    form is covered by the signed query parameter `bodySHA256` instead. SHA-1 by default, SHA-256 if
    the request says so; anything else is refused.
    """
    digest = _ALGORITHMS.get(_algorithm(request.headers.get(SETTINGS, "")))
    given = request.headers.get(SIGNATURE, "")
    if digest is None or not given:
        return Forged()
    pairs = _form(request)
    if pairs is None:
        return Forged()
    address = expected_origin + request.path
    expected = [
        sign(url, pairs, auth_token=auth_token, algorithm=digest)
        for url in (_without_port(address), _with_port(address))
    ]
    matches = [hmac.compare_digest(signature.encode(), given.encode()) for signature in expected]
    return Genuine(dict(pairs)) if any(matches) else Forged()


def sign(
    url: str, pairs: Iterable[tuple[str, str]], *, auth_token: str, algorithm: str = "sha1"
) -> str:
    """Return Twilio's signature of a URL and its form; duplicate pairs count once."""
    signed = url + "".join(name + value for name, value in sorted(set(pairs)))
    mac = hmac.new(auth_token.encode(), signed.encode(), _DIGESTS[algorithm])
    return base64.b64encode(mac.digest()).decode()


def render_step(script: Script, step: Step, *, action: str) -> str:
    """Write one step as TwiML.

    If a key is expected, everything is inside Gather, so that it can be pressed early. An empty
    result is reported too, because silence must end the call, not lead to the code.
    """
    spoken = _markup(script.spoken(step), script.language)
    offered = _markup(script.offered(step), script.language)
    if not offered:
        return _response(f"{spoken}<Hangup/>")
    gather = (
        f'<Gather numDigits="1" timeout="{KEY_SECONDS}" finishOnKey="" actionOnEmptyResult="true"'
        f' method="POST" action={quoteattr(action)}>{offered}</Gather>'
    )
    return _response(spoken + gather)


_DIGESTS = {"sha1": sha1, "sha256": sha256}
_ALGORITHMS = {"HMAC_SHA1": "sha1", "HMAC_SHA256": "sha256"}


def _algorithm(settings: str) -> str:
    for part in settings.split(","):
        name, _, value = part.partition("=")
        if name.strip() == "algorithm" and value.strip():
            return value.strip().upper()
    return "HMAC_SHA1"


def _form(request: CallbackRequest) -> list[tuple[str, str]] | None:
    """Return the signed parameters; None if the signature does not cover the body."""
    query = parse_qs(urlsplit(request.path).query)
    if request.headers.get("content-type", FORM).partition(";")[0].strip().lower() == FORM:
        try:
            return parse_qsl(
                request.body.decode(), keep_blank_values=True, max_num_fields=MAX_PARAMETERS
            )
        except ValueError:
            return None
    expected = query.get("bodySHA256", [""])[0]
    if not hmac.compare_digest(sha256(request.body).hexdigest().encode(), expected.encode()):
        return None
    return []


def _without_port(address: str) -> str:
    parts = urlsplit(address)
    return urlunsplit(parts._replace(netloc=_host(parts.netloc)))


def _with_port(address: str) -> str:
    parts = urlsplit(address)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    return urlunsplit(parts._replace(netloc=f"{_host(parts.netloc)}:{port}"))


def _host(netloc: str) -> str:
    host, colon, port = netloc.rpartition(":")
    return host if colon and port.isascii() and port.isdecimal() else netloc


def _read_status(message_id: str, parameters: Mapping[str, str]) -> StatusReport | None:
    word = parameters.get("MessageStatus") or parameters.get("CallStatus") or ""
    state = _STATES.get(word)
    if state is None:
        return None
    if state is not SendState.FAILED:
        return StatusReport(message_id=message_id, state=state)
    code = parameters.get("ErrorCode", "")
    number = int(code) if code.isascii() and code.isdecimal() and len(code) < 8 else 0
    failure = FAILURES.get(number) or _CALL_FAILURES.get(word, Failure.REFUSED)
    return StatusReport(message_id=message_id, state=state, failure=failure)


def _read_inbound(parameters: Mapping[str, str]) -> OptReport | None:
    """Read a reply to one of our texts; Twilio may say what it took it for (`OptOutType`)."""
    word = parameters.get("OptOutType") or parameters.get("Body", "")
    return read_opt_word(parameters.get("From", ""), word)


def _read_key(
    message_id: str, query: Mapping[str, list[str]], parameters: Mapping[str, str]
) -> KeyReport | Forged:
    if "step" not in query:
        return KeyReport(message_id=message_id, step=Step.INTRODUCE, pressed=None)
    try:
        step = Step(query["step"][0])
    except ValueError:
        return Forged()
    return KeyReport(message_id=message_id, step=step, pressed=parameters.get("Digits", "")[:1])


def _markup(spoken: Spoken, language: str) -> str:
    locale, voice = VOICES.get(language, VOICES["en"])
    tags = []
    for part in spoken:
        match part:
            case Say(words):
                escaped = escape(words)
                tags.append(f'<Say voice="{voice}" language="{locale}">{escaped}</Say>')
            case Pause(seconds):
                # Twilio only knows whole seconds; never round a pause down to zero.
                tags.append(f'<Pause length="{max(1, round(seconds))}"/>')
    return "".join(tags)


def _response(content: str) -> str:
    return f'<?xml version="1.0" encoding="UTF-8"?><Response>{content}</Response>'
