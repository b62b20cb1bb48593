"""One act, one mail: what belongs to one sign-in is said in one notice, on both engines."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.product import AppEntry, Browser, TestProduct, open_test_product
from twostep.core.account import Account
from twostep.delivery.mail.logo import MOST_BYTES


NEW = "a browser we had not seen before"
PNG = b"\x89PNG\r\n\x1a\n"


def sign_in_with_code(product: TestProduct, browser: Browser, code: str) -> list[str]:
    """The texts of the mails that it sends."""
    before = {mail.id for mail in product.mails()}
    browser.sign_in()
    answer = browser.post("/sign-in/code", code=code)
    assert answer.status_code == 303
    return [mail.text for mail in product.mails() if mail.id not in before]


def test_a_backup_code_in_a_new_browser_is_one_mail_that_says_both(
    product: TestProduct, alice: Account, owner: Browser, entry: AppEntry
) -> None:
    codes = owner.make_codes()
    thief = product.browser(network="198.51.100.9")
    [said] = sign_in_with_code(product, thief, codes[0])
    assert "You have 9 codes left" in said
    assert NEW in said
    assert "/not-me/" in said
    assert "/settings/security" in said  # where new codes are made
    # In a browser that is known by now, it is no news.
    thief.post("/sign-out")
    [said] = sign_in_with_code(product, thief, codes[1])
    assert NEW not in said


def test_few_codes_left_are_told_in_the_same_mail(
    product: TestProduct, alice: Account, owner: Browser, entry: AppEntry
) -> None:
    codes = owner.make_codes()
    browser = product.browser(network="198.51.100.9")
    for code in codes[:7]:
        said = sign_in_with_code(product, browser, code)
        browser.post("/sign-out")
    [last] = said
    assert "You have 3 codes left" in last
    assert "Create a new set while you can still sign in." in last


def test_an_app_in_a_new_browser_is_one_mail_too(
    product: TestProduct, alice: Account, owner: Browser, entry: AppEntry
) -> None:
    product.clock.forward(60)
    [said] = sign_in_with_code(product, product.browser(network="198.51.100.9"), entry.next_code())
    assert NEW in said


@pytest.mark.parametrize(
    ("content", "pictures"),
    [(PNG + bytes(100), 1), (PNG + bytes(MOST_BYTES), 0), (b"<svg/>", 0), (None, 0)],
    ids=["png", "large", "svg", "missing"],
)
def test_mails_look_like_the_panel(tmp_path: Path, content: bytes | None, pictures: int) -> None:
    (tmp_path / "data").mkdir()
    logo = tmp_path / "logo.png"
    logo.write_bytes(content or PNG)
    settings = {"panel_logo": str(logo), "accent_colour": "#8a1c7c"}
    with open_test_product(tmp_path / "data", **settings) as product:
        product.add_account()
        if content is None:
            logo.unlink()
        product.browser().sign_in()
        product.clock.forward(3600)
        product.browser(network="198.51.100.9").sign_in()
        [mail] = product.mails()
    assert "#8a1c7c" in mail.html
    assert mail.html.count("cid:logo") == pictures
    assert (mail.logo is not None) is (pictures == 1)
