"""Secrets at rest: AES-256-GCM under keys kept outside the database.

A sealed value is bound to its place (table, column, row, account), so a cell copied elsewhere does
not open. Each purpose has its own subkey (HKDF-SHA256, RFC 5869), and each value starts with the id
of its key, so that keys can be rotated while serving.

    version (1) | length of the key id (1) | key id | nonce (12) | ciphertext and tag
    version (1) | length of the key id (1) | key id | HMAC-SHA256 (32)
"""

from __future__ import annotations

import hmac
import re
import secrets
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF


VERSION = 1
LONGEST_HEADER = 34
MATERIAL_BYTES = 32
NONCE_BYTES = 12
TAG_BYTES = 16
MAC_BYTES = 32
_KEY_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,31}")


class SealBroken(Exception):
    """A sealed value does not open: altered, truncated, moved, or its key is unknown."""


@dataclass(frozen=True, slots=True)
class Key:
    """32 random bytes, and the short id that prefixes the values they seal."""

    id: str
    material: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if not _KEY_ID.fullmatch(self.id):
            raise ValueError("a key's id has 1 to 32 letters, digits, dots, dashes or underscores")
        if len(self.material) != MATERIAL_BYTES:
            raise ValueError(f"a key has {MATERIAL_BYTES} bytes, not {len(self.material)}")

    @property
    def header(self) -> bytes:
        """The prefix of every value made with this key."""
        return bytes((VERSION, len(self.id))) + self.id.encode()


@dataclass(frozen=True, slots=True)
class Keyring:
    """The keys, newest first: the first one seals, any opens. ValueError if empty or ambiguous.

    Derived subkeys are cached here, so that values open in microseconds.
    """

    keys: tuple[Key, ...]
    _by_header: dict[bytes, Key] = field(init=False, repr=False, compare=False)
    _ciphers: dict[tuple[bytes, str], AESGCM] = field(
        init=False, repr=False, compare=False, default_factory=dict
    )
    _mac_keys: dict[tuple[bytes, str], bytes] = field(
        init=False, repr=False, compare=False, default_factory=dict
    )

    def __post_init__(self) -> None:
        if not self.keys:
            raise ValueError("a keyring needs at least one key")
        by_header = {key.header: key for key in self.keys}
        if len(by_header) != len(self.keys):
            raise ValueError("two keys have the same id")
        object.__setattr__(self, "_by_header", by_header)

    @property
    def newest(self) -> Key:
        """The key that seals."""
        return self.keys[0]

    def cipher(self, header: bytes, purpose: str) -> AESGCM:
        """Return the cipher with the subkey for `purpose`; KeyError for an unknown key."""
        cipher = self._ciphers.get((header, purpose))
        if cipher is None:
            cipher = AESGCM(derive(self._by_header[header], f"seal {purpose}"))
            self._ciphers[header, purpose] = cipher
        return cipher

    def mac_key(self, header: bytes, purpose: str) -> bytes:
        """Return the MAC subkey for `purpose`; KeyError for an unknown key."""
        subkey = self._mac_keys.get((header, purpose))
        if subkey is None:
            subkey = derive(self._by_header[header], f"mac {purpose}")
            self._mac_keys[header, purpose] = subkey
        return subkey


def new_key() -> Key:
    """Return a random key with a random id."""
    return Key(id=secrets.token_hex(4), material=secrets.token_bytes(MATERIAL_BYTES))


def seal(keyring: Keyring, clear: bytes, *, purpose: str, row_id: str, account_id: str) -> bytes:
    """Encrypt `clear` for one cell. `purpose` is its table and column, such as `totp.secret`."""
    header = keyring.newest.header
    nonce = secrets.token_bytes(NONCE_BYTES)
    place = _place(header, purpose, row_id, account_id)
    return header + nonce + keyring.cipher(header, purpose).encrypt(nonce, clear, place)


def open_sealed(
    keyring: Keyring, blob: bytes, *, purpose: str, row_id: str, account_id: str
) -> bytes:
    """Decrypt a value that `seal` made for the same place. SealBroken for anything else."""
    header = _header_of(blob)
    body = len(header)
    nonce, sealed = blob[body : body + NONCE_BYTES], blob[body + NONCE_BYTES :]
    if len(nonce) != NONCE_BYTES or len(sealed) < TAG_BYTES:
        raise SealBroken(f"{purpose}: the sealed value is cut")
    place = _place(header, purpose, row_id, account_id)
    try:
        return keyring.cipher(header, purpose).decrypt(nonce, sealed, place)
    except KeyError:
        raise SealBroken(f"{purpose}: sealed with a key that is not in the key file") from None
    except InvalidTag:
        raise SealBroken(f"{purpose}: altered, or moved from another row") from None


def is_known(keyring: Keyring, blob: bytes) -> bool:
    """Return whether a sealed value or MAC was made with a key of this ring."""
    return any(blob.startswith(key.header) for key in keyring.keys)


def key_id_of(blob: bytes) -> str | None:
    """Return the id of the key that a sealed value or MAC names; None if it names none."""
    try:
        header = _header_of(blob)
    except SealBroken:
        return None
    name = header[2:].decode("ascii", errors="replace")
    return name if _KEY_ID.fullmatch(name) else None


def mac(keyring: Keyring, data: bytes, *, purpose: str, key_id: str | None = None) -> bytes:
    """Return the HMAC-SHA256 of `data`, prefixed with the key's id.

    `key_id`: None for the newest key; KeyError if it is not in the ring.
    """
    key = keyring.newest if key_id is None else _key_by_id(keyring, key_id)
    return _mac(keyring, data, header=key.header, purpose=purpose)


def macs(keyring: Keyring, data: bytes, *, purpose: str) -> tuple[bytes, ...]:
    """Return the MAC under every key, newest first, for look-ups during a rotation."""
    return tuple(_mac(keyring, data, header=key.header, purpose=purpose) for key in keyring.keys)


def mac_matches(keyring: Keyring, data: bytes, stored: bytes, *, purpose: str) -> bool:
    """Compare in constant time. False for a malformed value or an unknown key, too."""
    try:
        expected = _mac(keyring, data, header=_header_of(stored), purpose=purpose)
    except (KeyError, SealBroken):
        return False
    return hmac.compare_digest(expected, stored)


def _mac(keyring: Keyring, data: bytes, *, header: bytes, purpose: str) -> bytes:
    return header + hmac.digest(keyring.mac_key(header, purpose), data, "sha256")


def _key_by_id(keyring: Keyring, key_id: str) -> Key:
    for key in keyring.keys:
        if key.id == key_id:
            return key
    raise KeyError(key_id)


def _header_of(blob: bytes) -> bytes:
    if len(blob) < 2 or blob[0] != VERSION:
        raise SealBroken("not a sealed value of a version known here")
    return blob[: 2 + blob[1]]


def _place(header: bytes, purpose: str, row_id: str, account_id: str) -> bytes:
    """Return the associated data. Length prefixes keep all places distinct."""
    parts = [header]
    for part in (purpose, row_id, account_id):
        encoded = part.encode()
        parts += (len(encoded).to_bytes(4, "big"), encoded)
    return b"".join(parts)


def derive(key: Key, info: str) -> bytes:
    """Derive the key's subkey for one use: HKDF-SHA256, 32 bytes. `info` names the use."""
    kdf = HKDF(SHA256(), MATERIAL_BYTES, salt=None, info=b"twostep " + info.encode())
    return kdf.derive(key.material)
