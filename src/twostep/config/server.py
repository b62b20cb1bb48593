"""Settings of what one process carries: connections, and password checks beside them."""

from __future__ import annotations

import os
from typing import Literal, Self

from pydantic import Field, model_validator

from twostep.config.kinds import AbsolutePath, Section


class ServerSettings(Section):
    """What a connection may take, and how many there may be."""

    connections: int = Field(
        default=2000,
        ge=10,
        le=100_000,
        description="Open at once in one process. Where all are taken, the one that has been "
        "silent for the longest is closed for the new one.",
    )
    header_seconds: int = Field(
        default=10,
        ge=1,
        le=120,
        description="Seconds in which a request's headers must be there, and a TLS connection made.",
    )
    body_seconds: int = Field(
        default=30,
        ge=1,
        le=300,
        description="Seconds in which a form must be there, later: 408; "
        "and after which an answer that nobody takes is given up.",
    )
    keep_alive_seconds: int = Field(
        default=15,
        ge=1,
        le=300,
        description="Seconds that a connection may stay open between two requests. A proxy in front "
        "must close its own sooner.",
    )
    hsts_subdomains: bool = Field(
        default=False,
        description="Whether browsers must use https for every host below public_url's, too, for two "
        "years. Only where no such host is served without.",
    )


class PasswordSettings(Section):
    """Password hashing, and which ones are refused."""

    breached_list: AbsolutePath | None = Field(
        default=None,
        description="File of breached passwords that nobody may take: SHA-1 digests in "
        'hexadecimal, one a line, ordered, as downloaders of "Pwned Passwords" write it.',
    )

    profile: Literal["default", "test"] = Field(
        default="default",
        description="Cost of one password check: default (Argon2id, 19 MiB, 2 passes) or test "
        "(fast and weak, for automated tests).",
    )
    threads: int | None = Field(
        default=None,
        ge=1,
        le=256,
        description="Password checks at the same time in one process. Default: as many as cores.",
    )
    places: int = Field(
        default=32,
        ge=1,
        le=1024,
        description="How many may wait or run, for strangers and for known browsers each; who "
        "comes when all are taken gets a page that says so (503).",
    )

    @model_validator(mode="after")
    def _can_be_read(self) -> Self:
        if self.breached_list and not os.access(self.breached_list, os.R_OK):
            raise ValueError(f"password.breached_list: {self.breached_list} cannot be read")
        return self
