"""One connection: uvicorn's, with an end to every wait and a limit to every buffer.

uvicorn closes only what is silent between two requests. Headers that never end, bodies that nobody
reads and answers that nobody takes would stay for as long as the other side likes.
"""

from __future__ import annotations

import asyncio
import http

from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from twostep.server.door import LARGEST_HEAD, LARGEST_REST, MOST_PIPELINED, Door, Phase


class Connection(HttpToolsProtocol):
    """A client's connection. `phase` and `deadline` are the door's."""

    def __init__(self, config: Config, state: ServerState, *, door: Door) -> None:
        super().__init__(config, state, {}, asyncio.get_running_loop())
        self.phase = Phase.HEAD
        self.deadline = 0.0
        self._door = door
        self._reading = Phase.HEAD  # what the parser is in: HEAD, BODY, or IDLE between requests
        self._requests = 0
        self._settled = 0  # which request `phase` is about
        self._size = 0  # of the head so far, then of what came after it
        self._is_paused = False

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
        if self.transport.is_closing():
            return
        self._size += len(data)
        super().data_received(data)
        if self._reading is Phase.HEAD and self._size > LARGEST_HEAD:
            self._refuse_size(431)
        elif self._reading is Phase.BODY and self._size > LARGEST_REST:
            self._refuse_size()
        self._settle()

    def pause_writing(self) -> None:
        """The client does not take the answer as fast as it comes."""
        super().pause_writing()
        self._is_paused = True
        self._settle()

    def resume_writing(self) -> None:
        """It has taken most of it."""
        super().resume_writing()
        self._is_paused = False
        self._settle()

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002  uvicorn's signature
        """It is no HTTP."""
        self._answer(400)

    def on_message_begin(self) -> None:
        """The first byte of a request."""
        super().on_message_begin()
        self._requests += 1
        self._reading = Phase.HEAD

    def on_headers_complete(self) -> None:
        """The headers are whole."""
        # The size counts the body that came with them too: only then is it worth adding up.
        too_large = self._size > LARGEST_HEAD and self._is_large()
        self._reading = Phase.BODY
        self._size = 0
        if too_large:
            self._refuse_size(431)
        elif len(self.pipeline) >= MOST_PIPELINED:
            self._refuse_size()
        if not self.transport.is_closing():
            super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """A part of the body."""
        if not self.transport.is_closing():
            super().on_body(body)

    def on_message_complete(self) -> None:
        """The request is whole."""
        self._reading = Phase.IDLE
        self._size = 0
        if not self.transport.is_closing():
            super().on_message_complete()

    def on_response_complete(self) -> None:
        """It is answered."""
        super().on_response_complete()
        self._settle()

    def timeout_keep_alive_handler(self) -> None:
        """Nothing more came."""
        super().timeout_keep_alive_handler()
        self._settle()

    def end(self) -> None:
        """Its time is over: say so where somebody may be listening."""
        if self.phase is Phase.HEAD and self._requests:
            self._answer(408)
        else:
            self.drop()

    def drop(self) -> None:
        """Close it without a word."""
        self.transport.abort()

    def _is_large(self) -> bool:
        parts = (len(name) + len(value) + len(": \r\n") for name, value in self.headers)
        return len(self.url) + sum(parts) > LARGEST_HEAD

    def _is_answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _settle(self) -> None:
        """Tell the door what is being waited for, if that has changed."""
        if self.parser is None:  # it has gone
            return
        phase = self._now_waiting_for()
        if phase is not self.phase or (phase is Phase.HEAD and self._requests != self._settled):
            self._settled = self._requests
            self._door.move(self, phase, now=self.loop.time())

    def _now_waiting_for(self) -> Phase:
        if self.transport.is_closing():
            return Phase.CLOSING
        if self._is_paused:
            return Phase.STALLED
        if self._reading is Phase.BODY:
            return Phase.BODY if self._is_answering() else Phase.LINGER
        if self._reading is Phase.IDLE and self._is_answering():
            return Phase.BUSY
        return self._reading

    def _refuse_size(self, status: int | None = None) -> None:
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
        self._settle()
