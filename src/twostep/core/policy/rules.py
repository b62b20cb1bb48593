"""What an account must keep: rules that no flow decides by itself."""

from __future__ import annotations

from twostep.core.methods.authenticator import MethodKind, Methods


def may_remove(methods: Methods, *, kind: MethodKind) -> bool:
    """Whether one of `kind` may go while two-step sign-in is on: an app or passkey must remain."""
    if kind not in {MethodKind.APP, MethodKind.PASSKEY}:
        return True
    return len(methods.apps) + len(methods.passkeys) > 1
