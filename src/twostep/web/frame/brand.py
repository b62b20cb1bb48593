"""The operator's accent colour as a tiny style sheet, safe on both grounds.

One colour is set; four are derived, so that no choice of it makes a page hard to read: buttons
get black or white words, links a darker or lighter shade of the accent. Contrast is WCAG 2.2's
(relative luminance, section 1.4.3).
"""

from __future__ import annotations

import re


DEFAULT_ACCENT = "#0b6b6f"

_HEX = re.compile(r"#[0-9a-fA-F]{6}")
_BLACK = (0, 0, 0)
_WHITE = (255, 255, 255)
# The least favourable grounds of twostep.css, light and dark, that words in the accent stand on.
_LIGHT_GROUND = (0xEA, 0xF0, 0xEF)
_DARK_GROUND = (0x1F, 0x2A, 0x2A)
_WORDS_ON_LIGHT = 4.8
_WORDS_ON_DARK = 6.0
_SHAPES = 3.1

Rgb = tuple[int, int, int]


def is_colour(text: str) -> bool:
    """Whether `text` is a colour we take: `#rrggbb`."""
    return _HEX.fullmatch(text) is not None


def brand_css(accent: str = DEFAULT_ACCENT) -> str:
    """The sheet served as `/static/brand.css`. Raises ValueError for anything but `#rrggbb`."""
    if not is_colour(accent):
        raise ValueError(f"not a colour of the form #rrggbb: {accent!r}")
    plain = _rgb(accent)
    raised = _toward(plain, _WHITE, ground=_DARK_GROUND, contrast=_SHAPES)
    light = _toward(plain, _BLACK, ground=_LIGHT_GROUND, contrast=_WORDS_ON_LIGHT)
    dark = _toward(plain, _WHITE, ground=_DARK_GROUND, contrast=_WORDS_ON_DARK)
    pairs = {
        "accent": (plain, raised),
        "on-accent": (_words_on(plain), _words_on(raised)),
        "accent-ink": (light, dark),
    }
    lines = [f"--{name}:light-dark({_hex(a)},{_hex(b)})" for name, (a, b) in pairs.items()]
    return ":root{" + ";".join(lines) + "}\n"


def contrast_ratio(one: Rgb, other: Rgb) -> float:
    """WCAG contrast of two colours, 1 to 21."""
    low, high = sorted((_luminance(one), _luminance(other)))
    return (high + 0.05) / (low + 0.05)


def _words_on(colour: Rgb) -> Rgb:
    return max((_BLACK, _WHITE), key=lambda words: contrast_ratio(words, colour))


def _toward(colour: Rgb, target: Rgb, *, ground: Rgb, contrast: float) -> Rgb:
    """`colour`, mixed with `target` in steps of a fiftieth until it stands out from `ground`."""
    mixed = colour
    for step in range(51):
        mixed = _mix(colour, target, step / 50)
        if contrast_ratio(mixed, ground) >= contrast:
            break
    return mixed


def _mix(colour: Rgb, target: Rgb, share: float) -> Rgb:
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(colour, target, strict=True))
    return red, green, blue


def _luminance(colour: Rgb) -> float:
    red, green, blue = (_linear(channel / 255) for channel in colour)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _linear(channel: float) -> float:
    return channel / 12.92 if channel <= 0.04045 else ((channel + 0.055) / 1.055) ** 2.4


def _rgb(text: str) -> Rgb:
    return int(text[1:3], 16), int(text[3:5], 16), int(text[5:7], 16)


def _hex(colour: Rgb) -> str:
    return "#" + "".join(f"{channel:02x}" for channel in colour)
