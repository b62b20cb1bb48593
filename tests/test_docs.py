"""Documentation says what the code says: every command, option, setting, limit, test and link in it."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer

from conformance.rows import ROWS
from tools import reference
from tools.commands_page import list_commands
from twostep.cli.app import root
from twostep.config import load
from twostep.config.listing import SETTINGS
from twostep.core.audit.event import KINDS
from twostep.core.refusal import Reason
from twostep.core.sign_in import throttle
from twostep.flows.operate.guess_chance import most_guess_millionths


ROOT = Path(__file__).resolve().parent.parent
PAGES = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
LINK = re.compile(r"\]\(([^)\s]+)\)|src=\"([^\"]+)\"")


def test_reference_pages_are_written_from_this_code() -> None:
    assert reference.stale_pages() == []


def test_a_changed_page_is_noticed(tmp_path: Path) -> None:
    for name in reference.PAGES:
        (tmp_path / name).write_text(reference.page_text(name), encoding="utf-8")
    assert reference.stale_pages(tmp_path) == []
    page = tmp_path / "settings.md"
    page.write_text(page.read_text(encoding="utf-8").replace("`30`", "`31`"), encoding="utf-8")
    assert reference.stale_pages(tmp_path) == ["settings.md"]


@pytest.mark.parametrize(
    ("page", "names"),
    [
        ("commands.md", [name for name, _ in list_commands()]),
        ("settings.md", SETTINGS),
        ("events.md", KINDS),
        ("refusals.md", [reason.value for reason in Reason]),
    ],
)
def test_nothing_is_left_out(page: str, names: list[str]) -> None:
    text = reference.page_text(page)
    assert [name for name in names if f"`{name}`" not in text] == []


def test_every_setting_is_explained() -> None:
    assert [key for key, setting in SETTINGS.items() if not setting.field.description] == []


def test_a_table_survives_bars_and_line_breaks() -> None:
    assert reference.table(("a",), [("x | y\n  z",)]) == "| a |\n| --- |\n| x \\| y z |\n"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    targets = [link or source for link, source in LINK.findall(page.read_text(encoding="utf-8"))]
    inside = [t.partition("#")[0] for t in targets if not re.match(r"[a-z]+:|#", t)]
    assert [target for target in inside if not (page.parent / target).exists()] == []


def test_every_page_is_reached_from_the_index() -> None:
    index = ROOT / "docs" / "README.md"
    seen, waiting = set(), [index]
    while waiting:
        page = waiting.pop()
        if page not in seen and page.suffix == ".md" and page.is_file():
            seen.add(page)
            waiting += [
                (page.parent / target.partition("#")[0]).resolve()
                for target, _ in LINK.findall(page.read_text(encoding="utf-8"))
                if not re.match(r"[a-z]+:|#", target)
            ]
    assert set((ROOT / "docs").rglob("*.md")) - seen == set()


def examine_call(words: list[str]) -> str:
    """What is wrong with a call of `twostep`, given without its first word; empty when nothing is."""
    command: Any = typer.main.get_command(root)
    waiting = list(words)
    while waiting:
        word, _, value = waiting.pop(0).partition("=")
        verbs = getattr(command, "commands", {})
        if word.startswith("-"):
            option = next(
                (parameter for parameter in command.params if word in parameter.opts), None
            )
            if option is None and word != "--help":
                return f"{command.name or 'twostep'} has no {word}"
            if option is not None and not option.is_flag and not value:
                waiting = waiting[1:]
        elif verbs and word not in verbs:
            return f"{command.name or 'twostep'} has no {word}"
        elif verbs:
            command = verbs[word]
    return ""


def calls_in(text: str, program: str) -> list[list[str]]:
    """Every call of a program in code, by its words; `…` and what a shell adds end a call."""
    blocks = re.findall(r"^ *```\w*\n(.*?)^ *```", text, re.MULTILINE | re.DOTALL)
    pieces = [line for block in blocks for line in block.replace("\\\n", " ").splitlines()]
    pieces += re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", text, flags=re.DOTALL))
    start = re.compile(rf"\s*(?:sudo (?:-u twostep )?)?(?:[A-Z]+=\S+ )*(?:\S*/)?{program}\s+")
    return [
        shlex.split(re.split(r"\s[|>#]|[;…]", hit.string[hit.end() :])[0])
        for piece in pieces
        for part in piece.split("&&")
        if (hit := start.match(part))
    ]


def is_written_by_hand(page: Path) -> bool:
    return page.parent.name not in {"reference", "decisions"}


BY_HAND = [page for page in PAGES if is_written_by_hand(page)]
WITH_CALLS = [*BY_HAND, *(file for file in (ROOT / "deploy").rglob("*") if file.is_file())]


@pytest.mark.parametrize("page", WITH_CALLS, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_command_and_option_exists(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    if page.suffix == ".service":
        text = "```\n" + text.replace("ExecStart=", "") + "```\n"
    calls = [words for words in calls_in(text, "twostep") if words]
    assert [problem for words in calls if (problem := examine_call(words))] == []


@pytest.mark.parametrize("page", BY_HAND, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_target_of_make_exists(page: Path) -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    called = {
        words[0]
        for words in calls_in(page.read_text(encoding="utf-8"), "make")
        if words and re.fullmatch(r"[a-z-]+", words[0])
    }
    assert called - targets == set()


def test_a_wrong_command_is_noticed() -> None:
    text = (
        "```\nsudo -u twostep twostep --config FILE user ad x --emial y\n```\n`twostep keys list`"
    )
    first, second = calls_in(text, "twostep")
    assert examine_call(first) == "user has no ad"
    assert examine_call(["user", "add", "x", "--emial", "y"]) == "add has no --emial"
    assert examine_call(second) == ""


@pytest.mark.parametrize("page", BY_HAND, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_setting_that_is_named_exists(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    sections = {key.partition(".")[0] for key in SETTINGS if "." in key}
    named = re.findall(r"[`\s]((?:" + "|".join(sections) + r")\.[a-z_]+)\b(?=[` =])", text)
    limits = {rule.name for rule in throttle.RULES}
    assert {name.removesuffix("_file") for name in named} - set(SETTINGS) - limits == set()


def test_settings_in_examples_are_taken(tmp_path: Path) -> None:
    """Every TOML example is a configuration, once it has the one line that is required."""
    for page in BY_HAND:
        blocks = re.findall(
            r"```toml\n(.*?)```", page.read_text("utf-8").replace("\n   ", "\n"), re.DOTALL
        )
        whole = [block for block in blocks if "…" not in block]
        for number, block in enumerate(whole):
            text = re.sub(r'"/[\w/.-]*/([\w.-]+)"', rf'"{tmp_path}/\1"', block)
            for name in re.findall(r'_file = "([^"]+)"', text):
                (tmp_path / name).write_text("a secret of some length\n", encoding="utf-8")
            required = "" if "public_url" in text else 'public_url = "https://panel.example.com"\n'
            example = tmp_path / f"{page.stem}-{number}.toml"
            example.write_text(required + text, encoding="utf-8")
            assert load(example, environ={}).public_url.startswith("https://"), page


def test_the_limits_are_those_of_the_code() -> None:
    page = (ROOT / "docs/explanation/security.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `([\w.]+)` \| (\d+) \| (\d+|in a row) \|", page, re.MULTILINE)
    said = {(name, int(limit), within) for name, limit, within in rows}
    assert said == {(r.name, r.limit, str(r.window_seconds or "in a row")) for r in throttle.RULES}


def test_every_limit_is_counted_somewhere() -> None:
    """A limit that no flow counts would be a promise that nothing keeps."""
    core = (ROOT / "src/twostep/core/sign_in/throttle.py").read_text(encoding="utf-8")
    names = re.findall(r"^([A-Z_]+) = Rule\(", core, re.MULTILINE)
    assert len(names) == len(throttle.RULES)
    flows = "\n".join(
        file.read_text("utf-8") for file in (ROOT / "src/twostep/flows").rglob("*.py")
    )
    assert [name for name in names if f"throttle.{name}" not in flows] == []


def test_the_chance_of_a_guess_is_that_of_the_code() -> None:
    page = (ROOT / "docs/explanation/security.md").read_text(encoding="utf-8")
    for steps in (1, 0):
        overrides = {"public_url": "https://panel.example.com", "totp.tolerance_steps": steps}
        millionths = most_guess_millionths(load(None, environ={}, overrides=overrides))
        assert f"{millionths / 10_000:.4f} %" in page


EVIDENCE = [*(ROOT / "docs/explanation").glob("*.md")]


@pytest.mark.parametrize("page", EVIDENCE, ids=lambda page: page.name)
def test_every_test_that_is_named_exists(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for path, name in re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", text):
        source = (ROOT / path).read_text(encoding="utf-8")
        assert not name or re.search(rf"^(?:async )?def {name}\(", source, re.MULTILINE), name


# ASVS 5.0.0: how many requirements each section of the chapters that apply has.
ASVS_SECTIONS = {
    1: (2, 10, 12, 3, 3), 2: (3, 3, 5, 2), 3: (1, 3, 5, 8, 8, 1, 5), 4: (5, 5, 2, 4),
    6: (3, 12, 8, 6, 8, 4, 2, 4), 7: (3, 4, 2, 5, 3, 2), 8: (4, 4, 3, 2), 11: (4, 5, 5, 4, 2, 2, 2),
    12: (5, 2, 5), 13: (4, 6, 4, 7), 14: (2, 8, 3), 15: (5, 5, 7, 4), 16: (1, 5, 4, 3, 4),
}  # fmt: skip


def test_every_requirement_of_asvs_has_its_answer() -> None:
    page = (ROOT / "docs/explanation/asvs.md").read_text(encoding="utf-8")
    wanted = {
        (chapter, section, number)
        for chapter, sections in ASVS_SECTIONS.items()
        for section, most in enumerate(sections, start=1)
        for number in range(1, most + 1)
    }
    said = set()
    for match in re.finditer(r"\b(\d+)\.(\d+)\.(\d+)(?: to \1\.\2\.(\d+))?\b", page):
        chapter, section, first = (int(match[at]) for at in (1, 2, 3))
        said |= {(chapter, section, at) for at in range(first, int(match[4] or first) + 1)}
    assert (wanted - said, said - wanted) == (set(), set())


@pytest.mark.parametrize("page", EVIDENCE, ids=lambda page: page.name)
def test_every_row_of_the_card_that_is_named_exists(page: Path) -> None:
    rows = {row.id for row in ROWS}
    named = set(re.findall(r"\b([A-Z]{2,3}-\d{2})\b", page.read_text(encoding="utf-8")))
    assert named - rows == set()


def test_pictures_are_light() -> None:
    heavy = {picture.name: picture.stat().st_size for picture in (ROOT / "docs/images").iterdir()}
    assert {name: size for name, size in heavy.items() if size > 150 * 1024} == {}
