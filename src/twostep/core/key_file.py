"""The text of the key file: one key per line, `id base64`, newest first, `#` for comments."""

from __future__ import annotations

import binascii
from base64 import b64decode, b64encode

from twostep.core.sealing import MATERIAL_BYTES, Key, Keyring


_HEAD = """\
# Keys of this installation: whoever has them and the database can read its secrets.
# Newest first; only the first one seals. Keep a copy apart from the backups of the database.
"""


def parse_keyring(text: str) -> Keyring:
    """Read the key file. ValueError names the line, never its content."""
    keys: list[Key] = []
    for number, line in enumerate(text.removeprefix("\ufeff").splitlines(), start=1):
        if not (content := line.strip()) or content.startswith("#"):
            continue
        try:
            key = _parse_key(content)
        except ValueError as error:
            raise ValueError(f"key file, line {number}: {error}") from None
        if any(key.id == other.id for other in keys):
            raise ValueError(f"key file, line {number}: this id stands on an earlier line too")
        keys.append(key)
    if not keys:
        raise ValueError("key file: no key in it")
    return Keyring(tuple(keys))


def format_keyring(keyring: Keyring) -> str:
    """Return the text that `parse_keyring` reads back."""
    lines = [f"{key.id} {b64encode(key.material).decode()}\n" for key in keyring.keys]
    return _HEAD + "".join(lines)


def _parse_key(content: str) -> Key:
    parts = content.split()
    if len(parts) != 2:
        raise ValueError("expected an id, a space and the key in base64")
    try:
        material = b64decode(parts[1], validate=True)
    except (binascii.Error, ValueError):
        raise ValueError(f"the key is not base64 (of {MATERIAL_BYTES} bytes)") from None
    return Key(id=parts[0], material=material)
