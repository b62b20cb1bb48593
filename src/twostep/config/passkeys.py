"""Settings for passkeys."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, Field

from twostep.config.kinds import Origin, Section, WordList


def _domain(value: str) -> str:
    host = value.lower().rstrip(".")
    label = r"(?!-)[a-z0-9-]{1,63}(?<!-)"
    if not re.fullmatch(rf"{label}(\.{label})*", host) or host.replace(".", "").isdecimal():
        raise ValueError("write a host name like example.com, without scheme, port or path")
    return host


class PasskeySettings(Section):
    """Passkeys and security keys."""

    rp_id: Annotated[str, AfterValidator(_domain)] | None = Field(
        default=None,
        description="Domain that passkeys are bound to: the host of public_url or a parent domain. "
        "Changing it makes all existing passkeys useless. Default: the host of public_url.",
    )
    related_origins: Annotated[tuple[Origin, ...], WordList] = Field(
        default=(),
        max_length=20,
        description="Other addresses where browsers may use these passkeys, published at "
        "/.well-known/webauthn. Empty: nothing is published.",
    )
    endpoints: bool = Field(
        default=True,
        description="Whether /.well-known/passkey-endpoints says where passkeys are added and "
        "managed, so that password managers can send people there.",
    )


def passkey_warnings(passkeys: PasskeySettings, host: str) -> dict[str, bool]:
    """Warnings, each with whether it applies. `host`: the host of `public_url`."""
    rp_id = passkeys.rp_id or host
    is_address = ":" in host or host.replace(".", "").isdecimal()
    return {
        "public_url is an IP address: browsers make no passkeys there": is_address,
        f'passkeys.rp_id "{rp_id}" is neither the host of public_url nor a domain above it: '
        f"browsers ask https://{rp_id}/.well-known/webauthn whether that is meant": not (
            host == rp_id or host.endswith(f".{rp_id}")
        ),
    }
