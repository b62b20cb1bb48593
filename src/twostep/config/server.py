"""Settings for the load of one process: connections and password checks."""

from __future__ import annotations

import os
from typing import Literal, Self

from pydantic import Field, model_validator

from twostep.config.kinds import AbsolutePath, Section


class ServerSettings(Section):
    """Limits on connections: how many, and how long each may take."""

    connections: int = Field(
        default=2000,
        ge=10,
        le=100_000,
        description="Open connections per process. When all are in use, those that have been "
        "silent longest are closed to make room.",
    )
    header_seconds: int = Field(
        default=10,
        ge=1,
        le=120,
        description="Seconds for a request's headers to arrive, and for a TLS handshake.",
    )
    body_seconds: int = Field(
        default=30,
        ge=1,
        le=300,
        description="Seconds for a form to arrive (else 408), and for the client to read more of "
        "an answer before the connection is closed.",
    )
    keep_alive_seconds: int = Field(
        default=15,
        ge=1,
        le=300,
        description="Seconds a connection may stay open between two requests. A proxy in front "
        "must close its connections sooner.",
    )
    hsts_subdomains: bool = Field(
        default=False,
        description="Whether browsers must use https for all subdomains of public_url's host "
        "too, for two years. Turn it on only if every subdomain is served over https.",
    )


class PasswordSettings(Section):
    """Password hashing, and which passwords are refused."""

    breached_list: AbsolutePath | None = Field(
        default=None,
        description="File of breached passwords to refuse: SHA-1 digests in hexadecimal, one per "
        'line, sorted, as "Pwned Passwords" downloaders write it.',
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
        description="Password checks at the same time per process. Default: the number of cores.",
    )
    places: int = Field(
        default=32,
        ge=1,
        le=1024,
        description="How many password checks may run or wait, for unknown and for known browsers "
        "each. Beyond that, people get a page that says the server is busy (503).",
    )

    @model_validator(mode="after")
    def _can_be_read(self) -> Self:
        if self.breached_list and not os.access(self.breached_list, os.R_OK):
            raise ValueError(f"password.breached_list: {self.breached_list} cannot be read")
        return self
