"""What password managers are told: which passkeys of the account still work, and what it is called.

Dashboard and Account security, where removals and new names lead, carry it. A sign-in leads anywhere:
for a moment after one every page says where its script may ask (WebAuthn level 3, §5.1.10).
"""

from __future__ import annotations

import json
from collections.abc import Iterable

from starlette.responses import Response

from twostep.core.methods.authenticator import Passkey
from twostep.core.methods.passkey import encode
from twostep.core.sign_in.session import Level
from twostep.flows.proof.verify_passkey import relying_party
from twostep.flows.sign_in.passkey_step import view_told
from twostep.web.visit import Visit


JUST_SECONDS = 30  # how long after a sign-in pages ask for it


async def show(visit: Visit) -> Response:
    """GET /settings/security/passkey/signal: for the script; 204 where there is nothing to tell."""
    handle, passkeys = await visit.read(view_told, visit.owner.id)
    text = signal_of(visit, handle, passkeys)
    told = Response(text, 200 if text else 204, media_type="application/json" if text else None)
    told.headers["cache-control"] = "no-store"
    return told


def signal_url(visit: Visit) -> str | None:
    """Where the page's script may ask, just after a sign-in with a second step."""
    session, account = visit.session, visit.account
    if session is None or account is None or session.level is not Level.FULL:
        return None
    just_in = account.two_step and 0 <= visit.now - session.created_at < JUST_SECONDS
    return visit.url("methods.passkey_signal") if just_in else None


def signal_of(visit: Visit, handle: bytes | None, passkeys: Iterable[Passkey]) -> str:
    """JSON for the page's script; "" while the account has never had a passkey."""
    if handle is None:
        return ""
    told = {
        "rpId": relying_party(visit.env).id,
        "userId": encode(handle),
        "name": visit.owner.name,
        "ids": [encode(one.credential_id) for one in passkeys],
    }
    return json.dumps(told, separators=(",", ":"))
