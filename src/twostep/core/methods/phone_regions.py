"""Which region a telephone number is of: what is likely beforehand, and what a spelling leaves open.

Nothing here accepts a number: a code never goes to a number that was guessed. It says what else the
number could be, so that the page can ask.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterable

import phonenumbers
from phonenumbers import CountryCodeSource, NumberParseException, PhoneMetadata
from phonenumbers import PhoneNumber as Parsed


# Overseas France dials like France, but has calling codes of its own.
_FRENCH = frozenset({"FR", "GP", "MQ", "GF", "RE", "YT", "BL", "MF"})
_ABROAD = frozenset(
    {
        CountryCodeSource.FROM_NUMBER_WITH_PLUS_SIGN,
        CountryCodeSource.FROM_NUMBER_WITH_IDD,
    }
)


def parse(text: str, region: str | None) -> Parsed:
    """Parse a number as `region` dials it, its prefix for calls abroad included (00, 011, 0011 …)."""
    return phonenumbers.parse(text, region, keep_raw_input=True)


def is_international(parsed: Parsed) -> bool:
    """Whether the number was written with its country, by `+` or by the region's own prefix."""
    return parsed.country_code_source in _ABROAD


def other_country(text: str, region: str) -> tuple[Parsed | None, bool]:
    """What a number that begins with 00 is, if 00 stands for `+` although `region` dials otherwise.

    Most of the world writes 00 for `+`, but in Colombia 009 and in Thailand 001 to 009 are prefixes of
    carriers, after which the country follows. Returns the number as with `+` (None if there is none),
    and whether the number as the region dials it is meant: its first group is such a prefix.
    """
    digits = re.sub(r"\D", "", text)
    metadata = PhoneMetadata.metadata_for_region(region)
    prefix = (metadata.international_prefix if metadata else None) or "00"
    if not digits.startswith("00") or prefix == "00":
        return None, True
    try:
        plain = parse("+" + digits[2:], None)
    except NumberParseException:
        return None, True
    first = re.search(r"\d+", text)
    dialled = first is not None and re.fullmatch(prefix, first[0]) is not None
    return (plain if phonenumbers.is_valid_number(plain) else None), dialled


def area_codes(region: str) -> tuple[str, ...]:
    """The area codes of a region that shares its plan and has its own, such as 242 of the Bahamas;
    empty for all others."""
    metadata = PhoneMetadata.metadata_for_region(region)
    if metadata is None or metadata.country_code != 1 or metadata.leading_digits is None:
        return ()
    leading = re.compile(metadata.leading_digits)
    return tuple(code for code in map(str, range(200, 1000)) if leading.fullmatch(code))


def region_elsewhere(text: str, region: str) -> str | None:
    """The other region of the same plan whose number this is, such as Canada for the United States;
    None if there is none, or more than one number that it could be."""
    calling_code = phonenumbers.country_code_for_region(region)
    kin = set(phonenumbers.region_codes_for_country_code(calling_code))
    if region in _FRENCH:
        kin |= _FRENCH
    numbers: dict[str, str] = {}
    for code in sorted(kin - {region}):
        try:
            parsed = parse(text, code)
        except NumberParseException:
            continue
        if not is_international(parsed) and phonenumbers.is_valid_number_for_region(parsed, code):
            e164 = phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)
            numbers[e164] = phonenumbers.region_code_for_number(parsed) or code
    return next(iter(numbers.values())) if len(numbers) == 1 else None


def region_of(parsed: Parsed, *, chosen: str) -> str:
    """The region of a number written with its country; `chosen` if that has the same calling code and
    the number itself says nothing."""
    exact = phonenumbers.region_code_for_number(parsed)
    if exact:
        return str(exact)
    if phonenumbers.country_code_for_region(chosen) == parsed.country_code:
        return chosen
    return str(phonenumbers.region_code_for_country_code(parsed.country_code or 0))


def likely_regions(
    *,
    phone_regions: Iterable[str] = (),
    languages: Iterable[str] = (),
    zone_region: str | None = None,
    open_regions: Container[str] | None = None,
) -> tuple[str, ...]:
    """Return the likely regions for the top of the drop-down: best guess first, no duplicates.

    `phone_regions`: of the account's other phones; `zone_region`: of its time zone;
    `languages`: tags such as `de-AT` (a language alone names no country).
    """
    named = (tag.replace("_", "-").split("-")[1:] for tag in languages)
    spoken = (part.upper() for parts in named for part in parts)
    candidates = [*phone_regions, *([zone_region] if zone_region else []), *spoken]
    return tuple(
        dict.fromkeys(
            code
            for code in candidates
            if code in phonenumbers.SUPPORTED_REGIONS
            and (open_regions is None or code in open_regions)
        )
    )
