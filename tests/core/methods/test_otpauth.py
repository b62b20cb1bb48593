"""The address in the QR code keeps to what every app reads, whatever the names are."""

from __future__ import annotations

import base64
import re
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twostep.core.methods import otpauth, totp


SECRET = b"12345678901234567890"
KEY = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"


def uri_for(name, issuer, host="panel.example.org"):
    label = otpauth.entry_label(name, account_id="account-1")
    return otpauth.provisioning_uri(SECRET, label=label, issuer=issuer, host=host)


def test_the_address_stands_exactly_so():
    assert uri_for("alice", "Acme Panel") == (
        f"otpauth://totp/Acme%20Panel:alice?secret={KEY}"
        "&issuer=Acme%20Panel&algorithm=SHA1&digits=6&period=30"
    )


@pytest.mark.row("IOP-01")
@pytest.mark.parametrize(
    ("name", "shown", "is_tagged"),
    [
        ("alice", "alice", False),
        ("alice.b_c-d 3e", "alice.b_c-d 3e", False),
        ("A:B & C#1%", "A B C 1", True),
        ("x:y?z", "x y z", True),
        ("Müller Straße", "Muller Strasse", True),
        ("Ærøskøbing Łódź", "AEroskobing Lodz", True),
        ("ＡＣＭＥ", "ACME", True),
        ("a+b", "a b", True),
        ("two  spaces", "two spaces", True),
        ("محمد", "user", True),
        ("日本", "user", True),
        ("", "user", True),
        (":::", "user", True),
        ("\x00\r\n", "user", True),
        # Names that would look like another account's second app, or like another's tag.
        ("alice 2", "alice 2", True),
        ("alice-7F3K", "alice-7F3K", True),
        ("a" * 65, "a" * 59, True),
        ("a b" * 20, ("a b" * 20)[:35].rstrip(), True),
    ],
)
def test_names_are_mapped_to_plain_letters(name, shown, is_tagged):
    tag = otpauth.account_tag("account-1")
    assert re.fullmatch("[A-Z2-7]{4}", tag)
    label = shown + f"-{tag}" * is_tagged
    assert otpauth.entry_label(name, account_id="account-1") == label
    assert otpauth.entry_label(name, account_id="account-1", number=2).endswith(" 2")


@pytest.mark.row("IOP-01")
@pytest.mark.parametrize(
    ("name", "mapped"), [("A:B & C#1%", "A%20B%20C%201"), ("日本", "panel.example.org")]
)
def test_the_panels_name_is_mapped_too(name, mapped):
    assert uri_for("alice", name).startswith(f"otpauth://totp/{mapped}:alice?")


ALIKE = [
    "李雷", "韩梅梅", "محمد", "ольга", "jürgen", "jurgen", "Jürgen", "o'brien", "o brien", "müller+a", "müller a",
    "muller a", "anna/dev", "anna dev", "anna  dev", "alice", "alice 2", "alice  2", "alice-AAAA", "x" * 65, "x" * 66,
]  # fmt: skip


@pytest.mark.row("IOP-01")
def test_no_two_entries_have_one_name():
    """Google Authenticator, Microsoft Authenticator and FreeOTP replace an entry of the same name."""
    labels = [
        otpauth.entry_label(name, account_id=f"account-{place}", number=number)
        for place, name in enumerate(ALIKE)
        for number in range(1, 6)
    ]
    assert len(set(labels)) == len(labels)


@pytest.mark.row("IOP-01", "IOP-02", "OTP-04")
@given(name=st.text(max_size=300), issuer=st.text(max_size=300))
def test_whatever_the_names_every_app_can_read_it(name, issuer):
    uri = uri_for(name, issuer)
    assert len(uri) <= 213
    assert re.fullmatch(r"[A-Za-z0-9._@%&=?:/-]+", uri)
    assert set(re.findall("%..", uri)) <= {"%20"}
    for text in (uri, unquote(uri)):  # 2FAS decodes the whole before it parses
        parts = urlsplit(text)
        label = unquote(parts.path).removeprefix("/")
        assert label.count(":") == 1
        assert all(name.strip() == name != "" for name in label.split(":"))
        query = parse_qs(parts.query, strict_parsing=True)
        assert query["issuer"] == [label.split(":")[0]]
        assert query["secret"] == [KEY]
        assert [query[name] for name in ("algorithm", "digits", "period")] == [
            ["SHA1"],
            ["6"],
            ["30"],
        ]


def test_a_long_issuer_is_cut_and_the_account_never():
    label = urlsplit(uri_for("a" * 64, "i" * 200)).path
    assert label.endswith(":" + "a" * 64)
    assert label.startswith("/" + "i" * 25)


def test_the_key_is_base32():
    assert otpauth.encode_key(SECRET) == KEY


@pytest.mark.row("IOP-03")
@given(st.binary(min_size=1, max_size=64))
def test_every_secret_comes_back_from_its_key(secret):
    key = otpauth.encode_key(secret)
    assert "=" not in key
    assert base64.b32decode(key + "=" * (-len(key) % 8)) == secret


@pytest.mark.row("OTP-04")
@pytest.mark.parametrize("odd", [{"algorithm": "SHA256"}, {"digits": 8}, {"period_seconds": 60}])
def test_other_parameters_never_reach_a_qr_code(odd):
    with pytest.raises(ValueError, match="SHA-1"):
        otpauth.provisioning_uri(
            SECRET, label="a", issuer="b", host="c", parameters=totp.Parameters(**odd)
        )


def test_a_long_secret_is_never_cut():
    secret = bytes(range(80))
    uri = otpauth.provisioning_uri(secret, label="a" * 5, issuer="b" * 64, host="c")
    assert len(uri) <= 213
    assert f"secret={otpauth.encode_key(secret)}&issuer=b" in uri


def test_what_cannot_be_said_in_an_address_is_an_error():
    with pytest.raises(ValueError, match="host"):
        uri_for("alice", "Acme", host="例え")
    with pytest.raises(ValueError, match="too long"):
        otpauth.provisioning_uri(bytes(100), label="a", issuer="b", host="c")
    with pytest.raises(ValueError, match="entry_label"):
        otpauth.provisioning_uri(SECRET, label="a:b", issuer="b", host="c")
