"""Telephone numbers as people type them, parsed into E.164 or refused with a reason.

The rules (accepted spellings, kinds of line that can receive a code) are here; the numbering plans
come from libphonenumber's metadata. None of this shows whether a number is in use: only entering a
code that was sent there does.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Container
from dataclasses import dataclass
from functools import cache
from typing import Literal, NewType

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumberType, ValidationResult

from twostep.core.messages.channel import Channel
from twostep.core.methods import phone_regions
from twostep.core.methods.keystrokes import compatible
from twostep.core.refusal import Reason, Refused


Line = Literal["mobile", "fixed", "either"]
E164 = NewType("E164", str)

NON_GEOGRAPHIC = "001"  # libphonenumber's region for satellite and international services
MAX_TYPED = 100

_LINES: dict[int, Line] = {
    PhoneNumberType.MOBILE: "mobile",
    PhoneNumberType.FIXED_LINE: "fixed",
    PhoneNumberType.FIXED_LINE_OR_MOBILE: "either",
}
_LENGTHS = {
    ValidationResult.TOO_SHORT: Reason.NUMBER_TOO_SHORT,
    ValidationResult.IS_POSSIBLE_LOCAL_ONLY: Reason.NUMBER_TOO_SHORT,
    ValidationResult.TOO_LONG: Reason.NUMBER_TOO_LONG,
}
_PARSE_ERRORS = {
    NumberParseException.INVALID_COUNTRY_CODE: Reason.REGION_UNKNOWN,
    NumberParseException.TOO_SHORT_AFTER_IDD: Reason.NUMBER_TOO_SHORT,
    NumberParseException.TOO_SHORT_NSN: Reason.NUMBER_TOO_SHORT,
    NumberParseException.TOO_LONG: Reason.NUMBER_TOO_LONG,
}
_OTHER_PLAN = frozenset({*_LENGTHS.values(), Reason.NUMBER_NOT_IN_PLAN, Reason.REGION_UNKNOWN})
_EXTENSION = re.compile(r"[#,;]|\b(?:ext|x|доб|int)\w*\W*\d+\s*$|\dx\d", re.IGNORECASE)
_TEL_URI = re.compile(
    r"^tel:(?P<number>[^;]*)(?:;phone-context=(?P<context>\+\d{1,3}))?$", re.IGNORECASE
)
# Mexico dropped its mobile prefixes in 2019; address books still have them.
_MEXICO_OLD_MOBILE = re.compile(r"^(?:1|044|045|44|45)(\d{10})$")


@dataclass(frozen=True, slots=True)
class PhoneNumber:
    """A number that may receive codes. `region` is a CLDR code such as `GB`."""

    e164: E164
    region: str
    line: Line

    @property
    def channels(self) -> tuple[Channel, ...]:
        """The channels it can receive: landlines get calls only."""
        return (Channel.CALL,) if self.line == "fixed" else (Channel.SMS, Channel.CALL)


@dataclass(frozen=True, slots=True)
class Region:
    """A country or territory with its calling code (`44`, without the plus). `area_codes`: where
    several share a plan, those that are its own."""

    code: str
    calling_code: int
    area_codes: tuple[str, ...] = ()

    @property
    def prefix(self) -> str:
        """How a list of countries shows it: `+49`, or `+1 242`."""
        return f"+{self.calling_code} {', '.join(self.area_codes)}".rstrip()


def read_number(
    typed: str,
    *,
    region: str,
    open_regions: Container[str] | None,
    channel: Channel,
    voip: bool = False,
) -> PhoneNumber | Refused:
    """Parse a number typed for the chosen region. `voip`: accept VoIP numbers, too.

    A leading `+`, or the region's own prefix for calls abroad, overrides `region`. A national number
    is read for `region` only: if it is one of another region, the refusal says which, and nothing is
    guessed. `open_regions`: the allow-list, None for all. `Refused.detail` has `region` and `example`
    if the sentence names them.
    """
    text = _clean(typed)
    refusal = _refuse_spelling(text, region=region)
    if refusal is not None:
        return refusal
    international = text.startswith("+")
    if not international and region not in phonenumbers.SUPPORTED_REGIONS:
        return Refused(Reason.REGION_UNKNOWN)
    parsed = _parse(text, None if international else region)
    if isinstance(parsed, Refused):
        answer: PhoneNumber | Refused = parsed
    elif parsed.extension:
        return Refused(Reason.NUMBER_EXTENSION)
    else:
        national = not phone_regions.is_international(parsed)
        answer = _judge(
            _repair(parsed, channel=channel),
            chosen=region if national else None,
            open_regions=open_regions,
            channel=channel,
            voip=voip,
        )
    return answer if international else _doubt(answer, text, region, open_regions=open_regions)


def _parse(text: str, region: str | None) -> phonenumbers.PhoneNumber | Refused:
    try:
        return phone_regions.parse(text, region)
    except NumberParseException as error:
        reason = _PARSE_ERRORS.get(error.error_type, Reason.NUMBER_NOT_IN_PLAN)
        return _refused(reason, region)


def _doubt(
    answer: PhoneNumber | Refused, text: str, region: str, *, open_regions: Container[str] | None
) -> PhoneNumber | Refused:
    """Ask instead of guessing, if the number may be another one than `answer` says."""
    plain, is_dialled = phone_regions.other_country(text, region)
    if isinstance(answer, PhoneNumber):
        if plain is None or is_dialled or _e164(plain) == answer.e164:
            return answer
        return Refused(Reason.NUMBER_UNCLEAR)
    if answer.reason not in _OTHER_PLAN:
        return answer
    elsewhere = phone_regions.region_elsewhere(text, region)
    if plain is not None:
        elsewhere = phonenumbers.region_code_for_number(plain)
    if elsewhere is None:
        return answer
    if open_regions is not None and elsewhere not in open_regions:
        return Refused(Reason.NUMBER_REGION_CLOSED, detail={"region": elsewhere})
    return Refused(Reason.NUMBER_ELSEWHERE, detail={"region": elsewhere})


def region_typed(typed: str, *, chosen: str) -> str:
    """Return the region of a number that was typed with its country, otherwise `chosen`."""
    text = _clean(typed)
    parsed = _parse(text, None) if text.startswith("+") else None
    if parsed is None or isinstance(parsed, Refused):
        return chosen
    return phone_regions.region_of(parsed, chosen=chosen)


def _clean(typed: str) -> str:
    """Normalise the spelling: ASCII digits, no invisible characters."""
    text = "".join(
        str(unicodedata.decimal(c)) if c.isdecimal() else c
        for c in compatible(typed[: MAX_TYPED + 1])
        # Numbers copied from address books are wrapped in invisible direction marks.
        if unicodedata.category(c) != "Cf"
    ).strip()
    uri = _TEL_URI.match(text)
    if uri is not None:
        text = uri["number"].strip()
        if uri["context"] and not text.startswith("+"):
            text = f"{uri['context']} {text}"
    opened = text.lstrip("( ")
    return opened if opened.startswith("+") else text


def _refuse_spelling(text: str, *, region: str) -> Refused | None:
    if not text:
        return Refused(Reason.NUMBER_EMPTY)
    if len(text) > MAX_TYPED:
        return _refused(Reason.NUMBER_TOO_LONG, region)
    if any(c.isdecimal() for c in text) and _EXTENSION.search(text):
        return Refused(Reason.NUMBER_EXTENSION)
    # libphonenumber would accept 1-800-FLOWERS, and silently drop what follows a second number.
    if any(c.isalpha() for c in text):
        return Refused(Reason.NUMBER_LETTERS)
    if re.search(r"[^\d+\s().\-/‐-―−~]", text) or "+" in text[1:]:
        return _refused(Reason.NUMBER_NOT_IN_PLAN, region)
    return None


def _repair(parsed: phonenumbers.PhoneNumber, *, channel: Channel) -> phonenumbers.PhoneNumber:
    """Repair two spellings that are common in Mexican and Argentine address books."""
    national = phonenumbers.national_significant_number(parsed)
    if parsed.country_code == 52 and (old := _MEXICO_OLD_MOBILE.match(national.lstrip("0"))):
        return phonenumbers.parse(f"+52{old[1]}")
    if (
        parsed.country_code == 54
        and channel is Channel.SMS
        and re.fullmatch(r"[^9]\d{9}", national)
    ):
        # Without the mobile 9 this is a landline's spelling, but anyone who wants a text means a
        # mobile. The confirmation page shows how the number was read.
        mobile = phonenumbers.parse(f"+549{national}")
        if phonenumbers.number_type(mobile) == PhoneNumberType.MOBILE:
            return mobile
    return parsed


def _judge(
    parsed: phonenumbers.PhoneNumber,
    *,
    chosen: str | None,
    open_regions: Container[str] | None,
    channel: Channel,
    voip: bool,
) -> PhoneNumber | Refused:
    home = phonenumbers.region_code_for_country_code(parsed.country_code or 0)
    region = chosen or phonenumbers.region_code_for_number(parsed) or home
    fault = _refuse_plan(parsed, region=region, chosen=chosen)
    kind = phonenumbers.number_type(parsed)
    line = "either" if voip and kind == PhoneNumberType.VOIP else _LINES.get(kind)
    if home == NON_GEOGRAPHIC:
        return Refused(Reason.NUMBER_KIND)
    if fault is None and kind == PhoneNumberType.VOIP and line is None:
        return Refused(Reason.NUMBER_VOIP)
    if fault is not None or line is None:
        return fault or Refused(Reason.NUMBER_KIND)
    if open_regions is not None and region not in open_regions:
        return Refused(Reason.NUMBER_REGION_CLOSED, detail={"region": region})
    if line == "fixed" and channel is Channel.SMS:
        return Refused(Reason.NUMBER_LANDLINE, detail={"region": region})
    return PhoneNumber(e164=_e164(parsed), region=region, line=line)


def _e164(parsed: phonenumbers.PhoneNumber) -> E164:
    return E164(phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164))


def _refuse_plan(
    parsed: phonenumbers.PhoneNumber, *, region: str, chosen: str | None
) -> Refused | None:
    """Refuse numbers outside the numbering plan. `chosen`: the region of a national spelling."""
    fits = (
        phonenumbers.is_valid_number_for_region(parsed, chosen)
        if chosen
        else phonenumbers.is_valid_number(parsed)
    )
    if fits:
        return None
    length = phonenumbers.is_possible_number_with_reason(parsed)
    return _refused(_LENGTHS.get(length, Reason.NUMBER_NOT_IN_PLAN), region)


def _refused(reason: Reason, region: str | None) -> Refused:
    if region not in phonenumbers.SUPPORTED_REGIONS:
        return Refused(reason)
    return Refused(reason, detail={"region": region, "example": example_national(region)})


@cache
def example_national(region: str) -> str:
    """Return an example number in the region's own spelling, for hints; empty if unknown.

    A mobile number if the plan has any (Tristan da Cunha has none).
    """
    for kind in (PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE):
        number = phonenumbers.example_number_for_type(region, kind)
        if number is not None:
            return str(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.NATIONAL))
    return ""


@cache
def regions() -> tuple[Region, ...]:
    """Return all regions with a numbering plan, ordered by code."""
    return tuple(
        Region(code, phonenumbers.country_code_for_region(code), phone_regions.area_codes(code))
        for code in sorted(phonenumbers.SUPPORTED_REGIONS)
    )


def hint(e164: str) -> str:
    """Return the last two digits, the only ones that pages and mails show."""
    return e164[-2:]


def format_international(e164: str) -> str:
    """Return the number in international spelling: `+44 7400 123456`."""
    parsed = phonenumbers.parse(e164)
    return str(phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.INTERNATIONAL))
