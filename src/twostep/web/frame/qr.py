"""A QR code as inline SVG: error correction M, a quiet zone of four modules, sized by CSS."""

from __future__ import annotations

from collections.abc import Sequence

import segno
from markupsafe import Markup


QUIET = 4  # modules (ISO/IEC 18004, 5.3.8)
# Choosing the best of eight masks takes 13 ms, and scanners read any of them.
MASK = 3


def qr_svg(text: str) -> Markup:
    """Draw `text` (ASCII), black on transparent: the page adds a white background in every theme."""
    code = segno.make_qr(text, error="m", boost_error=False, mode="byte", mask=MASK)
    size = len(code.matrix) + 2 * QUIET
    return Markup('<svg viewBox="0 0 {0} {0}"><path stroke="#000" d="{1}"/></svg>').format(
        size, "".join(_runs(code.matrix))
    )


def _runs(matrix: Sequence[Sequence[int]]) -> list[str]:
    """One stroke for each run of dark modules in a row."""
    strokes: list[str] = []
    for y, row in enumerate(matrix):
        text = bytes(row)
        start = text.find(1)
        while start >= 0:
            end = text.find(0, start)
            end = len(text) if end < 0 else end
            strokes.append(f"M{start + QUIET} {y + QUIET}.5h{end - start}")
            start = text.find(1, end)
    return strokes
