"""How `twostep doctor` checks a provider with a harmless request: no message is ever sent.

A provider that can be checked has an `examine` method besides the port's. The result is a sentence
for the operator: what the state is, then what to do about it.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from dataclasses import dataclass
from enum import StrEnum
from errno import ECONNREFUSED
from typing import Protocol, runtime_checkable
from urllib.parse import urlsplit

import httpx2

from twostep.delivery.port import Ambiguous, Temporary, redact
from twostep.delivery.wire import HttpAnswer, Request, exchange


CONNECT_SECONDS = 4.0
# X509_V_ERR_HOSTNAME_MISMATCH and X509_V_ERR_IP_ADDRESS_MISMATCH of OpenSSL.
_OTHER_NAME = frozenset({62, 64})


class Verdict(StrEnum):
    """Whether the provider can be expected to carry the next message."""

    WORKS = "works"  # it answers and accepts our login
    UNTESTED = "untested"  # it answers; more cannot be known without sending
    DOUBTFUL = "doubtful"  # it answers, but something about it is unusual
    BROKEN = "broken"  # sends nothing until somebody fixes it


@dataclass(frozen=True, slots=True)
class Examined:
    """A verdict and its sentence. `text` holds no secrets and no phone numbers."""

    verdict: Verdict
    text: str


@runtime_checkable
class Examinable(Protocol):
    """A carrier that can be checked without sending."""

    async def examine(self, *, now: int) -> Examined:
        """Check the provider. Raises nothing but cancellation."""
        ...


async def ask(
    client: httpx2.AsyncClient, request: Request, *, name: str, login: str
) -> HttpAnswer | Examined:
    """Send a harmless request. Returns a successful answer, or what is wrong.

    `name`: the provider's section; `login`: the settings that hold its login.
    """
    answer = await exchange(client, request)
    place = f"{name} at {urlsplit(request.url).netloc}"
    if not isinstance(answer, HttpAnswer):
        return await no_answer(answer, url=request.url, place=place)
    return answer if 200 <= answer.status < 300 else read_refusal(answer, place=place, login=login)


async def no_answer(outcome: Temporary | Ambiguous, *, url: str, place: str) -> Examined:
    """Say why there was no answer. If the connection failed, try again to learn why."""
    fault = await reach(url) if isinstance(outcome, Temporary) else ""
    why = fault or f"{place} did not answer ({outcome.detail}). Look at its own log or status page"
    return Examined(Verdict.BROKEN, f"{why}.")


def read_refusal(answer: HttpAnswer, *, place: str, login: str, words: str = "") -> Examined:
    """Explain an unsuccessful answer. `words`: the provider's error text, for the operator."""
    quoted = f" ({redact(words)})" if words else ""
    status = answer.status
    if status in {401, 403}:
        return Examined(Verdict.BROKEN, f"{place} refuses our login{quoted}. Check {login}.")
    if status == 429 or status >= 500:
        return Examined(
            Verdict.DOUBTFUL, f"{place} answers HTTP {status}{quoted}. Look again in a few minutes."
        )
    if 300 <= status < 400:
        return Examined(
            Verdict.BROKEN,
            f"{place} sends us elsewhere (HTTP {status}). Check the address of its interface.",
        )
    return Examined(
        Verdict.BROKEN,
        f"{place} answers HTTP {status}{quoted}. Check {login} and the address of its interface.",
    )


async def reach(url: str) -> str:
    """Connect and hang up. Returns what is wrong and what to do, or an empty string."""
    parts = urlsplit(url)
    is_tls = parts.scheme == "https"
    host, port = parts.hostname or "", parts.port or (443 if is_tls else 80)
    context = ssl.create_default_context() if is_tls else None
    try:
        async with asyncio.timeout(CONNECT_SECONDS):
            _, writer = await asyncio.open_connection(host, port, ssl=context)
    except OSError as error:  # includes TimeoutError and all TLS errors
        return explain(error, host=host, port=port)
    writer.transport.abort()  # nothing was sent, so there is nothing to wait for
    return ""


def _is_refused(error: Exception) -> bool:
    # asyncio merges the errors of a name's several addresses into one message.
    return isinstance(error, ConnectionRefusedError) or f"[Errno {ECONNREFUSED}]" in str(error)


def explain(error: Exception, *, host: str, port: int) -> str:
    """Say why the connection failed, and what to do."""
    place = f"{host} port {port}"
    match error:
        case ssl.SSLCertVerificationError(verify_code=code) if code in _OTHER_NAME:
            return (
                f"The certificate of {place} is for another name. Set the host to the name that the"
                " certificate holds, or have a certificate made for this one"
            )
        case ssl.SSLCertVerificationError():
            return (
                f"The certificate of {place} is not trusted ({redact(error.verify_message)}). Renew"
                " it, or add the authority that signed it to this machine's trusted ones"
            )
        case ssl.SSLError():
            return f"{place} speaks no TLS that we understand. Check the port and its kind of TLS"
        case socket.gaierror():
            return f"No machine is called {host}. Check the name, and this machine's name servers"
        case OSError() if _is_refused(error):
            return f"Nothing listens at {place}. Check host and port, and whether it runs"
        case TimeoutError():
            return (
                f"{place} does not answer. Check host and port, and whether a firewall is between"
            )
        case OSError(strerror=str() as why):
            return f"{place} cannot be reached ({why}). Check host, port and network"
        case _:
            return f"{place} cannot be reached ({type(error).__name__}). Check host and port"
