"""E-mail addresses: a short shape check, and one key for all spellings of an address."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twostep.core.email_address import TypedAddress, email_key, read_email_address
from twostep.core.refusal import Reason, Refused


@pytest.mark.parametrize(
    ("typed", "key", "ascii_form"),
    [
        ("alice@example.com", "alice@example.com", "alice@example.com"),
        (" Alice.B+x@Example.COM\n", "alice.b+x@example.com", "Alice.B+x@example.com"),
        ("o'brien_1@mail.example.co.uk", "o'brien_1@mail.example.co.uk", None),
        ("a@Müller.de", "a@xn--mller-kva.de", "a@xn--mller-kva.de"),
        ("a@mu\u0308ller.de", "a@xn--mller-kva.de", "a@xn--mller-kva.de"),
        ("a@xn--mller-kva.de", "a@xn--mller-kva.de", "a@xn--mller-kva.de"),
        ("a@straße.de", "a@xn--strae-oqa.de", "a@xn--strae-oqa.de"),
        ("a@例え.jp", "a@xn--r8jz45g.jp", "a@xn--r8jz45g.jp"),
        ("a@उदाहरण.परीक्षा", "a@xn--p1b6ci4b4b3a.xn--11b5bs3a9aj6g", None),
        (f"{'l' * 64}@example.com", f"{'l' * 64}@example.com", None),
    ],
)
def test_an_address_has_one_key_however_it_is_spelt(typed, key, ascii_form):
    assert read_email_address(typed) == TypedAddress(
        text=typed.strip(), key=key, ascii=ascii_form or key
    )
    assert email_key(typed.upper() if typed.isascii() else typed) == key


@pytest.mark.parametrize(
    "typed",
    ["", "alice", "@example.com", "alice@", "alice@example", "alice@@example.com", "a b@example.com",
     "alice@exa mple.com", "alice@.example.com", "alice@example..com", "alice@example.com.",
     ".alice@example.com", "alice.@example.com", "al..ice@example.com", "alice@-example.com",
     "alice@example-.com", "alice@127.0.0.1", "alice@[127.0.0.1]", '"alice"@example.com',
     "alice@example.com\r\nBcc: x@example.com", "ali\x00ce@example.com", "alice@exam\x00ple.com",
     "Alice <alice@example.com>", "a@b@example.com", "älice@example.com", "alice@ex_ample.com",
     f"{'l' * 65}@example.com", f"a@{'d' * 64}.com", f"a@{'ü' * 60}.com",
     f"a@{'.'.join(['d' * 60] * 5)}.com", "x" * 10_000, "alice＠example.com",
     "a@exa․mple.com", "a@\ud800.com"],
)  # fmt: skip
def test_what_is_no_address_is_refused(typed):
    assert read_email_address(typed) == Refused(Reason.EMAIL_MALFORMED)
    email_key(typed)


@given(st.text(st.characters(), max_size=40), st.text(st.characters(), max_size=40))
def test_any_text_gets_an_answer_fit_for_a_mail_header(local, domain):
    for typed in (local, f"{local}@{domain}", f"alice@{domain}.com"):
        address = read_email_address(typed)
        if isinstance(address, TypedAddress):
            assert address.ascii.isascii()
            assert address.ascii.isprintable()
            assert " " not in address.ascii
            assert len(address.ascii) <= 254
            assert read_email_address(address.ascii).key == address.key
            assert email_key(address.key) == address.key
