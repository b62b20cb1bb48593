"""Tags: a keyed digest of a chain's end, which shows that the program itself wrote up to there.

The hashes of a chain need no key: whoever can write to the database can append an event that fits.
So the end of each chain carries an HMAC under a key from outside the database, and a checkpoint signs
only ends whose tag is right. An event appended to an end without a right tag gets none either: what a
stranger has written is never covered by what comes after it.

Source: RFC 2104 (HMAC), with a subkey for this purpose alone.
"""

from __future__ import annotations

from twostep.core import sealing
from twostep.core.audit.audit_chain import START, Head
from twostep.core.sealing import Keyring


PURPOSE = "audit.tag"


def make_tag(keyring: Keyring, chain: str, head: Head) -> bytes:
    """Return the tag of a chain that ends at `head`."""
    return sealing.mac(keyring, _place(chain, head), purpose=PURPOSE)


def is_genuine(keyring: Keyring, chain: str, head: Head) -> bool:
    """Whether the program wrote this end; a chain without records has no tag."""
    if head.seq == 0:
        return head.hash == START
    return sealing.mac_matches(keyring, _place(chain, head), head.tag, purpose=PURPOSE)


def next_tag(keyring: Keyring, chain: str, before: Head, after: Head) -> bytes:
    """Return the tag of `after`, which follows `before`; empty if that end is not genuine."""
    return make_tag(keyring, chain, after) if is_genuine(keyring, chain, before) else b""


def _place(chain: str, head: Head) -> bytes:
    return f"{chain}:{head.seq}:".encode() + head.hash
