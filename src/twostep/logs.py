"""Logging: one JSON object per line on standard error, for our code and the libraries alike.

Nothing secret is logged on purpose. Redaction is the last line of defence, for the day somebody
logs a form: it goes by the names of keys, at any depth.
"""

from __future__ import annotations

import logging
import os
import re
import socket
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TextIO, cast

import structlog
from structlog.typing import EventDict, FilteringBoundLogger, Processor, WrappedLogger


REDACTED = "[redacted]"
_SECRET_WORDS = frozenset(
    {
        *("authorization", "code", "codes", "cookie", "cookies", "key", "keys", "number"),
        *("numbers", "otpauth", "passphrase", "password", "passwords", "phone", "pin"),
        *("secret", "secrets", "token", "tokens"),
    }
)
_HARMLESS = frozenset({"error_code", "exit_code", "key_id", "line_number", "status_code"})
_AUTHPRIV_INFO = 10 * 8 + 6  # where sudo and su log, too
_WORD = re.compile(r"[A-Z]?[a-z0-9]+|[A-Z]+(?![a-z])")
# At "info" these log whole URLs: a gateway's holds its password and the text, a mailed link its
# one-time token.
_TALKATIVE = ("asyncio", "httpcore2", "httpx2", "uvicorn.access")


def configure_logging(level: str) -> None:
    """Send everything at `level` ("debug" to "error") and above to standard error, as JSON."""
    threshold = logging.getLevelNamesMapping()[level.upper()]
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        *_STAMPS,
        # Local variables may hold secrets, so tracebacks never show them.
        structlog.processors.ExceptionRenderer(
            structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
        ),
        redact,
    ]
    structlog.configure(
        processors=[*shared, _render],
        wrapper_class=structlog.make_filtering_bound_logger(threshold),
        logger_factory=structlog.WriteLoggerFactory(file=cast("TextIO", _Unfailing(sys.stderr))),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, _render],
        )
    )
    logging.basicConfig(handlers=[handler], level=threshold, force=True)
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(max(threshold, logging.WARNING))


def system_logger(path: Path) -> FilteringBoundLogger:
    """A logger that hands lines to the system's log at this socket, as sudo does. For commands, whose
    standard error is read by people. Where nobody listens, lines are lost."""
    logger: FilteringBoundLogger = structlog.wrap_logger(
        _SystemLog(path),
        processors=[*_STAMPS, redact, _render],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
    )
    return logger


class _SystemLog:
    """The socket of syslog or journald (RFC 3164), which never raises and never waits."""

    def __init__(self, path: Path) -> None:
        self._path = str(path)

    def info(self, line: str) -> None:
        text = f"<{_AUTHPRIV_INFO}>twostep[{os.getpid()}]: {line}"
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sending:
            sending.setblocking(False)
            sending.sendto(text.encode(), self._path)

    warning = info


class _Unfailing:
    """A log file that never raises: on a full disk the line is lost, not the request."""

    def __init__(self, file: TextIO) -> None:
        self._file = file

    def write(self, text: str) -> None:
        with suppress(OSError, ValueError):  # ValueError: the file is closed
            self._file.write(text)

    def flush(self) -> None:
        with suppress(OSError, ValueError):
            self._file.flush()


def redact(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Replace the values of keys whose names suggest a secret. A structlog processor."""
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
    """Name the type of a value JSON cannot hold; its `repr` may show secrets."""
    return str(value) if isinstance(value, BaseException) else f"<{type(value).__name__}>"


_STAMPS: tuple[Processor, ...] = (
    structlog.stdlib.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
)
# ASCII only: no sign that somebody sent ends a line, or steers the terminal that shows it.
_render = structlog.processors.JSONRenderer(default=_describe)
