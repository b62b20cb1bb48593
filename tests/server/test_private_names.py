"""Our connection and our server stand on names of uvicorn that it promises to nobody. Each must be there
in the version that is installed, and that version is the one that is pinned."""

from __future__ import annotations

import ast
import inspect
import re
import tomllib
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import httptools
import pytest
import uvicorn
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from twostep import server
from twostep.server import connection


ROOT = Path(__file__).resolve().parents[2]
# What some of uvicorn's attributes hold: `self.flow.write_paused` asks a FlowControl.
HOLDS = {
    "cycle": RequestResponseCycle,
    "flow": FlowControl,
    "parser": httptools.HttpRequestParser,
    "server_state": ServerState,
}
# What we put in place of uvicorn's own: under another name nobody would call it.
REPLACED = {
    connection.ClientConnection: {
        *("connection_made", "connection_lost", "data_received", "resume_writing"),
        *("on_headers_complete", "on_message_complete", "send_400_response"),
    },
    server._Server: {"startup", "on_tick", "capture_signals"},
}
STANDS_ON = {connection.ClientConnection: HttpToolsProtocol, server._Server: uvicorn.Server}


def tree_of(kind: type) -> ast.Module:
    return ast.parse(inspect.getsource(kind))


def made_by(kind: type) -> set[str]:
    """Every name that an object of this kind has: of its class, or assigned in one of its methods."""
    names = set(dir(kind))
    if kind.__module__.startswith(("uvicorn", "twostep")):
        for node in ast.walk(tree_of(kind)):
            if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
                names |= {node.attr} if is_self(node.value) else set()
    return names


def is_self(node: ast.expr) -> bool:
    return isinstance(node, ast.Name) and node.id == "self"


def asked_for(ours: type) -> Iterator[tuple[type, str]]:
    """Every name that our class asks of uvicorn, with the class that should have it."""
    theirs = STANDS_ON[ours]
    yield from ((theirs, name) for name in REPLACED[ours])
    known = set(vars(ours)) | own_attributes(ours)
    for node in ast.walk(tree_of(ours)):
        if not isinstance(node, ast.Attribute):
            continue
        holder = node.value
        if is_self(holder) and node.attr not in known:
            yield theirs, node.attr
        elif isinstance(holder, ast.Attribute) and is_self(holder.value) and holder.attr in HOLDS:
            yield HOLDS[holder.attr], node.attr
        elif isinstance(holder, ast.Call) and ast.unparse(holder) == "super()":
            yield theirs, node.attr
    for node in ast.walk(ast.parse(inspect.getsource(inspect.getmodule(ours) or server))):
        if isinstance(node, ast.Attribute) and ast.unparse(node.value) == theirs.__name__:
            yield theirs, node.attr


def own_attributes(ours: type) -> set[str]:
    """What our class assigns to itself under a leading underscore, as all of ours are written."""
    return {name for name in made_by(ours) - made_by(STANDS_ON[ours]) if name.startswith("_")}


def complaints(names: Iterator[tuple[type, str]]) -> list[str]:
    return sorted(
        f"uvicorn {uvicorn.__version__} has no {kind.__name__}.{name}, which src/twostep/server/"
        " stands on: read what came in its place before you pin this version."
        for kind, name in set(names)
        if name not in made_by(kind)
    )


@pytest.mark.parametrize("ours", STANDS_ON, ids=lambda kind: kind.__name__)
def test_uvicorn_has_every_name_that_we_stand_on(ours: type) -> None:
    assert complaints(asked_for(ours)) == []


def test_the_names_are_read_from_our_own_code() -> None:
    asked = {f"{kind.__name__}.{name}" for kind, name in asked_for(connection.ClientConnection)}
    assert asked >= {
        "HttpToolsProtocol.pipeline",
        "HttpToolsProtocol.url",
        "HttpToolsProtocol.on_headers_complete",
        "RequestResponseCycle.response_complete",
        "FlowControl.write_paused",
    }
    assert "Server.servers" in {
        f"{kind.__name__}.{name}" for kind, name in asked_for(server._Server)
    }


def test_a_name_that_is_missing_is_named() -> None:
    (sentence,) = complaints(iter([(HttpToolsProtocol, "cycle"), (FlowControl, "paused")]))
    assert "has no FlowControl.paused" in sentence


def test_the_version_is_pinned_exactly() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    (wanted,) = (line for line in project["dependencies"] if line.startswith("uvicorn"))
    lock = (ROOT / "requirements/run.lock").read_text(encoding="utf-8")
    (locked,) = re.findall(r"^uvicorn==(\S+)", lock, re.MULTILINE)
    assert (wanted, version("uvicorn")) == (f"uvicorn=={locked}", locked)
