"""Whatever colour an operator sets, words stay readable."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twostep.core.brand import brand_css, contrast_ratio, is_colour


LIGHT = (0xED, 0xF2, 0xF1)
DARK_CARD = (0x18, 0x21, 0x21)


def colours(css: str) -> dict[str, list[tuple[int, int, int]]]:
    pairs = re.findall(r"--([a-z-]+):light-dark\(#(\w{6}),#(\w{6})\)", css)
    return {name: [tuple(bytes.fromhex(colour)) for colour in pair] for name, *pair in pairs}  # type: ignore[misc]


@given(st.binary(min_size=3, max_size=3))
def test_every_accent_keeps_its_contrast(raw: bytes) -> None:
    css = colours(brand_css("#" + raw.hex()))
    for accent, words in zip(css["accent"], css["on-accent"], strict=True):
        assert contrast_ratio(accent, words) >= 4.5
    light, dark = css["accent-ink"]
    assert contrast_ratio(light, LIGHT) >= 4.5
    assert contrast_ratio(dark, DARK_CARD) >= 4.5
    assert contrast_ratio(css["accent"][1], DARK_CARD) >= 3


def test_known_contrasts() -> None:
    assert contrast_ratio((0, 0, 0), (255, 255, 255)) == pytest.approx(21)
    assert contrast_ratio((255, 255, 255), (0x76, 0x76, 0x76)) == pytest.approx(4.54, abs=0.01)


@pytest.mark.parametrize("text", ["red", "#fff", "#0b6b6f;}", "#0b6b6g", "#0b6b6f\n"])
def test_only_one_form_of_colour_is_taken(text: str) -> None:
    assert not is_colour(text)
    with pytest.raises(ValueError, match="rrggbb"):
        brand_css(text)
