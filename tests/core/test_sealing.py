"""Sealed values open in their own cell, under a known key, unaltered; never otherwise."""

from __future__ import annotations

import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st

from twostep.core import sealing
from twostep.core.sealing import Key, Keyring, SealBroken


OLD = Key("old", bytes(range(32)))
NEW = Key("new", bytes(range(32, 64)))
RING = Keyring((OLD,))
ROTATED = Keyring((NEW, OLD))
PLACE = {"purpose": "totp.secret", "row_id": "r1", "account_id": "a1"}

names = st.text(min_size=0, max_size=12).filter(lambda text: text.isprintable())


@given(clear=st.binary(max_size=200), row=names, account=names, purpose=names)
def test_what_was_sealed_opens_in_its_place(clear, row, account, purpose):
    place = {"purpose": purpose, "row_id": row, "account_id": account}
    blob = sealing.seal(RING, clear, **place)
    assert sealing.open_sealed(RING, blob, **place) == clear
    assert sealing.open_sealed(ROTATED, blob, **place) == clear


@pytest.mark.row("OTP-14")
@given(
    st.tuples(names, names, names),
    st.tuples(names, names, names),
)
def test_a_cell_that_was_moved_does_not_open(here, there):
    keys = ("purpose", "row_id", "account_id")
    blob = sealing.seal(RING, b"secret", **dict(zip(keys, here, strict=True)))
    if here != there:
        with pytest.raises(SealBroken):
            sealing.open_sealed(RING, blob, **dict(zip(keys, there, strict=True)))


@pytest.mark.parametrize("part", ["purpose", "row_id", "account_id"])
def test_each_part_of_the_place_counts(part):
    blob = sealing.seal(RING, b"secret", **PLACE)
    with pytest.raises(SealBroken, match=r"altered, or moved"):
        sealing.open_sealed(RING, blob, **(PLACE | {part: PLACE[part] + "x"}))


def test_two_places_never_run_together():
    blob = sealing.seal(RING, b"secret", purpose="p", row_id="ab", account_id="c")
    with pytest.raises(SealBroken):
        sealing.open_sealed(RING, blob, purpose="p", row_id="a", account_id="bc")


def test_every_flipped_bit_breaks_the_seal():
    blob = sealing.seal(ROTATED, b"12345678901234567890", **PLACE)
    for index in range(len(blob)):
        for bit in range(8):
            broken = bytearray(blob)
            broken[index] ^= 1 << bit
            with pytest.raises(SealBroken):
                sealing.open_sealed(ROTATED, bytes(broken), **PLACE)


def test_every_cut_or_longer_value_breaks_the_seal():
    blob = sealing.seal(RING, b"secret", **PLACE)
    for length in range(len(blob)):
        with pytest.raises(SealBroken):
            sealing.open_sealed(RING, blob[:length], **PLACE)
    with pytest.raises(SealBroken):
        sealing.open_sealed(RING, blob + b"\x00", **PLACE)


@given(st.binary(max_size=80))
def test_foreign_bytes_break_the_seal(blob):
    with pytest.raises(SealBroken):
        sealing.open_sealed(RING, blob, **PLACE)


def test_a_key_that_is_gone_is_named_as_such():
    blob = sealing.seal(RING, b"secret", **PLACE)
    with pytest.raises(SealBroken, match="not in the key file"):
        sealing.open_sealed(Keyring((NEW,)), blob, **PLACE)


def test_another_key_of_the_same_name_does_not_open():
    blob = sealing.seal(RING, b"secret", **PLACE)
    with pytest.raises(SealBroken):
        sealing.open_sealed(Keyring((Key("old", NEW.material),)), blob, **PLACE)


@pytest.mark.row("OTP-13")
def test_the_value_carries_its_key_id_and_hides_the_rest():
    blob = sealing.seal(RING, b"12345678901234567890", **PLACE)
    assert blob.startswith(b"\x01\x03old")
    assert b"123456" not in blob
    assert blob != sealing.seal(RING, b"12345678901234567890", **PLACE)


def test_each_purpose_has_its_own_subkey_and_none_is_the_key():
    header = OLD.header
    subkeys = {RING.mac_key(header, purpose) for purpose in ("a", "b")}
    assert len(subkeys | {OLD.material}) == 3
    sample = RING.cipher(header, "a").encrypt(bytes(12), b"secret", None)
    assert sample != RING.cipher(header, "b").encrypt(bytes(12), b"secret", None)
    blob = sealing.seal(RING, b"secret", **PLACE)
    nonce, body = blob[len(header) : len(header) + 12], blob[len(header) + 12 :]
    associated = b"".join(
        (header, *(len(part).to_bytes(4, "big") + part.encode() for part in PLACE.values()))
    )
    assert RING.cipher(header, "totp.secret").decrypt(nonce, body, associated) == b"secret"
    with pytest.raises(InvalidTag):
        AESGCM(OLD.material).decrypt(nonce, body, associated)


def test_after_a_rotation_old_values_open_and_new_ones_need_no_old_key():
    blob = sealing.seal(RING, b"secret", **PLACE)
    clear = sealing.open_sealed(ROTATED, blob, **PLACE)
    fresh = sealing.seal(ROTATED, clear, **PLACE)
    assert sealing.open_sealed(Keyring((NEW,)), fresh, **PLACE) == b"secret"
    with pytest.raises(SealBroken):
        sealing.open_sealed(Keyring((NEW,)), blob, **PLACE)


def test_a_key_whose_id_begins_like_another_is_another():
    longer = Key("old2", NEW.material)
    blob = sealing.seal(Keyring((longer, OLD)), b"secret", **PLACE)
    assert not sealing.is_known(RING, blob)
    with pytest.raises(SealBroken):
        sealing.open_sealed(RING, blob, **PLACE)


def test_a_check_value_matches_its_data_purpose_and_key():
    value = sealing.mac(RING, b"482915", purpose="challenge.code")
    assert value == OLD.header + value[-32:]
    assert sealing.mac_matches(RING, b"482915", value, purpose="challenge.code")
    assert sealing.mac_matches(ROTATED, b"482915", value, purpose="challenge.code")
    assert not sealing.mac_matches(RING, b"482916", value, purpose="challenge.code")
    assert not sealing.mac_matches(RING, b"482915", value, purpose="phone.number")
    assert not sealing.mac_matches(Keyring((NEW,)), b"482915", value, purpose="challenge.code")


@given(st.binary(max_size=60))
def test_foreign_check_values_match_nothing(stored):
    assert not sealing.mac_matches(RING, b"482915", stored, purpose="challenge.code")


def test_fingerprints_are_looked_up_under_every_key_newest_first():
    macs = sealing.macs(ROTATED, b"+12025550100", purpose="phone.number")
    assert macs == tuple(
        sealing.mac(ROTATED, b"+12025550100", purpose="phone.number", key_id=key_id)
        for key_id in ("new", "old")
    )
    assert macs[1] == sealing.mac(RING, b"+12025550100", purpose="phone.number")
    with pytest.raises(KeyError):
        sealing.mac(RING, b"", purpose="phone.number", key_id="new")


def test_new_keys_differ_and_never_show_themselves():
    first, second = sealing.new_key(), sealing.new_key()
    assert first.id != second.id
    assert first.material != second.material
    shown = repr(Keyring((first, second)))
    assert first.id in shown
    assert repr(first.material) not in shown
    assert "material" not in shown


@pytest.mark.parametrize("key_id", ["", "a b", "ü", "x" * 33, "#x", "-x", "a\n"])
def test_a_key_id_that_cannot_stand_in_the_file_is_refused(key_id):
    with pytest.raises(ValueError, match="id"):
        Key(key_id, bytes(32))


def test_a_keyring_is_never_empty_or_ambiguous():
    with pytest.raises(ValueError, match="at least one"):
        Keyring(())
    with pytest.raises(ValueError, match="same id"):
        Keyring((OLD, Key("old", NEW.material)))
    with pytest.raises(ValueError, match="32 bytes, not 31"):
        Key("short", bytes(31))
