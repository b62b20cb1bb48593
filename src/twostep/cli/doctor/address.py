"""The part of `twostep doctor` that looks from outside: at `public_url`, as visitors do."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Iterator
from ipaddress import IPv6Address
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from twostep import __version__
from twostep.cli.doctor.finding import ERROR, OK, SKIPPED, WARNING, Finding


if TYPE_CHECKING:
    from twostep.cli.shell import Shell
    from twostep.config import Settings
    from twostep.flows.operate.doctor_call import Arrival, Report
    from twostep.flows.operate.look_outside import Look

ABOUT = "public_url"
FEW_DAYS = 14
WELL_KNOWN = "/.well-known/webauthn"
_DOCUMENTATION = 0x20010DB8 << 96  # 2001:db8::/32: nobody's address, so nobody else sends it


def examine_address(shell: Shell, settings: Settings, *, offline: bool) -> Iterator[Finding]:
    """Ask the running server, through whatever stands in front of it, how our request arrived."""
    yield from _judge_settings(settings)
    if offline:
        yield Finding(SKIPPED, ABOUT, f"{settings.public_url} was not asked.")
        return
    from twostep.flows.operate.doctor_call import HEADER, PATH, new_question, read_answer
    from twostep.flows.operate.look_outside import look_outside

    try:
        ring = shell.wiring.load_keyring(settings)
    except shell.wiring.operator_errors():  # said under "keys"
        return
    yield from _examine_related(settings, look_outside)
    now = shell.wiring.clock()
    question = new_question(ring, now=now)
    invented = str(IPv6Address(_DOCUMENTATION | secrets.randbits(64)))
    headers = (
        {HEADER: question, "X-Forwarded-For": invented} if settings.is_https else {HEADER: question}
    )
    look = look_outside(settings.public_url, PATH, headers)
    yield from _judge_certificate(look, now=now)
    report = read_answer(ring, settings, question, look.body) if look.status == 200 else None
    if report is None:
        yield _explain_silence(look, settings)
        return
    faults = [*_judge_arrival(report.arrival, settings, invented), *_judge_process(report)]
    yield from faults
    if not faults:
        yield Finding(OK, ABOUT, f"{settings.public_url} answers, with the settings of this file")


def _judge_settings(settings: Settings) -> Iterator[Finding]:
    if not settings.is_https:
        yield Finding(
            WARNING,
            ABOUT,
            f"{settings.public_url} is plain http: cookies are not Secure, and only this machine"
            " can sign in. Set the https address once there is one.",
        )
    elif not settings.trusted_proxies:
        yield Finding(
            WARNING,
            ABOUT,
            "https, and trusted_proxies is empty: right if serve has --tls-cert. Behind a proxy all"
            ' visitors share one limit: set trusted_proxies = ["127.0.0.1", "::1"] or its address.',
        )


def _examine_related(settings: Settings, look_outside: Callable[..., Look]) -> Iterator[Finding]:
    """Whether the passkeys' domain, if it is not above ours, lets browsers use them here
    (WebAuthn level 3, §5.11)."""
    domain, host = settings.passkeys.rp_id, urlsplit(settings.public_url).hostname or ""
    if domain is None or host == domain or host.endswith(f".{domain}"):
        return
    look = look_outside(f"https://{domain}", WELL_KNOWN, {})
    fault = look.fault or look.certificate_fault or _refuses(look, settings.public_url)
    if not fault:
        text = (
            f"https://{domain}{WELL_KNOWN} lets browsers use its passkeys at {settings.public_url}"
        )
        yield Finding(OK, "passkeys", text)
        return
    yield Finding(
        ERROR,
        "passkeys",
        f"https://{domain}{WELL_KNOWN} does not let browsers use its passkeys at"
        f" {settings.public_url}: {fault}. docs/how-to/change-the-address.md shows what it answers.",
    )


def _refuses(look: Look, origin: str) -> str:
    """Why an answer about related origins does not help `origin`; "" if it does."""
    if look.status != 200:
        return f"it answers HTTP {look.status}"
    try:
        origins = json.loads(look.body)["origins"]
    except (ValueError, TypeError, KeyError):
        return 'it is no JSON object with "origins"'
    return "" if origin in origins else f"it does not list {origin}"


def _judge_certificate(look: Look, *, now: int) -> Iterator[Finding]:
    if look.certificate_fault:
        yield Finding(ERROR, "certificate", f"{look.certificate_fault}.")
    elif look.expires_at is not None:
        days = (look.expires_at - now) // 86_400
        text = f"It is good for {days} more day{'s' * (days != 1)}"
        if days < FEW_DAYS:
            yield Finding(
                WARNING, "certificate", f"{text}. Look why it was not renewed, and renew it."
            )
        else:
            yield Finding(OK, "certificate", text)


def _explain_silence(look: Look, settings: Settings) -> Finding:
    """Why the running server did not answer us."""
    url = settings.public_url
    if look.fault:
        level = WARNING if not settings.is_https and settings.is_loopback else ERROR
        return Finding(level, ABOUT, f"{look.fault}. If nothing serves it yet: twostep serve")
    if look.status in {502, 503, 504}:
        return Finding(
            ERROR,
            ABOUT,
            f"The proxy at {url} answers HTTP {look.status}: start the server, or correct the address"
            " and port at which the proxy looks for it.",
        )
    if 300 <= look.status < 400:
        return Finding(
            ERROR,
            ABOUT,
            f"{url} leads on to {look.location or 'another address'}. Set public_url to the address"
            " that people end at, or let the proxy serve this one.",
        )
    return Finding(
        ERROR,
        ABOUT,
        f"What answers at {url} (HTTP {look.status}) is not this installation, or was started with"
        " another key file or version. Restart the server; check where the name and the proxy lead.",
    )


def _judge_arrival(arrival: Arrival, settings: Settings, invented: str) -> Iterator[Finding]:
    host = urlsplit(settings.public_url).netloc
    if arrival.host.lower() not in _spellings(settings.public_url):
        yield Finding(
            ERROR,
            ABOUT,
            f"The proxy hands on the host {arrival.host!r} instead of {host}, so every page is refused"
            " (421). nginx: proxy_set_header Host $host; Others: docs/how-to/behind-a-proxy.md",
        )
    if not settings.is_https:
        return
    hops = [hop.strip() for hop in arrival.forwarded_for.split(",") if hop.strip()]
    if hops in ([], [invented]) and arrival.is_trusted:
        also = " and lets them write any address there" if hops else ""
        yield Finding(
            ERROR,
            "trusted_proxies",
            f"{arrival.peer} does not say where requests come from{also}: all visitors share one"
            " limit. nginx: proxy_set_header X-Forwarded-For $remote_addr; Others:"
            " docs/how-to/behind-a-proxy.md",
        )
    elif hops != [invented] and not arrival.is_trusted:
        yield Finding(
            ERROR,
            "trusted_proxies",
            f"{arrival.peer} hands requests on and is not in trusted_proxies: all visitors share one"
            " limit. If it is your proxy, add it.",
        )


def _spellings(url: str) -> set[str]:
    """The hosts that mean this address: with the default port and without it."""
    parts = urlsplit(url)
    default = 443 if parts.scheme == "https" else 80
    return {parts.netloc} | ({f"{parts.netloc}:{default}"} if parts.port is None else set())


def _judge_process(report: Report) -> Iterator[Finding]:
    if report.version != __version__:
        yield Finding(
            WARNING,
            "server",
            f"It runs version {report.version}, and {__version__} is installed: restart it.",
        )
    elif report.changed:
        yield Finding(
            WARNING,
            "server",
            f"It was started with another value of {', '.join(report.changed)}. If you have changed"
            " the settings since, restart it.",
        )
