"""Every trap of numbering plans that users fall into, and all regions' own examples."""

from __future__ import annotations

import phonenumbers
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from phonenumbers import PhoneNumberFormat, PhoneNumberType

from twostep.core.messages.channel import Channel
from twostep.core.methods.phone_number import (
    PhoneNumber,
    example_national,
    hint,
    read_number,
    region_typed,
    regions,
)
from twostep.core.methods.phone_regions import likely_regions
from twostep.core.refusal import Reason, Refused


def read(typed, region="", channel=Channel.CALL, open_regions=None):
    return read_number(typed, region=region, open_regions=open_regions, channel=channel)


@pytest.mark.parametrize(
    ("typed", "region", "e164", "country", "line"),
    [
        ("+1 876 512 3456", "US", "+18765123456", "JM", "mobile"),
        ("+1 242 357 1234", "", "+12423571234", "BS", "mobile"),
        ("+1 809 234 5678", "", "+18092345678", "DO", "either"),
        ("+1 787 234 5678", "", "+17872345678", "PR", "either"),
        ("+1 202 555 0100", "", "+12025550100", "US", "either"),
        ("+7 701 123 4567", "RU", "+77011234567", "KZ", "mobile"),
        ("8 916 123-45-67", "RU", "+79161234567", "RU", "mobile"),
        ("06 12345678", "IT", "+390612345678", "IT", "fixed"),
        ("+44 7781 123456", "", "+447781123456", "GG", "mobile"),
        ("+44 7797 712345", "", "+447797712345", "JE", "mobile"),
        ("+44 7924 123456", "", "+447924123456", "GB", "mobile"),
        ("07924 123456", "IM", "+447924123456", "IM", "mobile"),
        ("011 15-2345-6789", "AR", "+5491123456789", "AR", "mobile"),
        ("+54 11 2345 6789", "", "+541123456789", "AR", "fixed"),
        ("+52 1 222 123 4567", "", "+522221234567", "MX", "either"),
        ("044 222 123 4567", "MX", "+522221234567", "MX", "either"),
        ("045 222 123 4567", "MX", "+522221234567", "MX", "either"),
        ("01 222 123 4567", "MX", "+522221234567", "MX", "either"),
        ("+2290195123456", "", "+2290195123456", "BJ", "mobile"),
        ("٠١٠٢٣٤٥٦٧٨٩", "EG", "+201023456789", "EG", "mobile"),
        ("０１５１ １２３４５６７８", "DE", "+4915112345678", "DE", "mobile"),
        ("+49 (0)151 12345678", "", "+4915112345678", "DE", "mobile"),
        ("0049 151 12345678", "FR", "+4915112345678", "DE", "mobile"),
        ("(00) 49 151/12345678", "GB", "+4915112345678", "DE", "mobile"),
        ("011 49 151 12345678", "US", "+4915112345678", "DE", "mobile"),
        ("＋49.151.12345678", "US", "+4915112345678", "DE", "mobile"),
        ("\u202a+49\u00a0151\u00a012345678\u202c", "US", "+4915112345678", "DE", "mobile"),
        ("tel:+49-151-12345678", "US", "+4915112345678", "DE", "mobile"),
        ("tel:0151-12345678;phone-context=+49", "US", "+4915112345678", "DE", "mobile"),
        ("tel:0612345678;phone-context=+39", "US", "+390612345678", "IT", "fixed"),
        ("(+44) 20 7946 0000", "", "+442079460000", "GB", "fixed"),
        ("447400123456", "GB", "+447400123456", "GB", "mobile"),
    ],
)
def test_reads_what_people_type(typed, region, e164, country, line):
    assert read(typed, region) == PhoneNumber(e164=e164, region=country, line=line)


@pytest.mark.parametrize(
    ("typed", "region", "reason"),
    [
        ("", "DE", Reason.NUMBER_EMPTY),
        (" \u200e ", "DE", Reason.NUMBER_EMPTY),
        ("+1 900 234 5678", "", Reason.NUMBER_KIND),
        ("+1 500 234 5678", "", Reason.NUMBER_KIND),
        ("+1 800 234 5678", "", Reason.NUMBER_KIND),
        ("+44 70 1234 5678", "", Reason.NUMBER_KIND),
        ("+44 76 4012 3456", "", Reason.NUMBER_KIND),
        ("+44 871 234 5678", "", Reason.NUMBER_KIND),
        ("+44 56 1234 5678", "", Reason.NUMBER_VOIP),
        ("+44 300 123 4567", "", Reason.NUMBER_KIND),
        ("+881 6 12345678", "", Reason.NUMBER_KIND),
        ("+870 773 123456", "", Reason.NUMBER_KIND),
        ("+882 16 12345678", "", Reason.NUMBER_KIND),
        ("+979 123456789", "", Reason.NUMBER_KIND),
        ("+39 6 12345678", "", Reason.NUMBER_NOT_IN_PLAN),
        ("(²02) 555-0100", "US", Reason.NUMBER_NOT_IN_PLAN),
        ("+55 11 6123-4567", "", Reason.NUMBER_NOT_IN_PLAN),
        ("+22997123456", "", Reason.NUMBER_NOT_IN_PLAN),
        ("07400 123456", "US", Reason.NUMBER_TOO_LONG),
        ("(206) 555-0123 ext. 89", "US", Reason.NUMBER_EXTENSION),
        ("206 555 0123x89", "US", Reason.NUMBER_EXTENSION),
        ("206 555 0123#89", "US", Reason.NUMBER_EXTENSION),
        ("206 555 0123,,89", "US", Reason.NUMBER_EXTENSION),
        ("+12065550123;ext=5", "", Reason.NUMBER_EXTENSION),
        ("1-800-FLOWERS", "US", Reason.NUMBER_LETTERS),
        ("my number", "US", Reason.NUMBER_LETTERS),
        ("0151 12345678 oder 0152 1234567", "DE", Reason.NUMBER_LETTERS),
        ("911", "US", Reason.NUMBER_TOO_SHORT),
        ("12345", "US", Reason.NUMBER_TOO_SHORT),
        ("555 0123", "US", Reason.NUMBER_TOO_SHORT),
        ("+1", "US", Reason.NUMBER_NOT_IN_PLAN),
        ("+", "US", Reason.NUMBER_NOT_IN_PLAN),
        ("+999 1234567", "US", Reason.REGION_UNKNOWN),
        ("0151 12345678", "XX", Reason.REGION_UNKNOWN),
        ("0151 12345678", "", Reason.REGION_UNKNOWN),
        ("0151 12345678", "001", Reason.REGION_UNKNOWN),
        ("1" * 10_000, "DE", Reason.NUMBER_TOO_LONG),
        ("+49 151 12345678 +49 152 1234567", "DE", Reason.NUMBER_NOT_IN_PLAN),
        ("☎ 0151 12345678", "DE", Reason.NUMBER_NOT_IN_PLAN),
        ("0151\x0012345678", "DE", Reason.NUMBER_NOT_IN_PLAN),
    ],
)
def test_refuses_with_the_reason(typed, region, reason):
    refused = read(typed, region)
    assert isinstance(refused, Refused)
    assert refused.reason is reason


# How people call abroad from where they are. 00 is `+` in most places, and elsewhere it is what the
# plan says: a carrier's prefix, a part of one, or nothing.
ABROAD = [
    ("DE", "00 1 202 555 0142", "+12025550142"), ("FR", "0044 7400 123456", "+447400123456"),
    ("GB", "0049 151 12345678", "+4915112345678"), ("IT", "0041 78 123 45 67", "+41781234567"),
    ("ES", "0033 6 12 34 56 78", "+33612345678"), ("NL", "0032 470 12 34 56", "+32470123456"),
    ("PL", "0048 512 345 678", "+48512345678"), ("IN", "0049 151 12345678", "+4915112345678"),
    ("ZA", "00 44 7400 123456", "+447400123456"), ("EG", "0020 100 123 4567", "+201001234567"),
    ("TR", "0090 501 234 56 78", "+905012345678"), ("MX", "0049 151 12345678", "+4915112345678"),
    ("CN", "0049 151 12345678", "+4915112345678"), ("AR", "0049 151 12345678", "+4915112345678"),
    ("CO", "009 1 202 555 0142", "+12025550142"), ("NG", "009 1 202 555 0142", "+12025550142"),
    ("CO", "005 49 151 12345678", "+4915112345678"), ("NG", "009 44 7400 123456", "+447400123456"),
    ("AU", "0011 49 151 12345678", "+4915112345678"), ("AU", "0011 1 202 555 0142", "+12025550142"),
    ("SG", "001 49 151 12345678", "+4915112345678"), ("HK", "001 49 151 12345678", "+4915112345678"),
    ("KR", "001 49 151 12345678", "+4915112345678"), ("TH", "001 49 151 12345678", "+4915112345678"),
    ("ID", "008 49 151 12345678", "+4915112345678"), ("KR", "002 49 151 12345678", "+4915112345678"),
    ("TW", "002 49 151 12345678", "+4915112345678"), ("BR", "0021 49 151 12345678", "+4915112345678"),
    ("BR", "0014 1 202 555 0142", "+12025550142"), ("US", "011 49 151 12345678", "+4915112345678"),
    ("CA", "011 44 7400 123456", "+447400123456"), ("JP", "010 49 151 12345678", "+4915112345678"),
    ("IL", "012 49 151 12345678", "+4915112345678"), ("IL", "00 49 151 12345678", "+4915112345678"),
    ("FI", "990 49 151 12345678", "+4915112345678"), ("RU", "8 10 49 151 12345678", "+4915112345678"),
    ("CL", "1230 49 151 12345678", "+4915112345678"), ("KE", "000 49 151 12345678", "+4915112345678"),
    ("UG", "000 49 151 12345678", "+4915112345678"), ("TZ", "000 49 151 12345678", "+4915112345678"),
]  # fmt: skip


@pytest.mark.parametrize(("region", "typed", "e164"), ABROAD)
def test_calls_abroad_are_dialled_as_the_region_does(region, typed, e164):
    got = read(typed, region)
    assert isinstance(got, PhoneNumber), got
    assert got.e164 == e164


# What is no number where it was typed, and what it is instead: named, never called.
ELSEWHERE = [
    ("US", "(506) 234-5678", "CA"), ("CA", "(201) 555-0123", "US"), ("US", "876 512 3456", "JM"),
    ("US", "(787) 234-5678", "PR"), ("GB", "07911 123456", "GG"), ("GB", "07781 123456", "GG"),
    ("GB", "07797 712345", "JE"), ("JE", "07400 123456", "GB"), ("RU", "8 (771) 000-99-98", "KZ"),
    ("KZ", "8 912 345-67-89", "RU"), ("FR", "06 96 20 12 34", "MQ"), ("FR", "06 92 12 34 56", "RE"),
    ("FR", "06 90 00 12 34", "GP"), ("RE", "06 39 01 23 45", "YT"), ("MQ", "06 12 34 56 78", "FR"),
    ("JP", "0049 151 12345678", "DE"), ("US", "(00) 49 151/12345678", "DE"),
    ("KR", "0049 151 12345678", "DE"), ("AU", "0049 151 12345678", "DE"), ("NG", "0044 7400 123456", "GB"),
    ("KE", "0044 7400 123456", "GB"), ("BR", "0049 151 12345678", "DE"),
]  # fmt: skip


@pytest.mark.parametrize(("region", "typed", "country"), ELSEWHERE)
def test_a_number_of_another_region_is_named(region, typed, country):
    assert read(typed, region) == Refused(Reason.NUMBER_ELSEWHERE, detail={"region": country})
    closed = read(typed, region, open_regions={region})
    assert closed == Refused(Reason.NUMBER_REGION_CLOSED, detail={"region": country})
    # The page's button: the same typing, for that region.
    again = read(typed, country)
    assert isinstance(again, PhoneNumber), again
    assert again.region == country


# Two people have these numbers, in India and elsewhere, and only one of them is meant.
@pytest.mark.parametrize(
    ("region", "typed"),
    [
        ("CO", "00912025550142"), ("CO", "0091 202 555 0142"), ("NG", "0091 202 555 0142"),
        ("TH", "0049 151 12345678"), ("SG", "0049 151 12345678"), ("KH", "0049 151 12345678"),
    ],
)  # fmt: skip
def test_a_number_that_is_two_is_asked_about(region, typed):
    assert read(typed, region) == Refused(Reason.NUMBER_UNCLEAR)


@pytest.mark.parametrize(
    ("region", "typed"),
    [
        ("FR", "09 72 12 34 56"), ("NL", "085 123 4567"), ("JP", "050-1234-5678"), ("GB", "056 1234 5678"),
        ("KR", "070-1234-5678"), ("DE", "+33 9 72 12 34 56"),
    ],
)  # fmt: skip
def test_internet_lines_have_a_refusal_of_their_own(region, typed):
    assert read(typed, region) == Refused(Reason.NUMBER_VOIP)
    assert isinstance(
        read_number(typed, region=region, open_regions=None, channel=Channel.CALL, voip=True),
        PhoneNumber,
    )


def test_the_country_follows_a_number_that_names_its_own():
    assert region_typed("+44 7400 123", chosen="US") == "GB"
    assert region_typed("+1 506 234 5678", chosen="US") == "CA"
    assert region_typed("+1 5", chosen="CA") == "CA"
    assert region_typed("07400 123456", chosen="US") == "US"
    assert region_typed("+999 1", chosen="US") == "US"


def test_a_refusal_names_the_region_and_an_example_of_it():
    refused = read("0151", "DE")
    assert isinstance(refused, Refused)
    assert refused.detail == {"region": "DE", "example": "01512 3456789"}


def test_a_landline_is_for_calls_only():
    landline = read("+44 20 7946 0000")
    assert isinstance(landline, PhoneNumber)
    assert landline.channels == (Channel.CALL,)
    refused = read("+44 20 7946 0000", channel=Channel.SMS)
    assert refused == Refused(Reason.NUMBER_LANDLINE, detail={"region": "GB"})


def test_an_argentine_mobile_without_its_nine_is_offered_both():
    text = read("+54 11 2345 6789", channel=Channel.SMS)
    call = read("+54 11 2345 6789", channel=Channel.CALL)
    assert isinstance(text, PhoneNumber)
    assert isinstance(call, PhoneNumber)
    assert (text.e164, text.line) == ("+5491123456789", "mobile")
    assert (call.e164, call.line) == ("+541123456789", "fixed")


def test_internet_numbers_count_where_they_are_switched_on():
    typed = {
        "typed": "+44 56 1234 5678",
        "region": "GB",
        "open_regions": None,
        "channel": Channel.SMS,
    }
    assert read_number(**typed) == Refused(Reason.NUMBER_VOIP)
    read = read_number(**typed, voip=True)
    assert (read.e164, read.line) == ("+445612345678", "either")
    # Nothing else is let in by that.
    for other in ("+44 70 1234 5678", "+44 871 234 5678", "+870 773 123456"):
        assert read_number(**(typed | {"typed": other}), voip=True) == Refused(Reason.NUMBER_KIND)


def test_the_allow_list_goes_by_region_never_by_calling_code():
    allowed = frozenset({"US"})
    assert isinstance(read("+1 202 555 0100", open_regions=allowed), PhoneNumber)
    assert read("+1 876 512 3456", open_regions=allowed) == Refused(
        Reason.NUMBER_REGION_CLOSED, detail={"region": "JM"}
    )
    chosen_open = read("876 512 3456", "US", open_regions=allowed)
    assert isinstance(chosen_open, Refused)
    assert isinstance(read("+44 7400 123456", "US", open_regions=allowed), Refused)


KINDS = [
    getattr(PhoneNumberType, name) for name in vars(PhoneNumberType) if name.isupper() and name
]
CODE_KINDS = {
    PhoneNumberType.MOBILE: "mobile",
    PhoneNumberType.FIXED_LINE: "fixed",
    PhoneNumberType.FIXED_LINE_OR_MOBILE: "either",
}


@pytest.mark.parametrize("code", [region.code for region in regions()])
def test_every_kind_of_every_region_round_trips_or_is_refused(code):
    for kind in KINDS:
        example = phonenumbers.example_number_for_type(code, kind)
        if example is None:
            continue
        e164 = phonenumbers.format_number(example, PhoneNumberFormat.E164)
        line = CODE_KINDS.get(phonenumbers.number_type(example))
        for typed, region in (
            (e164, ""),
            (phonenumbers.format_number(example, PhoneNumberFormat.INTERNATIONAL), ""),
            (phonenumbers.format_number(example, PhoneNumberFormat.NATIONAL), code),
        ):
            got = read(typed, region)
            if line is None:
                is_internet = phonenumbers.number_type(example) == PhoneNumberType.VOIP
                reason = Reason.NUMBER_VOIP if is_internet else Reason.NUMBER_KIND
                assert got == Refused(reason), (typed, region)
                continue
            assert isinstance(got, PhoneNumber), (typed, region, got)
            assert (got.e164, got.line) == (e164, line)
            assert got.region == (region or phonenumbers.region_code_for_number(example))


def test_there_are_all_regions_each_with_an_example():
    assert len(regions()) == len(phonenumbers.SUPPORTED_REGIONS) >= 245
    assert all(example_national(region.code) for region in regions())
    assert example_national("GB") == "07400 123456"
    assert example_national("??") == ""
    assert {r.code: r.calling_code for r in regions()}["DE"] == 49


@given(st.text(max_size=40), st.sampled_from(["DE", "US", "AR", "MX", "IT", "", "ZZ"]))
def test_never_raises_and_never_invents(typed, region):
    got = read(typed, region)
    if isinstance(got, PhoneNumber):
        parsed = phonenumbers.parse(got.e164)
        assert phonenumbers.is_valid_number(parsed)
        assert got.region != "001"


@given(st.text(alphabet="0123456789+() -.", min_size=1, max_size=18))
@example("10000000000000000")  # too long to be an Argentine mobile, and to be read as one
def test_what_was_read_reads_the_same_again(typed):
    first = read(typed, "AR", channel=Channel.SMS)
    if isinstance(first, PhoneNumber):
        again = read(first.e164, first.region, channel=Channel.SMS)
        assert isinstance(again, PhoneNumber)
        assert again.e164 == first.e164


def test_the_hint_is_the_two_last_digits():
    assert hint("+12025550142") == "42"


def test_likely_regions_come_in_order_without_doubles():
    assert likely_regions(
        phone_regions=["CH"], languages=["de-AT", "de", "zh-Hant-TW", "en-001"], zone_region="CH"
    ) == ("CH", "AT", "TW")
    assert likely_regions(languages=["de-AT", "fr-FR"], open_regions={"FR"}) == ("FR",)
    assert likely_regions() == ()
