"""One connection: uvicorn's, with a time limit on every wait and a size limit on every buffer.

uvicorn only closes connections that are silent between two requests. Headers that never end, bodies
that nobody reads and answers that nobody takes would stay as long as the client likes. A normal
request passes through only a few short functions here.

Where a request ends, and which of its header fields count, must be read exactly as a proxy in front
of us reads it; otherwise one visitor's bytes become another's request (request smuggling). The
parser alone does not ensure this: it takes the body of a request with `Upgrade` for the next
request (uvicorn issue 2722), and passes on trailer fields after a body as if they were headers.
"""

from __future__ import annotations

import asyncio
import http
import logging
import re
from collections.abc import Mapping

from httptools import (
    HttpParserError,
    HttpParserInvalidURLError,
    HttpParserUpgrade,
    HttpRequestParser,
    parse_url,
)
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from twostep.server.door import LARGEST_HEAD, LARGEST_REST, MOST_PIPELINED, Door, Phase


# Called directly: `super()` costs as much as the calls themselves.
_begin = HttpToolsProtocol.on_headers_complete
_complete = HttpToolsProtocol.on_message_complete


# Only our own errors are logged: nonsense from strangers is counted, and must not fill the disk.
_log = logging.getLogger("twostep.server")
_log.setLevel(logging.ERROR)


# Decisions depend on these: given two, a proxy might trust the first and we the last.
SINGLE_FIELDS = frozenset(
    {b"host", b"origin", b"sec-fetch-site", b"content-length", b"transfer-encoding"}
)


# What a person may see: cookies of other programs on the same host are the usual cause.
_WORDS = {
    431: b"Your browser sent us more than %d KiB of headers. Delete the cookies of this site, and"
    b" try again.\n" % (LARGEST_HEAD // 1024)
}
_END_OF_AUTHORITY = re.compile(rb"[/?#]")  # RFC 3986 §3.2


class _Refused(Exception):
    """Aborts the parser, which then reads no more; 400 unless an answer was already given."""


class ClientConnection(HttpToolsProtocol):
    """A client's connection, as the door's guest."""

    def __init__(self, config: Config, state: ServerState, *, door: Door) -> None:
        super().__init__(config, state, {}, asyncio.get_running_loop())
        self.logger = _log
        self._door = door
        self._size = 0  # bytes of the head so far, then of what came after it
        self._is_whole = True  # whether the newest request has arrived completely
        self._resumed = 0
        self._is_refused = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A client has connected."""
        super().connection_made(transport)
        if not self._door.enter(self, now=self.loop.time()):
            self._answer(503, b"retry-after: 2\r\n")

    def connection_lost(self, exc: Exception | None) -> None:
        """The client has gone."""
        self._door.leave(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Bytes of a request have arrived."""
        self._size += len(data)
        self._parse(data)
        if self._size > LARGEST_HEAD:
            self._enforce_size()

    def _parse(self, data: bytes) -> None:
        """As uvicorn does it, but read a request with `Upgrade` to its end."""
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
        """Make a new parser, and return the newest head without the field that stopped the old one.

        We never switch protocols, so we carry on as if the field were not there (RFC 9110 §7.8).
        """
        version = self.parser.get_http_version().encode()
        lines = [b"%s %s HTTP/%s" % (self.parser.get_method(), self.url, version)]
        lines += [b"%s: %s" % field for field in self.headers if field[0] != b"upgrade"]
        self.parser = HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)  # as uvicorn's parser
        return b"\r\n".join([*lines, b"", b""])

    def on_headers_complete(self) -> None:
        """The headers are complete."""
        # The size includes any body that came along, so the exact sum is worth computing only now.
        if self._size > LARGEST_HEAD and self._is_large():
            self._refuse_size(431)
            raise _Refused
        if self.parser.should_upgrade():
            if self.parser.get_method() == b"CONNECT":  # even without `Upgrade`
                raise _Refused
            return  # `_parse` will feed this head again
        names = dict(self.headers)
        if len(names) < len(self.headers) and self._is_ambiguous():
            raise _Refused
        if not self._is_standard(names):
            raise _Refused
        if not self.url.startswith(b"/"):
            self._take_host_of_target()
        if self.pipeline and len(self.pipeline) >= MOST_PIPELINED:
            self._refuse_size()
            raise _Refused
        self._size = 0
        self._is_whole = False
        _begin(self)
        if b"expect" in names:
            # Whether its body is still to come is what a client, a proxy and we may see differently.
            self.cycle.keep_alive = False
        self.headers = []  # the request has its own list; trailers go into this one, unread

    def on_message_complete(self) -> None:
        """The request is complete."""
        if self._is_whole:  # a head that will be fed again ends without having begun
            return
        self._size = 0
        self._is_whole = True
        _complete(self)

    def resume_writing(self) -> None:
        """The client has read most of the answer."""
        super().resume_writing()
        self._resumed += 1

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002  uvicorn's signature
        """The bytes are not HTTP."""
        if not self._is_refused:
            self._door.tally["no_http"] += 1
            self._answer(400)

    def waiting_for(self) -> tuple[Phase, object]:
        """The phase; with it the newest request, or how often writing has resumed."""
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
        """Close it because its time is up; answer 408 if the client may be listening."""
        if phase is Phase.HEAD and self.scope is not None:
            self._answer(408)
        else:
            self.drop()

    def drop(self) -> None:
        """Close it without an answer."""
        self.transport.abort()

    def _is_in_head(self) -> bool:
        """Whether nothing has arrived yet, or a request whose headers are incomplete."""
        return self.cycle is None or self.cycle.scope is not self.scope

    def _is_answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _is_large(self) -> bool:
        parts = (len(name) + len(value) + len(": \r\n") for name, value in self.headers)
        return len(self.url) + sum(parts) > LARGEST_HEAD

    def _is_ambiguous(self) -> bool:
        names = [name for name, _ in self.headers if name in SINGLE_FIELDS]
        return len(set(names)) < len(names)

    def _is_standard(self, names: Mapping[bytes, bytes]) -> bool:
        """Whether version, Host and transfer coding are as RFC 9112 §3.2, §6.1 and §7 have them. The
        parser takes other versions and codings, too, which a proxy may read in another way."""
        version, coding = self.parser.get_http_version(), names.get(b"transfer-encoding")
        if version == "1.0":
            return coding is None
        is_known = coding is None or coding.strip().lower() == b"chunked"
        return version == "1.1" and b"host" in names and is_known

    def _take_host_of_target(self) -> None:
        """An absolute target names the host, whatever Host says (RFC 9112 §3.2.2)."""
        try:
            target = parse_url(self.url)
        except HttpParserInvalidURLError:
            raise _Refused from None
        if target.host is not None:
            authority = _END_OF_AUTHORITY.split(self.url.partition(b"//")[2])[0]
            others = [field for field in self.headers if field[0] != b"host"]
            self.headers[:] = [*others, (b"host", authority)]  # the list that the scope has
            query = b"" if target.query is None else b"?" + target.query
            self.url = (target.path or b"/") + query

    def _enforce_size(self) -> None:
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

    def _close_after_answer(self) -> None:
        """Give the answer that is being made, read nothing more, and close."""
        self._is_refused = True
        self.cycle.keep_alive = False
        self.pipeline.clear()

    def _answer(self, status: int, header: bytes = b"") -> None:
        """Refuse what arrives, and close."""
        if self._is_answering():
            if self._is_whole or self.pipeline or self.cycle.response_started:
                self._close_after_answer()  # ours would land in the middle of another
                return
            self.cycle.disconnected = True  # its body is refused, so the application is not heard
        known, body = http.HTTPStatus(status), _WORDS.get(status, b"")
        kind = b"content-type: text/plain\r\n" if body else b""
        self.transport.write(
            b"HTTP/1.1 %d %s\r\n%scontent-length: %d\r\nconnection: close\r\n%s\r\n%s"
            % (status, known.phrase.encode(), kind, len(body), header, body)
        )
        self.transport.close()
