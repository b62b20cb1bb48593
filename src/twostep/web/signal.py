"""What password managers are told: which passkeys of the account still work, and what it is called.

A page that carries it is asked for after a sign-in, a removal and a new name (WebAuthn level 3, §5.1.10).
"""

from __future__ import annotations

import json

from twostep.core.authenticator import Methods
from twostep.core.passkey import encode
from twostep.flows.verify_passkey import relying_party
from twostep.web.visit import Visit


def signal_of(visit: Visit, handle: bytes | None, methods: Methods) -> str:
    """JSON for the page's script; "" while the account has never had a passkey."""
    if handle is None:
        return ""
    told = {
        "rpId": relying_party(visit.env).id,
        "userId": encode(handle),
        "name": visit.owner.name,
        "ids": [encode(one.credential_id) for one in methods.passkeys],
    }
    return json.dumps(told, separators=(",", ":"))
