"""How much is sent. `BENCH_SHARE=0.05` tries out whether a benchmark runs; its figures mean nothing."""

from __future__ import annotations

import os


SHARE = float(os.environ.get("BENCH_SHARE", "1"))


def many(count: int) -> int:
    """So many of something, or the share of it that was asked for."""
    return max(1, round(count * SHARE))
