"""One connection: uvicorn's, with an end to every wait and a limit to every buffer.

uvicorn closes only what is silent between two requests. Headers that never end, bodies that nobody
reads and answers that nobody takes would stay for as long as the other side likes. What a request
passes through here is kept to a few short functions.

Where a request ends, and which of its fields count, must be read here as every proxy in front of us
reads it: otherwise what one visitor sends becomes another's request. The parser alone does not see
to it: it takes the body of a request with `Upgrade` for the next request (uvicorn issue 2722), and
hands out fields that follow a body as if they were headers.
"""

from __future__ import annotations

import asyncio
import http
import logging

from httptools import HttpParserError, HttpParserUpgrade, HttpRequestParser
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from twostep.server.door import LARGEST_HEAD, LARGEST_REST, MOST_PIPELINED, Door, Phase


# Called by name: `super()` costs as much again as what these do.
_begin = HttpToolsProtocol.on_headers_complete
_complete = HttpToolsProtocol.on_message_complete


# Errors of ours alone: strangers who send nonsense are counted, and fill no disk.
_log = logging.getLogger("twostep.server")
_log.setLevel(logging.ERROR)


# Decisions hang on these: of two lines a proxy might believe the first, and we the last.
SINGLE_FIELDS = frozenset({b"host", b"origin", b"sec-fetch-site", b"content-length"})


class _Refused(Exception):
    """Leaves the parser, which reads nothing from then on; where no answer was given, it is 400."""


class ClientConnection(HttpToolsProtocol):
    """A client's connection, and the door's guest."""

    def __init__(self, config: Config, state: ServerState, *, door: Door) -> None:
        super().__init__(config, state, {}, asyncio.get_running_loop())
        self.logger = _log
        self._door = door
        self._size = 0  # of the head so far, then of what came after it
        self._is_whole = True  # the newest request whose headers are there
        self._resumed = 0
        self._is_refused = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A client has come."""
        super().connection_made(transport)
        if not self._door.enter(self, now=self.loop.time()):
            self._answer(503, b"retry-after: 2\r\n")

    def connection_lost(self, exc: Exception | None) -> None:
        """It has gone."""
        self._door.leave(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Bytes of a request."""
        self._size += len(data)
        self._parse(data)
        if self._size > LARGEST_HEAD:
            self._review_size()

    def _parse(self, data: bytes) -> None:
        """As uvicorn does it, but a request with `Upgrade` is read to its end."""
        self._unset_keepalive_if_required()
        while True:
            try:
                self.parser.feed_data(data)
            except HttpParserUpgrade as pause:
                data = self._begin_without_upgrade() + data[pause.args[0] :]
            except HttpParserError:
                self.send_400_response("")
                return
            else:
                return

    def _begin_without_upgrade(self) -> bytes:
        """A new parser, and what to begin with: the newest head less the field that stopped it.

        We never switch protocols, so RFC 9110, 7.8, has us read on as though nobody had asked.
        """
        version = self.parser.get_http_version().encode()
        lines = [b"%s %s HTTP/%s" % (self.parser.get_method(), self.url, version)]
        lines += [b"%s: %s" % field for field in self.headers if field[0] != b"upgrade"]
        self.parser = HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)  # as uvicorn's own
        return b"\r\n".join([*lines, b"", b""])

    def on_headers_complete(self) -> None:
        """The headers are whole."""
        # The size counts the body that came with them too: only then is it worth adding up.
        if self._size > LARGEST_HEAD and self._is_large():
            self._refuse_size(431)
            raise _Refused
        if self.parser.should_upgrade():
            if self.parser.get_method() == b"CONNECT":  # even without the field
                raise _Refused
            return  # `_parse` has this head read again
        if len(dict(self.headers)) < len(self.headers) and self._is_ambiguous():
            raise _Refused
        if self.pipeline and len(self.pipeline) >= MOST_PIPELINED:
            self._refuse_size()
            raise _Refused
        self._size = 0
        self._is_whole = False
        _begin(self)
        self.headers = []  # the request keeps its own; nobody reads what follows its body

    def on_message_complete(self) -> None:
        """The request is whole."""
        if self._is_whole:  # only a head that is read again ends without having begun
            return
        self._size = 0
        self._is_whole = True
        _complete(self)

    def resume_writing(self) -> None:
        """The client has taken most of the answer."""
        super().resume_writing()
        self._resumed += 1

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002  uvicorn's signature
        """It is no HTTP."""
        if not self._is_refused:
            self._door.tally["no_http"] += 1
            self._answer(400)

    def look(self) -> tuple[Phase, object]:
        """What is waited for; with it the newest request, or how often the answer went on."""
        if self.transport.is_closing():
            return Phase.CLOSING, None
        if self.flow.write_paused:
            return Phase.STALLED, self._resumed
        if self._is_in_head():
            return Phase.HEAD, self.scope
        if not self._is_whole:
            return (Phase.BODY if self._is_answering() else Phase.LINGER), self.scope
        return (Phase.BUSY if self._is_answering() else Phase.IDLE), self.scope

    def end(self, phase: Phase) -> None:
        """Its time is over: say so where somebody may be listening."""
        if phase is Phase.HEAD and self.scope is not None:
            self._answer(408)
        else:
            self.drop()

    def drop(self) -> None:
        """Close it without a word."""
        self.transport.abort()

    def _is_in_head(self) -> bool:
        """Whether nothing has come yet, or a request whose headers are not whole."""
        return self.cycle is None or self.cycle.scope is not self.scope

    def _is_answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _is_large(self) -> bool:
        parts = (len(name) + len(value) + len(": \r\n") for name, value in self.headers)
        return len(self.url) + sum(parts) > LARGEST_HEAD

    def _is_ambiguous(self) -> bool:
        names = [name for name, _ in self.headers if name in SINGLE_FIELDS]
        return len(set(names)) < len(names)

    def _review_size(self) -> None:
        if self.transport.is_closing():
            return
        if self._is_in_head():
            self._refuse_size(431)
        elif self._size > LARGEST_REST:
            self._refuse_size()

    def _refuse_size(self, status: int | None = None) -> None:
        self._is_refused = True
        self._door.tally["too_much"] += 1
        if status is None:
            self.drop()
        else:
            self._answer(status)

    def _answer(self, status: int, header: bytes = b"") -> None:
        """Refuse before any request was read, and close."""
        if self._is_answering():  # an answer of ours would stand in the middle of that one
            self.drop()
            return
        said = http.HTTPStatus(status)
        self.transport.write(
            b"HTTP/1.1 %d %s\r\ncontent-length: 0\r\nconnection: close\r\n%s\r\n"
            % (status, said.phrase.encode(), header)
        )
        self.transport.close()
