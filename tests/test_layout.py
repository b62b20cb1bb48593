"""The rooms of the house: no folder is a heap, no module imports in a circle, and the page that shows
the rooms is true."""

from __future__ import annotations

import ast
import re
from collections import Counter, defaultdict
from graphlib import CycleError, TopologicalSorter
from pathlib import Path


ROOT = Path(__file__).resolve().parent.parent
SRC = ROOT / "src" / "twostep"
LAYERS = ("core", "store", "delivery", "flows", "web", "cli")
LARGEST_FOLDER = 15


def name_of(path: Path) -> str:
    parts = path.relative_to(SRC.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {name_of(path): path for path in SRC.rglob("*.py")}


def imports_of(path: Path) -> set[str]:
    """Every module of ours that a file imports, wherever in it: at the top, for types, or in a function."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            full = (f"{node.module}.{alias.name}" for alias in node.names)
            names |= {name if name in MODULES else str(node.module) for name in full}
    return names & MODULES.keys()


def rooms() -> dict[str, set[str]]:
    """Folders below each layer, down to the deepest, by layer."""
    folders = defaultdict(set)
    for path in SRC.rglob("*.py"):
        layer, *below = path.relative_to(SRC).parent.parts or [""]
        if layer in LAYERS and below:
            folders[layer].add("/".join(below))
    return dict(folders)


def test_no_folder_is_a_heap() -> None:
    sizes = Counter(path.parent for path in SRC.rglob("*.py") if path.name != "__init__.py")
    heaps = {f"{folder.relative_to(SRC)}": n for folder, n in sizes.items() if n > LARGEST_FOLDER}
    assert heaps == {}


def test_no_module_imports_itself_through_others() -> None:
    graph = {name: imports_of(path) - {name} for name, path in MODULES.items()}
    try:
        TopologicalSorter(graph).prepare()
        circle = []
    except CycleError as error:
        circle = error.args[1]
    assert circle == []


def test_every_module_stands_in_a_room_that_the_page_names() -> None:
    page = (ROOT / "docs/explanation/architecture.md").read_text(encoding="utf-8")
    named = set(re.findall(r"^\| `([a-z_/]+)` \|", page, flags=re.MULTILINE))
    unnamed = {
        f"{layer}/{room}"
        for layer, folders in rooms().items()
        for room in folders
        if not {*room.split("/")} & named
    }
    assert unnamed == set()
    known = {room.rpartition("/")[2] for folders in rooms().values() for room in folders}
    alone = {path.parent.name for path in SRC.rglob("*.py")} | {path.stem for path in SRC.glob("*")}
    assert named - known - alone == set()


def test_every_place_of_the_change_table_exists() -> None:
    page = (ROOT / "docs/explanation/architecture.md").read_text(encoding="utf-8")
    table = page.partition("## Where a change goes")[2]
    paths = re.findall(r"`([a-z_/]+/[a-z_]*(?:\.\w+)?)`", table)
    roots = (SRC, ROOT)
    missing = [path for path in paths if not any((root / path).exists() for root in roots)]
    assert len(paths) > 20
    assert missing == []


def test_the_rules_are_asked_in_one_place() -> None:
    """Who must have two-step sign-in, and whether there are phones, is for `core/policy` to say."""
    settings = {"require_two_step", "phones", "recovery_wait_hours"}
    readers = {
        path.relative_to(SRC).as_posix()
        for path in SRC.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute)
        and node.attr in settings
        and isinstance(node.ctx, ast.Load)
        and (isinstance(node.value, ast.Attribute | ast.Name))
        and getattr(node.value, "attr", getattr(node.value, "id", "")) == "policy"
    }
    assert readers == {"config/settings.py", "flows/policy/decide.py"}
