"""An installation's own catalogues: a language we have not, and other words for one we have."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import httpx2
import pytest
from babel.messages.catalog import Catalog
from babel.messages.pofile import write_po

from tests.cli.conftest import PASSWORD, SECONDS, call
from tests.cli.test_serve import serving
from tests.support.ports import free_port


def add(folder: Path, code: str, words: dict[str, str]) -> Path:
    """Write a catalogue, as an editor for PO files would."""
    catalogue, written = Catalog(locale=code), BytesIO()
    for source, translation in words.items():
        catalogue.add(source, translation)
    write_po(written, catalogue)
    return add_text(folder, code, written.getvalue())


def add_text(folder: Path, code: str, text: bytes) -> Path:
    path = folder / "data" / "locale" / code / "LC_MESSAGES" / "twostep.po"
    path.parent.mkdir(parents=True)
    path.write_bytes(text)
    return path


def page(port: int, **headers: str) -> str:
    url = f"http://localhost:{port}/sign-in"
    return httpx2.get(url, headers={k.replace("_", "-"): v for k, v in headers.items()},
                      timeout=SECONDS, trust_env=False).text  # fmt: skip


def test_a_folder_is_a_language(folder: Path) -> None:
    add(folder, "fr", {"Sign in": "Se connecter", "Password": "Mot de passe"})
    add(folder, "he", {"Sign in": "כניסה"})
    port = free_port()
    with serving(folder, port, TWOSTEP_DEFAULT_LANGUAGE="fr"):
        french = page(port)
        assert '<html lang="fr" dir="ltr"' in french
        assert ">Se connecter</button>" in french
        assert "Forgotten your password?" in french  # nobody has translated it
        assert "Français" in page(port, accept_language="de")
        hebrew = page(port, accept_language="he-IL")
        assert '<html lang="he" dir="rtl"' in hebrew
        assert ">כניסה</button>" in hebrew
    arguments = ("user", "add", "bob", "--email", "b@example.com", "--password-stdin")
    assert call(folder, *arguments, "--language", "fr", typed=PASSWORD).code == 0
    arguments = ("user", "add", "eve", "--email", "e@example.com", "--password-stdin")
    refused = call(folder, *arguments, "--language", "it", typed=PASSWORD)
    assert (refused.code, "choose one of en, de, ar, fr, he" in refused.err) == (2, True)


def test_other_words_for_a_sentence_of_ours(folder: Path) -> None:
    add(folder, "de", {"Password": "Kennwort"})
    port = free_port()
    with serving(folder, port):
        german = page(port, accept_language="de")
    assert ">Kennwort<" in german
    assert "Passwort vergessen?" in german


def test_a_translation_that_would_break_a_page_is_left_out_and_named(folder: Path) -> None:
    add(folder, "fr", {"Sign in": "Se connecter %(nom)s", "Password": "Mot de passe"})
    port = free_port()
    with serving(folder, port):
        french = page(port, accept_language="fr")
    assert ">Sign in</button>" in french
    assert "Mot de passe" in french
    [line] = [
        line for line in call(folder, "doctor", "--offline").out.splitlines() if "/fr/" in line
    ]
    assert line.startswith("warning")
    assert "translates 1 sentences; 1 more have placeholders" in line
    assert line.endswith('The first: "Sign in"')


@pytest.mark.parametrize(
    ("code", "text", "words"),
    [
        ("french", b"", "french is no language; name the folder by its code, like fr"),
        ("xx", b"", "xx is no language"),
        ("fr", b'msgid "Sign in"\nmsgstr "Se \xff"\n', "cannot be read"),
        ("fr", b'msgid "Sign in"\nnonsense here\n', "cannot be read"),
    ],
)
def test_a_catalogue_that_cannot_be_used_starts_nothing(
    folder: Path, code: str, text: bytes, words: str
) -> None:
    path = add_text(folder, code, text)
    served = call(folder, "serve", "--port", str(free_port()), TWOSTEP_LOG_LEVEL="error")
    assert served.code == 2
    assert str(path) in served.err
    assert words in served.err
    assert len(served.err.splitlines()) == 1
    examined = call(folder, "doctor", "--offline")
    assert examined.code == 1
    assert words in examined.out


def test_a_default_without_pages_starts_nothing(folder: Path) -> None:
    served = call(folder, "serve", TWOSTEP_DEFAULT_LANGUAGE="fr", TWOSTEP_LOG_LEVEL="error")
    assert served.code == 2
    assert "default_language: there are no pages in fr; choose one of en, de, ar." in served.err
