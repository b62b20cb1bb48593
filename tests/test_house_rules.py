"""Rules of this house that no linter knows. Each test names every place that breaks its rule."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from twostep.core.refusal import Reason
from twostep.demo.routes import PREFIX
from twostep.web.routes import PAGES


ROOT = Path(__file__).resolve().parent.parent
SRC = ROOT / "src" / "twostep"
MODULES = sorted(SRC.rglob("*.py"))
TEST_FILES = sorted((ROOT / "tests").rglob("*.py"))
BESIDE = sorted(
    path
    for folder in ("tests", "bench", "tools", "conformance")
    for path in (ROOT / folder).rglob("*.py")
)
BANNED_NAMES = frozenset({"manager", "service", "handler", "helper", "mixin", "base", "util"})
BANNED_WORDS = re.compile(
    r"\b(token|factor|enrol\w*|t?otp|credential|invalid|oops|please)s?\b", re.IGNORECASE
)
# Elsewhere an unexpected exception is a bug and must be seen.
MAY_CATCH_ALL = frozenset(
    {"web/door/app.py", "store/engine/sqlite.py", "flows/messages/outbox.py", "serving.py"}
)
# The routes, what makes a table of them, and the application of a port that has one page alone.
MAY_NAME_PATHS = frozenset(
    {"web/routes.py", "demo/routes.py", "web/route_table.py", "web/pages/operate/metrics.py"}
)
FIRST_PARTS = {page.path.split("/")[1] for page in PAGES} - {""} | {PREFIX.strip("/")}
OUR_PATH = re.compile(rf"(?<![\w.<>/:])/(?:{'|'.join(map(re.escape, FIRST_PARTS))})(?![\w-])|^/$")
SQL = re.compile(
    r"\b(SELECT\b.+\bFROM|INSERT\s+INTO|UPDATE\s+\w+\s+SET|DELETE\s+FROM|(CREATE|ALTER|DROP)\s+TABLE)\b",
    re.DOTALL,
)
Function = ast.FunctionDef | ast.AsyncFunctionDef


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def where(path: Path, node: ast.AST | None = None) -> str:
    place = path.relative_to(SRC if path.is_relative_to(SRC) else ROOT).as_posix()
    return f"{place}:{node.lineno}" if node is not None else place  # type: ignore[attr-defined]


def functions(path: Path) -> Iterator[Function]:
    return (node for node in ast.walk(tree(path)) if isinstance(node, Function))


def given_name(node: ast.AST) -> str | None:
    """The name that a node gives to something, if it gives any."""
    match node:
        case ast.Name(id=name, ctx=ast.Store()) | ast.arg(arg=name) | ast.alias(asname=name):
            return name
        case ast.ExceptHandler(name=name) | ast.MatchAs(name=name):
            return name
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            return name
    return None


def strings(path: Path) -> Iterator[ast.Constant]:
    """All string constants but docstrings."""
    docstrings = {
        id(node.body[0].value)
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Module | ast.ClassDef | Function)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield from [node] if id(node) not in docstrings else []


@cache
def tracked_files() -> tuple[Path, ...]:
    """What belongs to the project: what git knows or would take."""
    if not (ROOT / ".git").exists() or shutil.which("git") is None:
        pytest.skip("no git here, so nothing says which files belong to the project")
    listing = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    ).stdout.decode()
    return tuple(ROOT / name for name in listing.split("\0") if name and (ROOT / name).is_file())


def test_a_module_has_300_lines_at_most() -> None:
    long = {where(p): n for p in MODULES if (n := len(p.read_text("utf-8").splitlines())) > 300}
    assert long == {}


def test_a_function_has_45_lines_at_most() -> None:
    lengths = {
        f"{where(path, node)} {node.name}": (node.end_lineno or 0) - node.lineno + 1
        for path in MODULES
        for node in functions(path)
    }
    assert {name: length for name, length in lengths.items() if length > 45} == {}


def test_a_function_takes_six_parameters_at_most() -> None:
    """In all, by name or by place. Options of the command line are the parameters of its verbs."""
    counts = {}
    for path in MODULES:
        for node in functions(path):
            names = [
                argument.arg
                for argument in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)
            ]
            if names[:1] in (["self"], ["cls"]):
                names = names[1:]
            is_verb = path.is_relative_to(SRC / "cli") and names[:1] == ["context"]
            counts[f"{where(path, node)} {node.name}"] = 0 if is_verb else len(names)
    assert {name: count for name, count in counts.items() if count > 6} == {}


def test_names_say_what_a_thing_is() -> None:
    """A participle or a pronoun is no name: it says what happened to a thing, not what it is."""
    vague = {"done", "ended", "found", "one", "own", "risen", "told", "wrong"}
    places = [
        f"{where(path, node)} {name}"
        for path in (*MODULES, *BESIDE)
        for node in ast.walk(tree(path))
        if (name := given_name(node)) in vague
    ]
    assert places == []


def test_every_module_says_what_it_is_for() -> None:
    assert [where(p) for p in MODULES if tree(p).body and not ast.get_docstring(tree(p))] in (
        [],
        ["__init__.py"],
    )


def test_names_say_what_a_thing_does() -> None:
    offenders = [
        where(path)
        for path in MODULES
        if BANNED_NAMES & {part.rstrip("s") for part in path.stem.split("_")}
    ]
    for path in MODULES:
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.ClassDef):
                parts = re.findall(r"[A-Z][a-z0-9]*", node.name)
                if BANNED_NAMES & {part.lower().rstrip("s") for part in parts}:
                    offenders.append(f"{where(path, node)} {node.name}")
    assert offenders == []


def test_a_class_has_its_name_to_itself() -> None:
    places: dict[str, list[str]] = {}
    for path in MODULES:
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.ClassDef):
                places.setdefault(node.name, []).append(where(path, node))
    assert {name: several for name, several in places.items() if len(several) > 1} == {}


def is_broad(node: ast.ExceptHandler) -> bool:
    caught = node.type.elts if isinstance(node.type, ast.Tuple) else [node.type]
    broad = any(
        kind is None or (isinstance(kind, ast.Name) and kind.id in {"Exception", "BaseException"})
        for kind in caught
    )
    last = node.body[-1]
    cleans_up = isinstance(last, ast.Raise) and last.exc is None
    return broad and not cleans_up


def test_broad_excepts_stand_at_four_places_only() -> None:
    offenders = [
        where(path, node)
        for path in MODULES
        for node in ast.walk(tree(path))
        if isinstance(node, ast.ExceptHandler)
        and is_broad(node)
        and where(path) not in MAY_CATCH_ALL
    ]
    assert offenders == []


def test_sql_stands_in_the_store_only() -> None:
    offenders = [
        where(path, node)
        for path in MODULES
        if not path.is_relative_to(SRC / "store")
        for node in strings(path)
        if SQL.search(str(node.value))
    ]
    assert offenders == []


def compared(path: Path) -> set[int]:
    """Strings that a path is only compared with, or that stay as they are when one is quoted."""
    calls = [node for node in ast.walk(tree(path)) if isinstance(node, ast.Call)]
    strips = {"startswith", "lstrip", "removesuffix"}
    nodes = [a for c in calls if getattr(c.func, "attr", "") in strips for a in c.args]
    nodes += [word.value for call in calls for word in call.keywords if word.arg == "safe"]
    return {id(node) for node in nodes}


def test_code_names_pages_and_not_their_paths() -> None:
    offenders = [
        f"{where(path, node)} {node.value}"
        for path in MODULES
        if where(path).startswith(("web/", "demo/")) and where(path) not in MAY_NAME_PATHS
        for node in strings(path)
        if OUR_PATH.search(str(node.value)) and id(node) not in compared(path)
    ]
    assert offenders == []


def test_templates_name_pages_and_not_their_paths() -> None:
    offenders = []
    for path in sorted(SRC.glob("*/templates/**/*.html")):
        text = re.sub(r"\{#.*?#\}", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
        in_code = re.findall(r"""["'](/[\w.-]+)""", text)
        in_attributes = re.findall(r"""=["'](/[\w.-]*)""", text)
        hits = {hit for hit in (*in_code, *in_attributes) if OUR_PATH.search(hit)}
        offenders += [f"{where(path)}: {hit}" for hit in sorted(hits)]
    assert offenders == []


def visible_words(template: str) -> str:
    """What of a template can reach a reader: text, marked strings and attributes that are read."""
    text = re.sub(r"\{#.*?#\}", " ", template, flags=re.DOTALL)
    marked = re.findall(r"""\b_\(\s*(?:"([^"]*)"|'([^']*)')""", text)
    text = re.sub(r"\{[{%].*?[%}]\}", " ", text, flags=re.DOTALL)
    read_out = re.findall(r'\b(?:alt|title|aria-label|placeholder)="([^"]*)"', text)
    text = re.sub(r"<[^>]*>|\b(aria|data)-[\w-]+=", " ", text)
    return " ".join([text, *(double or single for double, single in marked), *read_out])


def test_templates_say_no_banned_word() -> None:
    offenders = []
    for path in sorted(SRC.glob("*/templates/**/*.*")):
        # The Help page says once what other guides call a code.
        words = visible_words(path.read_text(encoding="utf-8")).replace("“token”", "")
        offenders += [f"{where(path)}: {hit.group()}" for hit in BANNED_WORDS.finditer(words)]
    assert offenders == []


def test_marked_words_say_no_banned_word() -> None:
    offenders = []
    for path in MODULES:
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.Call):
                name = getattr(node.func, "attr", getattr(node.func, "id", ""))
                if name in {"_", "N_", "gettext", "ngettext", "pgettext"}:
                    said = [a.value for a in node.args if isinstance(a, ast.Constant)]
                    if hit := BANNED_WORDS.search(" ".join(str(words) for words in said)):
                        offenders.append(f"{where(path, node)}: {hit.group()}")
    assert offenders == []


def test_files_name_no_registry_and_no_machine() -> None:
    # Written in two halves, so that this file may pass its own test.
    hosts = [
        "pypi" + r"\.org",
        "python" + r"hosted\.org",
        "npm" + r"js\.(org|com)",
        "deb" + r"ian\.org",
    ]
    folders = ["/wo" + "rk/", "/ro" + "ot/", "/ho" + r"me/\w", r"/tm" + "p/", r"\.lib" + "rary/"]
    beside = r"\.\./sha" + "red"
    pattern = re.compile("|".join([*hosts, *folders]))
    offenders = []
    for path in tracked_files():
        text = path.read_bytes().decode("utf-8", errors="ignore")
        offenders += [f"{where(path)}: {hit.group()}" for hit in pattern.finditer(text)]
        if where(path) != ".ci/run":
            offenders += [f"{where(path)}: {hit.group()}" for hit in re.finditer(beside, text)]
    assert offenders == []


def test_every_dependency_is_explained() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = [*project["dependencies"]]
    for group in project.get("optional-dependencies", {}).values():
        wanted += group
    for file in ("build.in", "dev.in"):
        lines = (ROOT / "requirements" / file).read_text(encoding="utf-8").splitlines()
        wanted += [line for line in lines if line and not line.startswith(("-", "#"))]
    names = {re.match(r"[\w.-]+", line).group() for line in wanted}  # type: ignore[union-attr]
    page = (ROOT / "docs/explanation/dependencies.md").read_text(encoding="utf-8")
    explained = set(re.findall(r"^\| `([\w.-]+)` \|", page, flags=re.MULTILINE))
    assert explained == names


def test_every_refusal_is_documented() -> None:
    page = (ROOT / "docs/reference/refusals.md").read_text(encoding="utf-8")
    assert [reason.value for reason in Reason if f"| `{reason.value}` |" not in page] == []
    rows = re.findall(r"^\| `([^`]+)` \| [^|]+ \| [^|]{10,} \|$", page, flags=re.MULTILINE)
    assert set(rows) == {reason.value for reason in Reason}


def test_the_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) < 120


@cache
def asserting_names() -> frozenset[str]:
    """Functions of the tests that assert something themselves: a test may leave it to them."""
    return frozenset(
        node.name for path in TEST_FILES for node in functions(path) if asserts(node, frozenset())
    ) - {"main", "run"}


def asserts(node: Function, others: frozenset[str]) -> bool:
    for inner in ast.walk(node):
        if isinstance(inner, ast.Assert):
            return True
        if isinstance(inner, ast.Call):
            name = getattr(inner.func, "attr", getattr(inner.func, "id", ""))
            if name in {"raises", "expect", "fail", "run_state_machine_as_test"}:
                return True
            if name.startswith("assert_") or name in others:
                return True
    return False


def test_every_test_can_fail() -> None:
    offenders = [
        f"{where(path, node)} {node.name}"
        for path in TEST_FILES
        for node in functions(path)
        if node.name.startswith("test_") and not asserts(node, asserting_names())
    ]
    assert offenders == []
