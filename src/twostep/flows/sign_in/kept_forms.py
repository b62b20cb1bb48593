"""Forms submitted after their proof expired: kept sealed, and carried out after the step-up."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from twostep.core import sealing, token
from twostep.core.sign_in.session import Level, Session
from twostep.flows.turn import Turn
from twostep.flows.unseal import record_broken_seal, unseal
from twostep.store.sign_in import kept_forms
from twostep.store.sign_in.kept_forms import KeptPost


KEPT_SECONDS = 600

LARGEST_KEPT_BYTES = 8192

KEPT_FORM = "kept_posts.form"


@dataclass(frozen=True, slots=True)
class KeptForm:
    """A kept form: where it was going, and its fields."""

    path: str
    form: Mapping[str, str] = field(repr=False)


def keep_post(turn: Turn, current: Session, *, path: str, form: Mapping[str, str]) -> str | None:
    """Keep a late form and return its id; None if it is too large or the session has ended."""
    if current.level is not Level.FULL or turn.lock(current) is None:
        return None
    clear = json.dumps({"path": path, "form": dict(form)}).encode()
    if len(clear) > LARGEST_KEPT_BYTES:
        return None
    row_id = token.new_id()
    kept_forms.insert(
        turn.tx,
        KeptPost(
            id=row_id,
            account_id=current.account_id,
            session_id=current.id,
            path=path,
            form=sealing.seal(
                turn.env.keyring,
                clear,
                purpose=KEPT_FORM,
                row_id=row_id,
                account_id=current.account_id,
            ),
            expires_at=turn.now + KEPT_SECONDS,
        ),
    )
    return row_id


def peek_kept(turn: Turn, current: Session, *, kept_id: str) -> str | None:
    """Where this session's kept form was going; None if it is missing or expired."""
    post = kept_forms.load(turn.tx, kept_id, session_id=current.id)
    return post.path if post and turn.now < post.expires_at else None


def take_kept(turn: Turn, current: Session, *, kept_id: str) -> KeptForm | None:
    """Take a kept form; it can be taken only once."""
    post = kept_forms.take(turn.tx, kept_id, session_id=current.id)
    if post is None or turn.now >= post.expires_at:
        return None
    try:
        clear = unseal(
            turn.env,
            post.form,
            purpose=KEPT_FORM,
            row_id=post.id,
            account_id=post.account_id,
        )
    except sealing.SealBroken:
        record_broken_seal(
            turn.tx, post.account_id, purpose=KEPT_FORM, keyring=turn.env.keyring, now=turn.now
        )
        return None
    kept = json.loads(clear)
    return KeptForm(kept["path"], kept["form"])
