"""Ask the mail server and every provider in the settings whether they would carry a message.

Nothing is sent. All are asked at once, and each may take `EXAMINE_SECONDS`.
"""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from dataclasses import dataclass

from twostep.config import Settings
from twostep.core.messages.channel import Channel
from twostep.delivery.examination import Examinable, Examined, Verdict
from twostep.delivery.providers import build_carrier
from twostep.delivery.site import Site


EXAMINE_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class ProviderFinding:
    """The result of examining one provider. `name`: its section in the settings."""

    name: str
    verdict: Verdict
    text: str


async def examine_delivery(settings: Settings, *, now: int) -> list[ProviderFinding]:
    """Examine every provider and the mail server, each with a harmless request of its own."""
    async with AsyncExitStack() as closing:
        site = Site(settings, closing)
        named = _named(settings)
        examined = await asyncio.gather(
            *(_examine(site, name, now=now) for name in named), return_exceptions=True
        )
    findings: list[ProviderFinding] = []
    for name, answer in zip(named, examined, strict=True):
        if isinstance(
            answer, BaseException
        ):  # from a library: the others are examined all the same
            text = f"It cannot be used: {type(answer).__name__}. Check the settings of {name}."
            findings.append(ProviderFinding(name, Verdict.BROKEN, text))
        else:
            findings += answer
    return findings


def _named(settings: Settings) -> list[str]:
    by_country = settings.delivery.country_providers.values()
    return list(
        dict.fromkeys(
            [
                *settings.email_providers,
                *settings.sms_providers,
                *settings.call_providers,
                *(name for names in by_country for name in names),
            ]
        )
    )


async def _examine(site: Site, name: str, *, now: int) -> list[ProviderFinding]:
    carrier = await build_carrier(name, site)
    findings = []
    if isinstance(carrier, Examinable):
        try:
            async with asyncio.timeout(EXAMINE_SECONDS):
                examined = await carrier.examine(now=now)
        except TimeoutError:
            text = f"It has not answered within {EXAMINE_SECONDS:.0f} seconds. Look at its own log."
            examined = Examined(Verdict.BROKEN, text)
        findings.append(ProviderFinding(name, examined.verdict, examined.text))
    if name in site.settings.call_providers and Channel.CALL not in carrier.channels:
        text = (
            "It makes no calls: a call asks the panel what to say, and it cannot reach"
            f" {site.settings.public_url}. Set a public_url that it can reach."
        )
        findings.append(ProviderFinding(name, Verdict.DOUBTFUL, text))
    return findings
