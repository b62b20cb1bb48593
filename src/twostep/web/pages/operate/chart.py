"""Small charts as inline SVG: no script, no style attributes, readable in light and dark mode.

They inherit the colour of the surrounding text. Each has a title for screen readers, and the page
shows a table with the same figures below it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup


WIDTH, HEIGHT = 560, 150
LEFT, BOTTOM, TOP = 34, 22, 8


@dataclass(frozen=True, slots=True)
class Bar:
    """One position on the x axis. `value` is drawn pale, and `part` of it in full colour in front."""

    label: str
    value: float
    part: float = 0


def bars(title: str, rows: Sequence[Bar], *, chart_id: str) -> Markup:
    """Draw bars from left to right, scaled to the highest one."""
    top = _round_up(max((row.value for row in rows), default=0))
    inner, floor = WIDTH - LEFT, HEIGHT - BOTTOM
    step = inner / max(len(rows), 1)
    drawn = [_grid(top, floor)]
    for index, row in enumerate(rows):
        x = LEFT + index * step + step * 0.15
        drawn += [
            _bar(x, step * 0.7, floor, _height(row.value, top, floor), "0.3"),
            _bar(x, step * 0.7, floor, _height(row.part, top, floor), "1"),
        ]
        if index % max(1, len(rows) // 7) == 0:
            drawn.append(
                Markup('<text x="{}" y="{}" text-anchor="middle">{}</text>').format(
                    round(x + step * 0.35, 1), HEIGHT - 6, row.label
                )
            )
    return _figure(title, Markup("").join(drawn), chart_id=chart_id, height=HEIGHT)


def gauge(
    title: str, used: float, *, limit: float, marks: Sequence[float], chart_id: str
) -> Markup:
    """Draw how much of a limit is used, with a line at each of `marks`."""
    full = max(limit, used, 1)
    bar = Markup(
        '<rect x="0" y="6" width="{}" height="14" rx="4" opacity="0.15"/>'
        '<rect x="0" y="6" width="{}" height="14" rx="4"/>'
    ).format(WIDTH, round(WIDTH * used / full, 1))
    lines = Markup("").join(
        Markup('<rect x="{}" y="2" width="2" height="22"/>').format(round(WIDTH * mark / full, 1))
        for mark in marks
    )
    return _figure(title, bar + lines, chart_id=chart_id, height=26)


def _figure(title: str, inner: Markup, *, chart_id: str, height: int) -> Markup:
    return Markup(
        '<svg class="chart" viewBox="0 0 {} {}" role="img" aria-labelledby="{}" fill="currentColor"'
        ' font-size="11" width="100%" focusable="false"><title id="{}">{}</title>{}</svg>'
    ).format(WIDTH, height, chart_id, chart_id, title, inner)


def _grid(top: float, floor: int) -> Markup:
    return Markup("").join(
        Markup(
            '<rect x="{}" y="{}" width="{}" height="1" opacity="0.2"/>'
            '<text x="{}" y="{}" text-anchor="end">{}</text>'
        ).format(LEFT, y, WIDTH - LEFT, LEFT - 6, y + 4, f"{value:g}")
        for value in (0, top / 2, top)
        for y in (round(floor - _height(value, top, floor), 1),)
    )


def _bar(x: float, width: float, floor: int, height: float, opacity: str) -> Markup:
    return Markup('<rect x="{}" y="{}" width="{}" height="{}" opacity="{}"/>').format(
        round(x, 1), round(floor - height, 1), round(width, 1), round(height, 1), opacity
    )


def _height(value: float, top: float, floor: int) -> float:
    return (floor - TOP) * value / top if top else 0


def _round_up(value: float) -> float:
    """The next of 2, 4, 10, 20, 40, 100 …: their halves are whole numbers too."""
    step = 2.0
    while True:
        for factor in (1, 2, 5):
            if value <= step * factor:
                return step * factor
        step *= 10
