"""Where a session that may only enrol is sent: the policy says which kind of method comes first."""

from __future__ import annotations

from twostep.core.methods.authenticator import MethodKind
from twostep.flows.policy.decide import duties_of
from twostep.flows.sign_in.complete import SignedIn
from twostep.web.visit import Visit


_PAGES: dict[MethodKind | None, str] = {
    MethodKind.APP: "methods.app_new",
    MethodKind.PASSKEY: "methods.passkey_new",
}


def enrolment_url(visit: Visit) -> str:
    """The page that sets up the signed-in account's first method."""
    return visit.url(_PAGES[duties_of(visit.env, visit.owner).enroll_first])


def enrolment_url_after(visit: Visit, signed_in: SignedIn) -> str:
    """The same for a session that this request has opened, and that may only enrol."""
    return visit.url(_PAGES[signed_in.enroll_first])
