"""Log lines that strangers can cause: one for each subject and span, however often it happens."""

from __future__ import annotations

import structlog


MOST_SUBJECTS = 100
OTHERS = "others"

log = structlog.get_logger(__name__)


class CappedLog:
    """Warnings, each at most once in its span; the next line says how many were left out.

    Kept in memory only. Past `MOST_SUBJECTS` within a span, all further subjects share one line.
    """

    def __init__(self) -> None:
        self._until: dict[tuple[str, str], int] = {}
        self._left_out: dict[tuple[str, str], int] = {}

    def warn(self, event: str, subject: str, *, now: int, seconds: int, **fields: object) -> None:
        """Log `event` unless it was logged for `subject` within the last `seconds`."""
        line = (event, subject)
        if line not in self._until and len(self._until) >= MOST_SUBJECTS:
            self._forget(now)
            line = line if len(self._until) < MOST_SUBJECTS else (event, OTHERS)
        if now < self._until.get(line, now):
            self._left_out[line] = self._left_out.get(line, 0) + 1
            return
        self._until[line] = now + seconds
        if left_out := self._left_out.pop(line, 0):
            fields["left_out"] = left_out
        log.warning(event, **fields)

    def _forget(self, now: int) -> None:
        for line in [line for line, until in self._until.items() if until <= now]:
            del self._until[line]
            self._left_out.pop(line, None)
