"""`twostep serve`, `worker` and `demo`: commands that run until they are stopped."""

from __future__ import annotations

import gc
import os
from collections.abc import Coroutine
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

from twostep.cli.failure import MISUSED, CommandFailed
from twostep.cli.shell import shell_of


T = TypeVar("T")

Port = Annotated[int, typer.Option(min=1, max=65535, help="Port to listen on.")]


def serve(
    context: typer.Context,
    *,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Port = 8080,
    tls_cert: Annotated[Path | None, typer.Option(help="Certificate chain, PEM.")] = None,
    tls_key: Annotated[Path | None, typer.Option(help="Its key, PEM, no passphrase.")] = None,
) -> None:
    """Run the server. Without --tls-cert, put a proxy that speaks https in front of it."""
    # Objects created at startup live as long as the process, so collecting them repeatedly is wasted
    # work. The server enables collection again before it is ready.
    gc.disable()
    import structlog

    from twostep import server
    from twostep.config.kinds import is_loopback
    from twostep.config.loading import list_service_links
    from twostep.logs import configure_logging

    if (tls_cert is None) != (tls_key is None):
        raise CommandFailed("Give both --tls-cert and --tls-key, or neither.", MISUSED)
    tls = (tls_cert, tls_key) if tls_cert and tls_key else None
    shell = shell_of(context)
    reader = shell.read_settings()
    settings = reader.settings
    configure_logging(settings.log_level)
    server.outlive_hangups()
    log = structlog.get_logger("twostep.serve")
    if links := list_service_links(os.environ):
        log.debug("settings.service_links_passed_over", variables=links)
    for warning in settings.warnings:
        log.warning("settings.unusual", what=warning)
    if tls is not None:
        server.warn_of_expiry(tls[0], now=shell.wiring.clock())
    if tls is None and not is_loopback(host):
        log.warning("serve.plain_http", host=host, what="only a proxy may reach this address")

    def ready() -> None:
        log.info("serve.ready", url=settings.public_url, host=host, port=port)

    _run(shell.wiring.serve(reader, host=host, port=port, tls=tls, ready=ready))
    log.info("serve.stopped")


def worker(context: typer.Context) -> None:
    """Send messages alongside several servers; with SQLite the only server does that itself."""
    import structlog

    from twostep import server
    from twostep.logs import configure_logging

    shell = shell_of(context)
    reader = shell.read_settings()
    settings = reader.settings
    configure_logging(settings.log_level)
    server.outlive_hangups()
    log = structlog.get_logger("twostep.worker")

    def ready() -> None:
        log.info("worker.ready", database=shell.wiring.database(settings))

    _run(shell.wiring.worker(reader, ready=ready))
    log.info("worker.stopped")


def demo(
    context: typer.Context,
    *,
    port: Port = 8080,
    data_dir: Annotated[
        Path | None, typer.Option(help="Keep everything there. Default: a temporary folder.")
    ] = None,
    sets: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Change a setting; may be repeated."),
    ] = None,
) -> None:
    """Run the whole product on this machine, with two accounts and a fake phone."""
    raise typer.Exit(
        _run(shell_of(context).wiring.demo(port=port, data_dir=data_dir, sets=sets or []))
    )


def _run(running: Coroutine[Any, Any, T]) -> T:
    """Run to the end. A failed job means exit code 1, so that a supervisor restarts the process."""
    from twostep import server
    from twostep.flows.operate.jobs import JobFailed

    try:
        return server.run(running)
    except JobFailed as error:
        raise CommandFailed(str(error)) from None
