"""Opaque values: long enough, never twice, and a digest for whatever a browser sends."""

from __future__ import annotations

import base64
import hashlib
import re
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twostep.core import token


@pytest.mark.row("SES-02")
def test_tokens_have_256_bits_and_ids_96_and_none_comes_twice():
    tokens = {token.new_token() for _ in range(500)}
    ids = {token.new_id() for _ in range(500)}
    assert len(tokens) == len(ids) == 500
    assert {len(base64.urlsafe_b64decode(value + "=")) for value in tokens} == {32}
    assert {len(base64.urlsafe_b64decode(value)) for value in ids} == {12}
    assert all(re.fullmatch(r"[A-Za-z0-9_-]+", value) for value in tokens | ids)


def test_an_id_sorts_behind_all_that_were_made_before():
    ids = [token.new_id() for _ in range(5000)]
    assert [value.encode() for value in ids] == sorted(value.encode() for value in ids)


def test_ids_of_many_threads_are_in_order_within_each_and_none_comes_twice():
    with ThreadPoolExecutor(4) as threads:
        work = [threads.submit(lambda: [token.new_id() for _ in range(2000)]) for _ in range(4)]
        made = [each.result() for each in work]
    assert all(ids == sorted(ids) for ids in made)
    assert len({value for ids in made for value in ids}) == 8000


def test_ids_of_processes_that_make_them_at_one_moment_differ(monkeypatch):
    moment = uuid.uuid1(node=0, clock_seq=0)
    monkeypatch.setattr(uuid, "uuid1", lambda **_: moment)
    assert len({token.new_id() for _ in range(500)}) == 500


def test_the_digest_is_plain_sha_256():
    assert token.digest("abc") == hashlib.sha256(b"abc").digest()


@given(st.text(st.characters(), max_size=300))
def test_any_text_has_a_digest(text):
    assert len(token.digest(text)) == 32
    assert token.digest(text) != token.digest(text + "x")
