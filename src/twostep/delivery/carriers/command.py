"""A program chosen by the operator, for modems and gammu: number as argument, text on stdin.

No shell is involved, and the text is never an argument, where everybody on the machine could read
it. The exit status gives the outcome, with the codes of sysexits.h.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from twostep.config.carriers import CommandSettings
from twostep.core.messages.channel import Channel
from twostep.delivery.examination import Examined, Verdict
from twostep.delivery.message import Message, TextMessage
from twostep.delivery.port import (
    SEND_SECONDS,
    Accepted,
    Ambiguous,
    Failure,
    Misconfigured,
    Permanent,
    SendOutcome,
    Temporary,
    redact,
)
from twostep.delivery.site import Site


MAX_OUTPUT_BYTES = 4096
# Nothing else from our environment, which may hold keys and passwords.
PASSED_ON = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR")
_PERMANENT: Mapping[int, Failure] = {65: Failure.UNUSABLE, 67: Failure.UNUSABLE}
_OPERATOR = frozenset({64, 72, 77, 78, 126, 127})
_LATER = frozenset({69, 75})


@dataclass(frozen=True, slots=True)
class Program:
    """`argv`: the program and its arguments; `{to}` becomes the number, `{id}` the message id."""

    argv: tuple[str, ...]
    seconds: float = SEND_SECONDS - 1


class Command:
    """The carrier."""

    name = "command"
    channels = frozenset({Channel.SMS})

    def __init__(self, program: Program) -> None:
        self._program = program

    async def send(self, message: Message, *, now: int) -> SendOutcome:  # noqa: ARG002  the port's
        """Run the program once."""
        if not isinstance(message, TextMessage):
            return Misconfigured("the command carries texts only")
        argv = fill(self._program.argv, message)
        try:
            with _holding(message.text) as pipe:
                process = await _start(argv, pipe)
        except OSError as error:
            return Misconfigured(f"{argv[0]} cannot be run: {error.strerror}")
        return await _finish(process, seconds=self._program.seconds)

    async def examine(self, *, now: int) -> Examined:  # noqa: ARG002  the protocol's
        """Check the program without running it."""
        return examine(self._program)


async def build(section: CommandSettings, _site: Site) -> Command:
    """Build it from its settings."""
    return Command(Program(section.argv))


def examine(program: Program) -> Examined:
    """Check that the program exists and that we may run it."""
    name = program.argv[0]
    if not os.path.isfile(name):  # noqa: PTH113  the operator's path
        return Examined(Verdict.BROKEN, f"There is no program {name}. Check command.argv.")
    if not os.access(name, os.X_OK):
        return Examined(
            Verdict.BROKEN, f"This user may not run {name}. Check its rights: chmod, chown."
        )
    return Examined(
        Verdict.UNTESTED, "The program is there. Whether it sends cannot be tested without sending."
    )


def fill(argv: tuple[str, ...], message: TextMessage) -> list[str]:
    """Fill in number and id, in the arguments but not in the program's name."""
    values = {"{to}": message.to, "{id}": message.id}
    filled = [argv[0]]
    for argument in argv[1:]:
        text = argument
        for name, value in values.items():
            text = text.replace(name, value)
        filled.append(text)
    return filled


@contextmanager
def _holding(text: str) -> Iterator[int]:
    """A pipe with the text already written to it, which is far shorter than a pipe's buffer.

    So a program that ends without reading causes no error here, whichever event loop runs.
    """
    reading, writing = os.pipe()
    try:
        with os.fdopen(writing, "wb") as pipe:
            pipe.write(text.encode())
        yield reading
    finally:
        os.close(reading)


async def _start(argv: list[str], stdin: int) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *argv,
        stdin=stdin,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env={name: os.environ[name] for name in PASSED_ON if name in os.environ},
        start_new_session=True,
    )


async def _finish(process: asyncio.subprocess.Process, *, seconds: float) -> SendOutcome:
    try:
        async with asyncio.timeout(seconds):
            output, _ = await process.communicate()
    except TimeoutError:
        return Ambiguous("the command did not end in time")
    finally:
        # Kill its children too. After a normal exit there is nothing left to signal.
        if process.returncode is None:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
    return read_status(process.returncode or 0, output[:MAX_OUTPUT_BYTES].decode(errors="replace"))


def read_status(status: int, output: str) -> SendOutcome:
    """Map an exit status (sysexits.h) to an outcome. A killed program may already have sent."""
    if status == 0:
        return Accepted(redact(output, limit=80))
    if status < 0:
        return Ambiguous("the command was killed")
    if status in _PERMANENT:
        return Permanent(_PERMANENT[status])
    if status in _OPERATOR:
        return Misconfigured(f"the command ended with {status}: {redact(output)}")
    kind = "asks to try again" if status in _LATER else "failed"
    return Temporary(f"the command {kind} ({status}): {redact(output)}")
