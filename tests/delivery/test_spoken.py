"""A call reads the code to whoever presses the key it named, and to nobody else."""

from __future__ import annotations

import itertools

import pytest

from twostep.core.methods.out_of_band import Purpose
from twostep.delivery.spoken import Pause, Say, Step, new_script
from twostep.i18n import LANGUAGES


def script(language="en", purpose=Purpose.SIGN_IN, code="048291"):
    return new_script(code=code, key="4", panel="Example Panel", purpose=purpose, language=language)


@pytest.mark.parametrize(
    ("step", "pressed", "leads_to"),
    [
        (Step.INTRODUCE, "4", Step.READ),
        (Step.INTRODUCE, "9", Step.REPORTED),
        (Step.INTRODUCE, "", Step.GOODBYE),
        (Step.INTRODUCE, "5", Step.INTRODUCE_AGAIN),
        (Step.INTRODUCE, "#", Step.INTRODUCE_AGAIN),
        (Step.INTRODUCE_AGAIN, "4", Step.READ),
        (Step.INTRODUCE_AGAIN, "9", Step.REPORTED),
        (Step.INTRODUCE_AGAIN, "", Step.GOODBYE),
        (Step.INTRODUCE_AGAIN, "5", Step.GOODBYE),
        (Step.READ, "1", Step.READ_2),
        (Step.READ_2, "1", Step.READ_3),
        (Step.READ_3, "1", Step.GOODBYE),
        (Step.READ, "", Step.CLOSING),
        (Step.READ_2, "7", Step.CLOSING),
        (Step.READ, "9", Step.REPORTED),
        (Step.READ_2, "9", Step.REPORTED),
        (Step.CLOSING, "1", Step.GOODBYE),
        (Step.REPORTED, "4", Step.GOODBYE),
        (Step.GOODBYE, "4", Step.GOODBYE),
    ],
)
def test_each_arrow_of_the_diagram(step, pressed, leads_to):
    assert script().next_step(step, pressed) is leads_to


def test_without_the_key_no_digit_is_ever_said():
    for keys in itertools.product("0123567*#", repeat=3):
        step = Step.INTRODUCE
        for key in keys:
            step = script().next_step(step, key)
            assert step not in {Step.READ, Step.READ_2, Step.READ_3}


def test_a_reading_is_digit_by_digit_three_times_with_a_longer_pause_in_the_middle():
    spoken = script().spoken(Step.READ)
    words = [part.words for part in spoken if isinstance(part, Say)]
    assert words == ["Your code is:", "zero", "four", "eight", "two", "nine", "one"] * 3
    pauses = [part.seconds for part in spoken if isinstance(part, Pause)]
    assert pauses[:6] == [0.7, 0.7, 1.5, 0.7, 0.7, 1.5]


def test_the_introduction_names_the_key_and_the_way_to_report_twice():
    offered = script().offered(Step.INTRODUCE)
    words = [part.words for part in offered if isinstance(part, Say)]
    assert words[:3] == [
        "This is Example Panel with a sign-in code you asked for.",
        "To hear it, press four.",
        "If you did not ask for this call, press nine and change your password.",
    ]
    assert words[3:] == words[:3]


@pytest.mark.parametrize("language", [language.code for language in LANGUAGES])
@pytest.mark.parametrize("purpose", list(Purpose))
def test_every_language_says_all_of_it_in_one_language(language, purpose):
    call = script(language, purpose)
    assert call.language in {language, "en"}
    text = call.as_text()
    assert text.count("0, 4, 8, 2, 9, 1.") == 3
    assert "{" not in text
    assert "Example Panel" in text
    if call.language != "en":
        english = {word for word in script("en", purpose).as_text().split() if len(word) > 5} - {
            "Example"
        }
        assert english.isdisjoint(text.split())


def test_the_script_keeps_its_code_out_of_logs():
    assert "048291" not in repr(script())
