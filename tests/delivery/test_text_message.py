"""Every text fits one segment and ends in the line that ties its code to our origin."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twostep.config import ConfigError, load
from twostep.core.methods.out_of_band import Purpose
from twostep.delivery.text_message import compose, compose_recovery, segments
from twostep.i18n import LANGUAGES


LONGEST_NAME = 40
LONGEST_HOST = f"{'h' * 55}.{'h' * 54}.panel.example.com"
CODES = [language.code for language in LANGUAGES]


@pytest.mark.parametrize(
    ("text", "encoding", "units", "count"),
    [
        ("", "GSM-7", 0, 1),
        ("a" * 160, "GSM-7", 160, 1),
        ("a" * 161, "GSM-7", 161, 2),
        ("a" * 306, "GSM-7", 306, 2),
        ("a" * 307, "GSM-7", 307, 3),
        ("äöüßñÄÖÜàèéùìòÇ", "GSM-7", 15, 1),
        ("€[]{}\\~^|", "GSM-7", 18, 1),
        ("€" * 80, "GSM-7", 160, 1),
        ("€" * 80 + "a", "GSM-7", 161, 2),
        ("a" * 152 + "€" * 5, "GSM-7", 162, 2),
        ("ó" + "a" * 69, "UCS-2", 70, 1),
        ("’" + "a" * 70, "UCS-2", 71, 2),
        ("😀" * 35, "UCS-2", 70, 1),
        ("😀" * 36, "UCS-2", 72, 2),
        ("😀" * 67, "UCS-2", 134, 3),  # 67 is odd: the pair moves to the next part whole
    ],
)
def test_segments(text, encoding, units, count):
    got = segments(text)
    assert (got.encoding, got.units, got.count) == (encoding, units, count)


@pytest.mark.row("OOB-08")
def test_the_words_of_the_sign_in_text():
    assert compose(
        purpose=Purpose.SIGN_IN,
        code="482915",
        panel="Example Panel",
        host="panel.example.org",
        language="en",
    ) == (
        "482915 is your Example Panel sign-in code. Only type it at panel.example.org."
        " We will never ask you for it.\n\n@panel.example.org #482915"
    )


@pytest.mark.row("OOB-07", "OOB-08")
@pytest.mark.parametrize("language", CODES)
@pytest.mark.parametrize("purpose", list(Purpose))
@pytest.mark.parametrize(
    ("panel", "host"),
    [
        ("Example Panel", "panel.example.com"),
        ("Example Panel", "localhost"),
        ("Rechenzentrum der Universität Musterstadt", "anmeldung.rz.uni-musterstadt.example"),
        ("Panélcito – ’24", "panel.example.com"),
        ("لوحة التحكم", "panel.example.com"),
        ("登录面板", "panel.example.com"),
        # The longest that the settings take, in every alphabet.
        ("P" * LONGEST_NAME, LONGEST_HOST),
        ("€" * LONGEST_NAME, LONGEST_HOST),
        ("漢" * LONGEST_NAME, LONGEST_HOST),
        ("😀" * LONGEST_NAME, LONGEST_HOST),
    ],
)
def test_the_worst_case_is_one_segment(language, purpose, panel, host):
    text = compose(purpose=purpose, code="000042", panel=panel, host=host, language=language)
    assert segments(text).count == 1
    assert text.splitlines()[-1] == f"@{host} #000042"
    assert "000042" in text.splitlines()[0]


@pytest.mark.parametrize("language", CODES)
@pytest.mark.parametrize("letter", ["P", "€", "漢", "😀"])
def test_the_notice_of_a_recovery_is_one_segment_and_says_how_to_stop_it(language, letter):
    for length in (1, 10, LONGEST_NAME):
        text = compose_recovery(panel=letter * length, language=language)
        assert segments(text).count == 1
        assert not re.search(r"https?://|\d", text)
    assert compose_recovery(panel="P", language=language).startswith("P: ")


def test_the_settings_take_no_longer_names_than_that():
    for name, value in (
        ("panel_name", "P" * (LONGEST_NAME + 1)),
        ("public_url", f"https://{LONGEST_HOST}x"),
    ):
        given = {"public_url": f"https://{LONGEST_HOST}", "panel_name": "P" * LONGEST_NAME}
        load(None, environ={}, overrides=given)
        with pytest.raises(ConfigError):
            load(None, environ={}, overrides=given | {name: value})


def test_the_explanation_goes_first_and_the_origin_never():
    short = compose(
        purpose=Purpose.SIGN_IN, code="482915", panel="P’", host="p.example", language="en"
    )
    assert short == "482915 is your P’ sign-in code.\n\n@p.example #482915"


@pytest.mark.parametrize("language", CODES)
def test_an_apps_hash_ends_the_text_and_still_fits(language):
    for host in ("panel.example.com", LONGEST_HOST):
        text = compose(
            purpose=Purpose.ADD_PHONE, code="000042", panel="P" * LONGEST_NAME, host=host,
            language=language, app_hash="FA+9qCX9VSu",
        )  # fmt: skip
        assert segments(text).count == 1
        assert text.endswith(f"\n\n@{host} #000042 FA+9qCX9VSu")


def test_purposes_have_different_words():
    texts = {
        compose(purpose=purpose, code="111111", panel="P", host="h", language="en")
        for purpose in Purpose
    }
    assert len(texts) == len(Purpose)


@pytest.mark.row("OOB-08")
@given(panel=st.text(min_size=1, max_size=60), host=st.from_regex(r"[a-z0-9.-]{1,200}\Z"))
def test_the_origin_line_is_always_last_and_has_no_link(panel, host):
    text = compose(
        purpose=Purpose.STEP_UP,
        code="123456",
        panel=panel.replace("{", ""),
        host=host,
        language="en",
    )
    assert text.endswith(f"\n\n@{host} #123456")
    assert not re.search(r"https?://", text.replace(panel, ""))
