"""Types of setting values, each with the sentence that says how to correct a wrong one.

A validator raises `ValueError` with a complete instruction; `problems.py` puts key and value in
front of it. Values from the environment are text, so a list may also be written `DE, FR`.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from pathlib import Path
from typing import Annotated, ClassVar
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict


ALL_COUNTRIES = "all"
_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_HOURS = re.compile(
    r"\s*([a-z]{3})(?:\s*-\s*([a-z]{3}))?\s+([0-9]{1,2}):([0-9]{2})\s*-\s*([0-9]{1,2}):([0-9]{2})\s*"
)
_MINUTES_A_DAY = 24 * 60
# It goes into headers and commands: no user name, no spaces, no semicolons.
_HOST_AND_PORT = re.compile(r"(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+)(:[0-9]{1,5})?")
_DEFAULT_PORTS = {"http": 80, "https": 443}
MAX_HOST = 128  # with a code and an app hash it fills one text message


class Section(BaseModel):
    """A table of the TOML file. Frozen; unknown keys are reported before pydantic sees them."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        validate_default=True,
        hide_input_in_errors=True,
        coerce_numbers_to_str=True,
        str_strip_whitespace=True,
    )


class CarrierSettings(Section):
    """The table of a carrier for texts and calls; most only carry texts."""

    calls_need: ClassVar[str] = ""  # the settings that calls need, for the error message

    @property
    def can_text(self) -> bool:
        """Whether it can send texts."""
        return True

    @property
    def can_call(self) -> bool:
        """Whether it can make calls."""
        return False


def is_loopback(host: str) -> bool:
    """Whether `host` (a name or an address, without brackets) means this machine."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _split_list(value: object) -> object:
    if not isinstance(value, str):
        return value
    if value.lstrip().startswith("["):
        try:
            return tomllib.loads(f"value = {value}")["value"]
        except tomllib.TOMLDecodeError:
            raise ValueError('write a list, like ["one", "two"], or: one, two') from None
    return [part.strip() for part in value.split(",") if part.strip()]


def _origin(value: str) -> str:
    """Normalise to scheme, host and any port that is not the default one.

    Raises ValueError for anything that is not an origin (RFC 6454).
    """
    try:
        parts = urlsplit(value.strip())
        host, port = parts.hostname, parts.port
    except ValueError:
        raise ValueError("write an address like https://panel.example.com") from None
    if parts.scheme not in _DEFAULT_PORTS or not host:
        raise ValueError("write an address like https://panel.example.com")
    if parts.path not in {"", "/"} or parts.query or parts.fragment or "@" in parts.netloc:
        raise ValueError("only scheme, host and port belong here, no path and no name")
    if len(host) > MAX_HOST:
        raise ValueError(f"write a host of {MAX_HOST} characters at most: texts have to hold it")
    if not host.isascii():
        raise ValueError("write the host in its ASCII form (xn--…)")
    if parts.scheme == "http" and not is_loopback(host):
        raise ValueError("use https; plain http is for localhost only")
    name = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{name}" + (
        "" if port in {None, _DEFAULT_PORTS[parts.scheme]} else f":{port}"
    )


def _web_address(value: str) -> str:
    parts = urlsplit(value)
    is_host = bool(_HOST_AND_PORT.fullmatch(parts.netloc))
    if parts.scheme not in {"http", "https"} or not parts.hostname or not is_host:
        raise ValueError("write an address like https://sms.example.com/send")
    if parts.scheme == "http" and not is_loopback(parts.hostname):
        raise ValueError("use https; plain http is for this machine only")
    return value


def _network(value: object) -> IPv4Network | IPv6Network:
    try:
        return ip_network(str(value))
    except ValueError:
        raise ValueError(
            "write networks like 10.0.0.0/8 or 192.0.2.7, with no bits set after the mask"
        ) from None


@dataclass(frozen=True, slots=True)
class Opening:
    """Open on this day of the week (0 is Monday), from and until these minutes of the day."""

    weekday: int
    opens: int
    closes: int


def read_hours(text: str) -> tuple[Opening, ...]:
    """Read opening hours, parted by semicolons or commas.

    Raises ValueError, with the part that cannot be read.
    """
    hours: list[Opening] = []
    for part in re.split("[;,]", text):
        match = _HOURS.fullmatch(part.lower())
        if match is None or match[1] not in _DAYS or (match[2] or match[1]) not in _DAYS:
            raise ValueError(f"{part.strip()!r}: write hours like Mon-Fri 09:00-17:00")
        opens = int(match[3]) * 60 + int(match[4])
        closes = int(match[5]) * 60 + int(match[6])
        if int(match[4]) > 59 or int(match[6]) > 59 or not opens < closes <= _MINUTES_A_DAY:
            raise ValueError(f"{part.strip()!r}: the end comes after the beginning, on one day")
        first, last = _DAYS.index(match[1]), _DAYS.index(match[2] or match[1])
        days = range(first, first + (last - first) % 7 + 1)
        hours += [Opening(day % 7, opens, closes) for day in days]
    return tuple(hours)


def _opening_hours(value: object) -> object:
    return read_hours(value) if isinstance(value, str) and value.strip() else value or ()


def _colour(value: str) -> str:
    if not re.fullmatch(r"#[0-9a-fA-F]{6}", value):
        raise ValueError('write a colour as six hexadecimal digits, like "#1f5fbf"')
    return value.lower()


def _regions(value: tuple[str, ...]) -> tuple[str, ...]:
    regions = tuple(dict.fromkeys(region.upper() for region in value))
    if ALL_COUNTRIES.upper() in regions:
        if len(regions) > 1:
            raise ValueError('write either "all" or a list of regions')
        return (ALL_COUNTRIES,)
    for region in regions:
        if region == "UK":
            raise ValueError("the United Kingdom is GB")
        if not re.fullmatch(r"[A-Z]{2}", region):
            raise ValueError(f'"{region}" is no region code: two letters, like "DE" (ISO 3166)')
    return regions


def _by_region(value: object) -> object:
    """Read a table by region; in the environment it is written as TOML: `{ DE = ["sms"] }`."""
    if isinstance(value, str):
        try:
            value = tomllib.loads(f"value = {value or '{}'}")["value"]
        except tomllib.TOMLDecodeError:
            raise ValueError('write a table, like { DE = ["one", "two"] }') from None
    if not isinstance(value, dict):
        raise ValueError('write a table, like { DE = ["one", "two"] }')  # noqa: TRY004  pydantic's
    for region, listed in value.items():
        _regions((str(region),))
        if not isinstance(listed, list | tuple):
            raise ValueError(f'write a list for {region}, like ["one", "two"]')  # noqa: TRY004
    return {str(region).upper(): listed for region, listed in value.items()}


def _table(value: object) -> object:
    """Read a table; in the environment it is written as TOML: `{ name = "{to}" }`."""
    if isinstance(value, str):
        try:
            value = tomllib.loads(f"value = {value or '{}'}")["value"]
        except tomllib.TOMLDecodeError:
            raise ValueError('write a table, like { recipient = "{to}" }') from None
    if value is not None and not isinstance(value, dict):
        raise ValueError('write a table, like { recipient = "{to}" }')
    return value


def _time_zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(
            "write a name of the IANA time zone database, like Europe/Berlin"
        ) from None
    return value


def _e164(value: str) -> str:
    number = re.sub(r"[ ()./-]", "", value)
    if not re.fullmatch(r"\+[1-9][0-9]{6,14}", number):
        raise ValueError("write the number with + and country code, like +12025550100")
    return number


def _absolute(value: Path) -> Path:
    return value.expanduser().absolute()


AbsolutePath = Annotated[Path, AfterValidator(_absolute)]
ByRegion = BeforeValidator(_by_region)
Colour = Annotated[str, AfterValidator(_colour)]
Countries = Annotated[tuple[str, ...], BeforeValidator(_split_list), AfterValidator(_regions)]
Network = Annotated[IPv4Network | IPv6Network, BeforeValidator(_network)]
Networks = Annotated[tuple[Network, ...], BeforeValidator(_split_list)]
OpeningHours = Annotated[tuple[Opening, ...], BeforeValidator(_opening_hours)]
Origin = Annotated[str, AfterValidator(_origin)]
Table = BeforeValidator(_table)
FullNumber = Annotated[str, AfterValidator(_e164)]
TimeZone = Annotated[str, AfterValidator(_time_zone)]
WebAddress = Annotated[str, AfterValidator(_web_address)]
WordList = BeforeValidator(_split_list)
