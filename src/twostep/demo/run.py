"""`twostep demo`: the whole product with a fake phone; nothing leaves this machine."""

from __future__ import annotations

import asyncio
import socket
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from twostep import server
from twostep.core.messages.channel import Channel
from twostep.delivery.console import Console, Inbox
from twostep.demo import folder as demo_folder
from twostep.demo.apps import PhoneApps
from twostep.demo.asked import PHONE
from twostep.demo.beside import framed_by_itself
from twostep.demo.calls import Calls
from twostep.demo.clock import DemoClock
from twostep.demo.company import PhoneCompany
from twostep.demo.parts import Demo
from twostep.demo.people import PEOPLE, add_people
from twostep.demo.routes import PREFIX, pages
from twostep.logs import configure_logging
from twostep.main import build_app, open_product, system_clock


ADDRESSES = ("127.0.0.1", "::1")


async def run_demo(*, port: int, data_dir: Path | None, sets: list[str]) -> int:
    """Run until a stop signal and return the exit code.

    `data_dir` None: a temporary folder, removed at the end. `sets`: `KEY=VALUE`, as on the command
    line. Raises `ConfigError`, `StartError` and `PortTaken`, which say what to do.
    """
    _stop_while_starting()
    sockets = server.listen(ADDRESSES, port)
    try:
        with demo_folder.open_folder(data_dir) as folder:
            await _serve(folder, port=port, sets=sets, sockets=sockets)
    except asyncio.CancelledError:  # stopped while starting
        return 0
    finally:
        for listener in sockets:
            listener.close()
    return 0


def _stop_while_starting() -> None:
    """Let a stop signal end the demo cleanly even before the server handles signals."""
    task = asyncio.current_task()
    loop = asyncio.get_running_loop()
    if task is not None:
        for number in server.STOP_SIGNALS:
            loop.add_signal_handler(number, task.cancel)


async def _serve(folder: Path, *, port: int, sets: list[str], sockets: list[socket.socket]) -> None:
    public_url = _url("localhost", port)
    settings = await demo_folder.prepare(folder, public_url=public_url, sets=sets)
    configure_logging(settings.log_level)
    clock, inbox = DemoClock(system_clock), Inbox()
    company = PhoneCompany(inbox)
    console = Console(inbox, behave=company.behave, report=company.report)
    carriers, stop = {channel: [console] for channel in Channel}, asyncio.Event()
    async with open_product(settings, carriers, stop=stop.set, clock=clock, demo=True) as product:
        env = product.env
        company.connect(env)
        await add_people(env)
        demo = Demo(env, clock, inbox, company, Calls(), PhoneApps())
        app = build_app(
            replace(env, demo_accounts=tuple((each.name, each.password) for each in PEOPLE)),
            extra=pages(demo),
            also_at=[_url("127.0.0.1", port)],
            refuse_forwarded=True,
            unchecked=PREFIX,
        )
        try:
            phone_url = public_url + app.table.path_for(PHONE)
            announce = _announce(public_url, phone_url, folder)
            await server.serve(framed_by_itself(app), sockets, ready=announce, stop=stop)
        finally:
            await console.close()


def _url(host: str, port: int) -> str:
    return f"http://{host}" if port == 80 else f"http://{host}:{port}"


def _announce(public_url: str, phone_url: str, folder: Path) -> Callable[[], None]:
    """Print, once requests are served, the line that scripts wait for, then what to try."""
    people = "\n".join(f"  {person.name:<8}{person.password}" for person in PEOPLE)
    lines = f"""\
Twostep demo ready on {public_url}

Sign in as one of these:
{people}

Everything the panel sends arrives on a fake phone: {phone_url}
Numbers to add there: +1 202 555 0100 to 0149; +44 20 7946 0000 takes calls only.

Command line beside it: twostep --config {folder / demo_folder.SETTINGS_FILE} user list
Ctrl+C ends the demo.
"""

    def announce() -> None:
        sys.stdout.write(lines)
        sys.stdout.flush()

    return announce
