"""Settings of delivery: where messages may go, who carries them, and each provider's own table."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, SecretStr, model_validator

from twostep.config.kinds import (
    ALL_COUNTRIES,
    ByRegion,
    Countries,
    Origin,
    PhoneNumber,
    Section,
    WordList,
    is_loopback,
)


PhoneProvider = Literal[
    "twilio", "vonage", "aws_sns", "kannel", "webhook", "command", "smpp", "console"
]
MailProvider = Literal["smtp", "console"]
CountryFlag = Literal["sms", "call", "enrol", "signin"]


class Delivery(Section):
    """Text messages, calls and e-mail."""

    countries: Countries = Field(
        default=(),
        description="Regions (ISO 3166, two letters) whose numbers may be added and are sent "
        'codes, or "all". Empty: none.',
    )
    country_flags: Annotated[dict[str, tuple[CountryFlag, ...]], ByRegion] = Field(
        default={},
        description="What single countries allow, where not everything: sms, call, enrol (new "
        'numbers) and signin (confirmed ones), like { CH = ["sms", "signin"] }.',
    )
    country_providers: Annotated[dict[str, tuple[PhoneProvider, ...]], ByRegion] = Field(
        default={},
        description="Providers of single countries in the order they are tried, like "
        '{ US = ["twilio", "vonage"] }.',
    )
    voip: bool = Field(
        default=False,
        description="Whether internet telephone numbers may be added. They are cheap to get in bulk, "
        "and whoever has the account behind one has its codes.",
    )
    app_hash: str = Field(
        default="",
        pattern=r"^([A-Za-z0-9+/]{11})?$",
        description="Eleven characters that let your own Android app read the code from the text "
        "(SMS Retriever). Empty: none.",
    )
    daily_budget: int = Field(
        default=1000,
        ge=0,
        le=1_000_000,
        description="Texts and calls a UTC day, all accounts together. The last fifth is kept "
        "for signing in with numbers that are confirmed.",
    )
    hourly_budget: int = Field(
        default=200,
        ge=0,
        le=1_000_000,
        description="Texts and calls an hour, in the same way.",
    )
    sms: Annotated[tuple[PhoneProvider, ...], WordList] = Field(
        default=(),
        description="Providers of text messages in the order they are tried. Empty: every one "
        "that has a table and can do it.",
    )
    call: Annotated[tuple[PhoneProvider, ...], WordList] = Field(
        default=(), description="The same for phone calls."
    )
    email: Annotated[tuple[MailProvider, ...], WordList] = Field(
        default=(), description="The same for e-mail."
    )

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        for name in ("country_flags", "country_providers"):
            for region in getattr(self, name):
                if not self.is_open(region):
                    raise ValueError(
                        f"delivery.{name} names {region}: add it to delivery.countries"
                    )
        return self

    def is_open(self, region: str) -> bool:
        """Whether numbers of this region (ISO 3166, upper case) may be sent codes."""
        return region in self.countries or ALL_COUNTRIES in self.countries

    def allows(self, region: str, *flags: CountryFlag) -> bool:
        """Whether the region is open, and for all of this."""
        if not self.is_open(region):
            return False
        allowed = self.country_flags.get(region)
        return allowed is None or set(flags) <= set(allowed)


class Twilio(Section):
    """Text messages and calls by Twilio."""

    account_sid: str = Field(
        pattern=r"^AC[0-9a-fA-F]{32}$", description="Account SID: AC and 32 hexadecimal digits."
    )
    auth_token: SecretStr | None = Field(
        default=None,
        description="The account's auth token. Calls and delivery states need it: callbacks are "
        "signed with it.",
    )
    api_key: str | None = Field(
        default=None,
        pattern=r"^SK[0-9a-fA-F]{32}$",
        description="API key SID to send with instead of the auth token.",
    )
    api_key_secret: SecretStr | None = Field(
        default=None, description="The secret of that API key."
    )
    from_number: PhoneNumber | None = Field(
        default=None, description="Your number there, in E.164. Calls need one."
    )
    messaging_service: str | None = Field(
        default=None,
        pattern=r"^MG[0-9a-fA-F]{32}$",
        description="Messaging service SID to send texts from instead of a number.",
    )
    api_url: Origin = Field(
        default="https://api.twilio.com",
        description="Where the API answers; change it for another Twilio region.",
    )

    @model_validator(mode="after")
    def _is_usable(self) -> Self:
        if (self.api_key is None) != (self.api_key_secret is None):
            raise ValueError("set both twilio.api_key and twilio.api_key_secret, or neither")
        if self.auth_token is None and self.api_key is None:
            raise ValueError("set twilio.auth_token, or twilio.api_key and twilio.api_key_secret")
        if self.from_number is None and self.messaging_service is None:
            raise ValueError("set twilio.from_number or twilio.messaging_service")
        return self

    @property
    def can_text(self) -> bool:
        """Texts come from either."""
        return True

    @property
    def can_call(self) -> bool:
        """Calls need a number to come from and the key that signs their callbacks."""
        return self.from_number is not None and self.auth_token is not None


class Smtp(Section):
    """E-mail through a mail server."""

    host: str = Field(min_length=1, description="Name of the mail server.")
    port: int = Field(default=587, ge=1, le=65535, description="Its port.")
    security: Literal["starttls", "tls", "none"] = Field(
        default="starttls",
        description="starttls (port 587), tls from the first byte (465), or none, which is for a "
        "server on this machine only.",
    )
    user: str | None = Field(default=None, description="User name, where the server asks for one.")
    password: SecretStr | None = Field(default=None, description="Password of that user.")
    sender: str = Field(
        alias="from",
        pattern=r"^[^\s@<>]+@[^\s@<>]+$",
        description="Address every mail comes from; the name beside it is panel_name.",
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
