"""Settings for delivery: where messages may go, and which providers carry them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal, Self

from pydantic import Field, model_validator

from twostep.config.carriers import CARRIERS
from twostep.config.kinds import ALL_COUNTRIES, ByRegion, Countries, Section, WordList


CONSOLE = "console"  # the demo's fake phone; it has no table

if TYPE_CHECKING:
    PhoneProvider = str
else:  # at run time: the names of the tables, checked when settings are read
    PhoneProvider = Literal[(*CARRIERS, CONSOLE)]

MailProvider = Literal["smtp", "console"]

CountryFlag = Literal["sms", "call", "enrol", "signin"]
CountryUse = Literal["enrol", "signin"]


class DeliverySettings(Section):
    """Text messages, calls and e-mail."""

    countries: Countries = Field(
        default=(),
        description="Regions (ISO 3166, two letters) whose numbers may be added and sent codes, "
        'or "all". Empty: none.',
    )
    country_flags: Annotated[dict[str, tuple[CountryFlag, ...]], ByRegion] = Field(
        default={},
        description="Limits single countries to some of sms, call, enrol (new numbers) and "
        'signin (confirmed ones), like { CH = ["sms", "signin"] }.',
    )
    country_providers: Annotated[dict[str, tuple[PhoneProvider, ...]], ByRegion] = Field(
        default={},
        description="Providers for single countries, in the order they are tried, like "
        '{ US = ["twilio", "vonage"] }.',
    )
    voip: bool = Field(
        default=False,
        description="Whether VoIP numbers may be added. They are cheap to get in bulk, and "
        "anyone who gets into the account behind one gets its codes.",
    )
    app_hash: str = Field(
        default="",
        pattern=r"^([A-Za-z0-9+/]{11})?$",
        description="Eleven-character hash that lets your own Android app read codes from texts "
        "(SMS Retriever). Empty: none.",
    )
    daily_budget: int = Field(
        default=1000,
        ge=0,
        le=1_000_000,
        description="Texts and calls per UTC day, for all accounts together. The last fifth is "
        "reserved for signing in with confirmed numbers.",
    )
    hourly_budget: int = Field(
        default=200,
        ge=0,
        le=1_000_000,
        description="Texts and calls per hour, in the same way.",
    )
    sms: Annotated[tuple[PhoneProvider, ...], WordList] = Field(
        default=(),
        description="Providers of text messages, in the order they are tried. Empty: all that "
        "have a table and can send texts.",
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

    def allows(self, region: str, use: CountryUse, channel: str | None = None) -> bool:
        """Whether the region is open for this use, and by this channel where one is named."""
        if not self.is_open(region):
            return False
        allowed = self.country_flags.get(region)
        return allowed is None or {use, channel or use} <= set(allowed)
