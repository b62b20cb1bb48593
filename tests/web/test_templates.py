"""Every page in every state keeps the rules that hold for all of them."""

from __future__ import annotations

import dataclasses
import gzip
import re
import sys
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
from markupsafe import Markup


sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tools"))
from gallery_samples import URL
from gallery_states import states

from twostep.i18n import LANGUAGES
from twostep.web.frame.render import groups, ltr, render


BANNED = re.compile(
    r"\b(token|factor|enrol\w*|t?otp|credential|invalid|oops|please)s?\b", re.IGNORECASE
)
PAGES = [(language.code, name) for language in LANGUAGES for name in states(language.code)]
WEB = resources.files("twostep.web")


def page(language: str, name: str) -> str:
    template, context = states(language)[name]
    return render(template, language=language, time_zone="Europe/Paris", url=URL, **context)


@pytest.mark.parametrize(("language", "name"), PAGES)
def test_page_keeps_to_the_content_policy_and_the_budget(language: str, name: str) -> None:
    html = page(language, name)
    assert len(gzip.compress(html.encode(), 9)) <= 10_240
    assert not re.search(r"<[^>]+\s(style|on\w+)=", html)
    assert set(re.findall(r"<script[^>]*>(.*?)</script>", html, re.DOTALL)) == {""}
    assert "<style" not in html


@pytest.mark.parametrize(("language", "name"), PAGES)
def test_page_is_well_built(language: str, name: str) -> None:
    html = page(language, name)
    assert len(re.findall(r"<h1\b", html)) == 1
    ids = re.findall(r'\sid="([^"]+)"', html)
    assert len(ids) == len(set(ids))
    for target in re.findall(r'(?:\bfor|aria-labelledby)="([^"]+)"|href="#([^"]+)"', html):
        assert (target[0] or target[1]) in ids
    for targets in re.findall(r'aria-describedby="([^"]+)"', html):
        assert set(targets.split()) <= set(ids)
    if 'id="problem"' in html:
        assert re.search(r"<title>\S+: ", html)
    if name.startswith("code-"):
        assert html.count('name="code"') == 1


def sentences(value: Any) -> Iterator[str]:
    """Everything in a page's context that a person reads."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        value = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    if isinstance(value, str) and not isinstance(value, Markup):
        yield value
    elif isinstance(value, dict):
        yield from sentences(list(value.values()))
    elif isinstance(value, list | tuple):
        for each in value:
            yield from sentences(each)


NAMES = {"Harbour Hosting", "Harbour Hosting (alice)", "iCloud Keychain"}
NAMES |= {"Tablet in the kitchen drawer, second floor"}


@pytest.mark.parametrize("name", list(states("ar")))
def test_a_picture_shows_only_words_that_the_product_has(name: str) -> None:
    """An English sentence that is left over is in no catalogue: nobody will ever read it."""
    english = [
        text
        for text in sentences(states("ar")[name][1])
        if re.search(r"[a-z]{2,} [a-z]{2,}", text, re.IGNORECASE)
        and not re.search(r"[\u0600-\u06ff]", text)
    ]
    assert set(english) <= NAMES


@pytest.mark.parametrize("name", list(states("en")))
def test_page_says_no_banned_word(name: str) -> None:
    words = re.sub(r"<[^>]+>", " ", page("en", name))
    if name == "help":  # the one place that says what other guides call a code
        words = words.replace("“token”", "")
    assert not BANNED.search(words)


def test_every_template_declares_its_context_and_is_drawn() -> None:
    files = {file.name for file in (WEB / "templates").iterdir() if file.name.endswith(".html")}
    assert {template for template, _ in states("en").values()} == files - {"base.html"}
    for name in files:
        assert (WEB / "templates" / name).read_text(encoding="utf-8").startswith("{# ")


@pytest.mark.parametrize(
    ("file", "budget"), [("twostep.css", 6144), ("twostep.js", 3072), ("passkey.js", 2048)]
)
def test_static_file_keeps_its_budget(file: str, budget: int) -> None:
    assert len(gzip.compress((WEB / "static" / file).read_bytes(), 9)) <= budget


@pytest.mark.row("IOP-04")
def test_the_machine_readable_marks_stand() -> None:
    wizard = page("en", "app-new")
    assert re.search(
        r'<a [^>]*href="otpauth://totp/[^"]+"[^>]*>Open in my authenticator app</a>', wizard
    )
    assert 'id="setup-key"' in wizard
    assert len(re.findall(r'data-backup-code="[0-9A-Z-]{17}"', page("en", "codes-showing"))) == 10
    assert 'data-delivery-state="accepted"' in page("en", "code-text")
    kinds = set(re.findall(r'data-method-kind="(\w+)"', page("en", "code-app")))
    assert kinds == {"app", "phone", "codes", "passkey"}


def test_values_are_escaped() -> None:
    _, context = states("en")["sign-in"]
    html = render(
        "sign_in.html",
        language="en",
        time_zone="UTC",
        url=URL,
        **(context | {"username": '"><script>'}),
    )
    assert 'value="&#34;&gt;&lt;script&gt;"' in html
    assert ltr("<b>") == '<bdi dir="ltr">&lt;b&gt;</bdi>'
    assert groups("ABCDEF") == "<span>ABCD</span> <span>EF</span>"
