"""Real proxies in front of a server on this machine: as careless people set them up, with the lines for
web sockets, and with and without buffering."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.ports import free_port


@dataclass(frozen=True)
class Front:
    """One way through a proxy. `http2`: its port that takes HTTP/2 without TLS."""

    port: int
    http2: int


@dataclass(frozen=True)
class Proxy:
    """A proxy's program, its file, and the ways through it: file and command name `ports`."""

    program: str
    file: str
    command: Callable[[str, Path], list[str]]
    extra: Mapping[str, str]

    def fronts(self, ports: Mapping[str, int]) -> dict[str, Front]:
        """The ways through it, by name."""
        return {name: Front(ports[name], ports[f"{name}_http2"]) for name in ("plain", "buffered")}


NGINX = """
daemon off; worker_processes 1; pid FOLDER/nginx.pid; error_log FOLDER/nginx.log;
events { worker_connections 256; }
http {
    access_log off;
    client_body_temp_path FOLDER/body; proxy_temp_path FOLDER/proxy;
    fastcgi_temp_path FOLDER/f; uwsgi_temp_path FOLDER/u; scgi_temp_path FOLDER/s;
    upstream twostep { server 127.0.0.1:UPSTREAM; keepalive 16; }
    proxy_http_version 1.1;
    proxy_set_header Host $http_host;
    proxy_set_header Upgrade $http_upgrade;
    proxy_set_header Connection "upgrade";
    underscores_in_headers on; ignore_invalid_headers off;
    server {
        listen 127.0.0.1:PLAIN; listen 127.0.0.1:PLAIN_HTTP2 http2;
        proxy_request_buffering off; proxy_buffering off;
        location / { proxy_pass http://twostep; }
    }
    server {
        listen 127.0.0.1:BUFFERED; listen 127.0.0.1:BUFFERED_HTTP2 http2;
        location / { proxy_pass http://twostep; }
    }
}
"""
HAPROXY = """
global
    maxconn 256
defaults
    mode http
    timeout connect 3s
    timeout client 10s
    timeout server 10s
    http-reuse always
    option accept-invalid-http-request
frontend plain
    bind 127.0.0.1:PLAIN
    bind 127.0.0.1:PLAIN_HTTP2 proto h2
    default_backend twostep
frontend buffered
    bind 127.0.0.1:BUFFERED
    bind 127.0.0.1:BUFFERED_HTTP2 proto h2
    option http-buffer-request
    default_backend twostep
backend twostep
    server node 127.0.0.1:UPSTREAM
"""
CADDY = """
{
    admin off
    auto_https off
    servers {
        protocols h1 h2c
    }
}
http://:PLAIN, http://:PLAIN_HTTP2 {
    bind 127.0.0.1
    reverse_proxy 127.0.0.1:UPSTREAM {
        flush_interval -1
    }
}
http://:BUFFERED, http://:BUFFERED_HTTP2 {
    bind 127.0.0.1
    reverse_proxy 127.0.0.1:UPSTREAM {
        request_buffers 64KiB
        response_buffers 64KiB
    }
}
"""
TRAEFIK = """
log: {level: ERROR}
providers: {file: {filename: FOLDER/routes.yml}}
entryPoints:
  plain: {address: "127.0.0.1:PLAIN"}
  plain2: {address: "127.0.0.1:PLAIN_HTTP2"}
  buffered: {address: "127.0.0.1:BUFFERED"}
  buffered2: {address: "127.0.0.1:BUFFERED_HTTP2"}
"""
TRAEFIK_ROUTES = """
http:
  routers:
    plain: {rule: "PathPrefix(`/`)", entryPoints: [plain, plain2], service: twostep}
    buffered:
      {rule: "PathPrefix(`/`)", entryPoints: [buffered, buffered2], service: twostep, middlewares: [whole]}
  middlewares: {whole: {buffering: {maxRequestBodyBytes: 1000000}}}
  services: {twostep: {loadBalancer: {servers: [{url: "http://127.0.0.1:UPSTREAM"}]}}}
"""
PROXIES = {
    "nginx": Proxy("nginx", NGINX, lambda exe, file: [exe, "-c", str(file)], {}),
    "haproxy": Proxy("haproxy", HAPROXY, lambda exe, file: [exe, "-db", "-f", str(file)], {}),
    "caddy": Proxy(
        "caddy",
        CADDY,
        lambda exe, file: [exe, "run", "--adapter", "caddyfile", "--config", str(file)],
        {},
    ),
    "traefik": Proxy(
        "traefik",
        TRAEFIK,
        lambda exe, file: [exe, f"--configFile={file}"],
        {"routes.yml": TRAEFIK_ROUTES},
    ),
}


def program(name: str) -> str:
    """Where it is installed: from the lock file, or from the system. Skips aloud without it."""
    places = f"{Path(sys.executable).parent}:/usr/sbin:/usr/bin"
    path = shutil.which(name, path=places)
    if path is None:
        pytest.skip(f"{name} is missing: run tools/test_packages.sh")
    return path


@contextmanager
def run_proxy(name: str, folder: Path, upstream: int) -> Iterator[dict[str, Front]]:
    """Run it in front of the server on port `upstream`; the ways through it, by name."""
    proxy = PROXIES[name]
    ports = {way: free_port() for way in ("plain_http2", "buffered_http2", "plain", "buffered")}
    words = {"FOLDER": str(folder), "UPSTREAM": str(upstream)}
    words |= {way.upper(): str(port) for way, port in ports.items()}
    for file, text in {"config.yml": proxy.file, **proxy.extra}.items():
        for word, value in words.items():
            text = text.replace(word, value)  # noqa: PLW2901
        (folder / file).write_text(text, encoding="utf-8")
    with run_program(proxy.command(program(proxy.program), folder / "config.yml"), folder):
        yield proxy.fronts(ports)


@contextmanager
def run_program(command: list[str], folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run a proxy; what it says goes into `proxy.log` of the folder."""
    environ = {"HOME": str(folder), "XDG_DATA_HOME": str(folder), "XDG_CONFIG_HOME": str(folder)}
    with (folder / "proxy.log").open("ab") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, env=environ)
    try:
        yield process
    finally:
        process.terminate()
        process.wait()
