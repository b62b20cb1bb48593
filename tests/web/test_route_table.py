"""Paths and pages find each other, and what is no path of a page finds none."""

from __future__ import annotations

import re
from importlib import resources

import pytest
from starlette.convertors import CONVERTOR_TYPES
from starlette.responses import Response

from tests.support.product import Browser, TestProduct
from twostep.web.route_table import RouteTable
from twostep.web.routes import PAGES


TABLE = RouteTable(PAGES, Response())
PARTS = {"id": "a-1", "token": "x_Y.z", "name": "twostep.css"} | {
    "provider": "webhook", "what": "status", "message": "m1", "step": "read",
}  # fmt: skip
URL_CALL = re.compile(r'\burl\("([\w.]+)"((?:, \w+=[\w.]+)*)\)')


def parts_of(path: str) -> dict[str, str]:
    return {name: PARTS[name] for name in re.findall(r"\{(\w+)\}", path)}


def test_every_page_has_a_name_of_its_own_and_is_found_under_its_path() -> None:
    assert len({page.name for page in PAGES}) == len(PAGES)
    for page in PAGES:
        parts = parts_of(page.path)
        path = TABLE.path_for(page.name, **parts)
        assert path == page.path.format(**parts)
        assert TABLE.find(path) == (page, parts)
        assert TABLE.pattern_of(path) == page.path


@pytest.mark.parametrize("value", ["", "a/b", "a b", "a\n", "a?b", "x" * 101, "ä", "\x00"])
def test_what_could_not_be_read_again_is_no_part_of_a_path(value: str) -> None:
    with pytest.raises(ValueError, match="not a path of"):
        TABLE.path_for("methods.remove", id=value)
    assert TABLE.find(f"/settings/security/method/{value}/remove") is None


def test_a_page_that_is_not_there_has_no_path() -> None:
    with pytest.raises(LookupError, match=r"methods\.nothing"):
        TABLE.path_for("methods.nothing")
    for parts in ({}, {"token": "x"}):
        with pytest.raises(LookupError, match="id"):
            TABLE.path_for("methods.remove", **parts)


@pytest.mark.parametrize(
    "path",
    [
        "/settings%0A",
        "/settings//",
        "/Settings",
        "/settings/security/method/a1%0A/remove",
        "/settings/security/method/a1%2Fb/remove",
        "/settings/security/method/a1%00/remove",
        "/static/twostep.css%0A",
        f"/not-me/{'x' * 101}",
        "/not-me/",
        "/not-me/x/y",
        "/settings%00",
    ],
)
def test_a_path_that_is_almost_a_page_is_none(owner: Browser, path: str) -> None:
    for browser in (owner, owner.product.browser()):
        assert browser.get(path).status_code == 404


def test_our_parts_are_not_told_to_the_whole_process(product: TestProduct) -> None:
    """Another Starlette application in this process has its own idea of a part."""
    assert product.browser().get("/static/twostep.css").status_code == 200
    assert set(CONVERTOR_TYPES) == {"str", "path", "int", "float", "uuid"}


def test_templates_name_pages_that_there_are_with_all_their_parts() -> None:
    pages = {page.name: page for page in PAGES}
    mistakes, calls = [], 0
    for folder in ("templates", "templates/parts"):
        for file in resources.files("twostep.web").joinpath(folder).iterdir():
            if not file.name.endswith(".html"):
                continue
            for name, given in URL_CALL.findall(file.read_text(encoding="utf-8")):
                calls += 1
                path = pages[name].path if name in pages else "?"
                if set(re.findall(r"(\w+)=", given)) != set(parts_of(path)) or path == "?":
                    mistakes.append(f"{file.name}: {name}{given}")
    assert calls > 100
    assert mistakes == []
