"""The operator's accent colour on pages and in mails, readable in light and dark mode.

The operator sets one colour and the rest are derived, so that no choice makes a page hard to read:
buttons get black or white text, links a darker or lighter shade of the accent. Contrast follows
WCAG 2.2 (relative luminance, section 1.4.3).
"""

from __future__ import annotations

import re
from dataclasses import dataclass


DEFAULT_ACCENT = "#0b6b6f"

_HEX = re.compile(r"#[0-9a-fA-F]{6}")
_BLACK = (0, 0, 0)
_WHITE = (255, 255, 255)
# The backgrounds in twostep.css with the least contrast to accent text, light and dark.
_LIGHT_BACKGROUND = (0xEA, 0xF0, 0xEF)
_DARK_BACKGROUND = (0x1F, 0x2A, 0x2A)
_TEXT_ON_LIGHT = 4.8
_TEXT_ON_DARK = 6.0
_SHAPES = 3.1

Rgb = tuple[int, int, int]


def is_colour(text: str) -> bool:
    """Whether `text` is a colour we accept: `#rrggbb`."""
    return _HEX.fullmatch(text) is not None


@dataclass(frozen=True, slots=True)
class Shades:
    """Shades of one accent colour, for light and for dark mode: of buttons, of the text on them, and of
    links and other text in the accent colour. Each is `#rrggbb`."""

    button: tuple[str, str]
    on_button: tuple[str, str]
    text: tuple[str, str]


def shades(accent: str = DEFAULT_ACCENT) -> Shades:
    """The shades of an accent colour. Raises ValueError for anything but `#rrggbb`."""
    if not is_colour(accent):
        raise ValueError(f"not a colour of the form #rrggbb: {accent!r}")
    plain = _rgb(accent)
    raised = _mix_until_readable(plain, _WHITE, background=_DARK_BACKGROUND, contrast=_SHAPES)
    light = _mix_until_readable(
        plain, _BLACK, background=_LIGHT_BACKGROUND, contrast=_TEXT_ON_LIGHT
    )
    dark = _mix_until_readable(plain, _WHITE, background=_DARK_BACKGROUND, contrast=_TEXT_ON_DARK)
    return Shades(
        button=(_hex(plain), _hex(raised)),
        on_button=(_hex(_text_on(plain)), _hex(_text_on(raised))),
        text=(_hex(light), _hex(dark)),
    )


def brand_css(accent: str = DEFAULT_ACCENT) -> str:
    """The style sheet at `/static/brand.css`. Raises ValueError for anything but `#rrggbb`."""
    of = shades(accent)
    pairs = {"accent": of.button, "on-accent": of.on_button, "accent-ink": of.text}
    lines = [f"--{name}:light-dark({light},{dark})" for name, (light, dark) in pairs.items()]
    return ":root{" + ";".join(lines) + "}\n"


def contrast_ratio(first: Rgb, second: Rgb) -> float:
    """WCAG contrast of two colours, 1 to 21."""
    low, high = sorted((_luminance(first), _luminance(second)))
    return (high + 0.05) / (low + 0.05)


def _text_on(colour: Rgb) -> Rgb:
    return max((_BLACK, _WHITE), key=lambda text: contrast_ratio(text, colour))


def _mix_until_readable(colour: Rgb, target: Rgb, *, background: Rgb, contrast: float) -> Rgb:
    """`colour`, mixed with `target` in steps of 2 % until it reaches `contrast` to `background`."""
    mixed = colour
    for step in range(51):
        mixed = _mix(colour, target, step / 50)
        if contrast_ratio(mixed, background) >= contrast:
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
