"""`twostep serve`, `worker` and `demo`: commands that run until they are stopped."""

from __future__ import annotations

import gc
import os
from collections.abc import Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from twostep.cli.failure import MISUSED, CommandFailed
from twostep.cli.shell import shell_of


if TYPE_CHECKING:
    from structlog.typing import FilteringBoundLogger

T = TypeVar("T")

FEW_DAYS = 14

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

    from twostep.config.kinds import is_loopback
    from twostep.config.loading import list_service_links
    from twostep.logs import configure_logging

    if (tls_cert is None) != (tls_key is None):
        raise CommandFailed("Give both --tls-cert and --tls-key, or neither.", MISUSED)
    tls = (tls_cert, tls_key) if tls_cert and tls_key else None
    shell = shell_of(context)
    settings = shell.load_settings()
    configure_logging(settings.log_level)
    log = structlog.get_logger("twostep.serve")
    if links := list_service_links(os.environ):
        log.debug("settings.service_links_passed_over", variables=links)
    for warning in settings.warnings:
        log.warning("settings.unusual", what=warning)
    if tls is not None:
        _warn_of_certificate(log, tls[0], now=shell.wiring.clock())
    if tls is None and not is_loopback(host):
        log.warning("serve.plain_http", host=host, what="only a proxy may reach this address")

    def ready() -> None:
        log.info("serve.ready", url=settings.public_url, host=host, port=port)

    _run(shell.wiring.serve(settings, host=host, port=port, tls=tls, ready=ready))
    log.info("serve.stopped")


def _warn_of_certificate(log: FilteringBoundLogger, path: Path, *, now: int) -> None:
    """Say that browsers refuse the certificate, or soon will."""
    from cryptography import x509

    try:
        certificate = x509.load_pem_x509_certificate(path.read_bytes())
    except (OSError, ValueError):  # said when it is used
        return
    days = (int(certificate.not_valid_after_utc.timestamp()) - now) // 86_400
    if days < 0:
        log.error("serve.certificate_expired", file=str(path), what="browsers refuse it: renew it")
    elif days < FEW_DAYS:
        log.warning("serve.certificate_expires", file=str(path), days=days)


def worker(context: typer.Context) -> None:
    """Send messages alongside several servers; with SQLite the only server does that itself."""
    import structlog

    from twostep.logs import configure_logging

    shell = shell_of(context)
    settings = shell.load_settings()
    configure_logging(settings.log_level)
    log = structlog.get_logger("twostep.worker")

    def ready() -> None:
        log.info("worker.ready", database=shell.wiring.database(settings))

    _run(shell.wiring.worker(settings, ready=ready))
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
