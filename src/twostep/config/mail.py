"""Settings for the mail server that sends notices and links."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, SecretStr, model_validator

from twostep.config.kinds import Section, is_loopback


class SmtpSettings(Section):
    """E-mail through a mail server."""

    host: str = Field(min_length=1, description="Host name of the mail server.")
    port: int = Field(default=587, ge=1, le=65535, description="Port of the mail server.")
    security: Literal["starttls", "tls", "none"] = Field(
        default="starttls",
        description="starttls (port 587), tls for TLS from the first byte (port 465), or none, "
        "which is only for a server on this machine.",
    )
    user: str | None = Field(default=None, description="User name, if the server needs a login.")
    password: SecretStr | None = Field(default=None, description="Password of that user.")
    sender: str = Field(
        alias="from",
        pattern=r"^[^\s@<>]+@[^\s@<>]+$",
        description="Address that all mail comes from; the name shown with it is panel_name.",
    )
    ehlo_name: str | None = Field(
        default=None,
        max_length=253,
        pattern=r"^([A-Za-z0-9_](-*[A-Za-z0-9_])*(\.[A-Za-z0-9](-*[A-Za-z0-9])*)+|\[[0-9A-Fa-f.:]+\])$",
        description="Name this machine gives the mail server (EHLO), a full host name or an address "
        "in brackets. Default: the machine's own name. Some servers refuse one they cannot look up.",
    )

    @model_validator(mode="after")
    def _is_usable(self) -> Self:
        if self.security == "none" and not is_loopback(self.host):
            raise ValueError(
                'smtp.security = "none" is for a mail server on this machine; '
                'use "starttls" or "tls"'
            )
        if (self.user is None) != (self.password is None):
            raise ValueError("set both smtp.user and smtp.password, or neither")
        return self
