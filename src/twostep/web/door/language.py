"""The language of a page: chosen by the account's owner, or asked for by the browser."""

from __future__ import annotations

from collections.abc import Mapping

from twostep import i18n
from twostep.core.account import Account
from twostep.core.sign_in.session import Session
from twostep.flows.env import Env
from twostep.web.door import cookies


def asked_language(env: Env, jar: Mapping[str, str], accept_language: str | None) -> str:
    """The language that the browser asks for, by our cookie or its own settings; empty for none."""
    chosen = jar.get(cookies.language_name(env), "")
    return chosen if i18n.has_language(chosen) else i18n.negotiate(accept_language, default="")


def choose_language(env: Env, loaded: tuple[Session, Account] | None, *, asked: str) -> str:
    """Choose the language of this visit. `asked`: what the browser asks for, or ""."""
    default = env.settings.default_language
    if loaded is None:
        return asked or default
    session, account = loaded
    if session.language:
        return session.language
    known = account.language if i18n.has_language(account.language) else default
    return known if account.language_chosen else asked or known
