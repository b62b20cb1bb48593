"""The demo's clock: the machine's clock with an adjustable offset."""

from __future__ import annotations

from collections.abc import Callable


LAST_INSTANT = 253_402_300_799  # the end of the year 9999, the last that datetime supports


class DemoClock:
    """Unix seconds for every part of the product. `offset_seconds` is not kept between runs."""

    def __init__(self, machine: Callable[[], int]) -> None:
        self._machine = machine
        self.offset_seconds = 0

    def __call__(self) -> int:
        return self._machine() + self.offset_seconds

    def move(self, offset_seconds: int) -> bool:
        """Set the offset from the machine's clock. False: it leads outside the years 1970 to 9999."""
        if not 0 <= self._machine() + offset_seconds <= LAST_INSTANT:
            return False
        self.offset_seconds = offset_seconds
        return True
