"""Reference pages say what the code says, and no link in the documentation leads nowhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tools import reference
from tools.commands_page import list_commands
from twostep.config.listing import SETTINGS
from twostep.core.event import KINDS
from twostep.core.refusal import Reason


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
    targets = [one or two for one, two in LINK.findall(page.read_text(encoding="utf-8"))]
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
                (page.parent / one.partition("#")[0]).resolve()
                for one, _ in LINK.findall(page.read_text(encoding="utf-8"))
                if not re.match(r"[a-z]+:|#", one)
            ]
    assert set((ROOT / "docs").rglob("*.md")) - seen == set()
