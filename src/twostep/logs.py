"""Logging: one JSON object a line on standard error, ours and the libraries' alike.

Nothing secret is logged on purpose. The redaction here is the last line of defence, for the day
when somebody logs a form: it goes by the name of a key, at any depth.
"""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Mapping
from contextlib import suppress
from typing import TextIO, cast

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger


REDACTED = "[redacted]"
_SECRET_WORDS = frozenset(
    {
        *("authorization", "code", "codes", "cookie", "cookies", "key", "keys", "number"),
        *("numbers", "otpauth", "passphrase", "password", "passwords", "phone", "pin"),
        *("secret", "secrets", "token", "tokens"),
    }
)
_HARMLESS = frozenset({"error_code", "exit_code", "key_id", "line_number", "status_code"})
_WORD = re.compile(r"[A-Z]?[a-z0-9]+|[A-Z]+(?![a-z])")
# At "info" they write whole addresses: a gateway's holds its password and the text, a mail's link
# its one-time part.
_TALKATIVE = ("asyncio", "httpcore2", "httpx2", "uvicorn.access")


def configure_logging(level: str) -> None:
    """Send everything at `level` ("debug" to "error") and above to standard error, as JSON."""
    threshold = logging.getLevelNamesMapping()[level.upper()]
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
        # Locals hold what the code works on, so a trace never shows them.
        structlog.processors.ExceptionRenderer(
            structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
        ),
        redact,
    ]
    render = structlog.processors.JSONRenderer(ensure_ascii=False, default=_describe)
    structlog.configure(
        processors=[*shared, render],
        wrapper_class=structlog.make_filtering_bound_logger(threshold),
        logger_factory=structlog.WriteLoggerFactory(file=cast("TextIO", _Unfailing(sys.stderr))),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, render],
        )
    )
    logging.basicConfig(handlers=[handler], level=threshold, force=True)
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(max(threshold, logging.WARNING))


class _Unfailing:
    """A file for log lines that ends no act: where the disk is full, the line is lost, not the rest."""

    def __init__(self, file: TextIO) -> None:
        self._file = file

    def write(self, text: str) -> None:
        with suppress(OSError, ValueError):  # ValueError: it was closed
            self._file.write(text)

    def flush(self) -> None:
        with suppress(OSError, ValueError):
            self._file.flush()


def redact(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Replace the values of keys that are named like secrets. A structlog processor."""
    return {key: _clean(key, value) for key, value in event.items()}


def _clean(key: str, value: object) -> object:
    if _is_secret(key) and value is not None:
        return REDACTED
    if isinstance(value, Mapping):
        return {str(name): _clean(str(name), inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_clean("", inner) for inner in value]
    return value


def _is_secret(key: str) -> bool:
    words = [word.lower() for word in _WORD.findall(key)]
    return "_".join(words) not in _HARMLESS and not _SECRET_WORDS.isdisjoint(words)


def _describe(value: object) -> str:
    """Name the kind of what JSON cannot hold: its `repr` may show what it works on."""
    return str(value) if isinstance(value, BaseException) else f"<{type(value).__name__}>"
