"""The language of a page: from the profile, the cookie or the browser, in that order."""

from __future__ import annotations

from collections.abc import Mapping

from twostep import i18n
from twostep.core.account import Account
from twostep.flows.env import Env
from twostep.web.door import cookies


def choose_language(
    env: Env, account: Account | None, jar: Mapping[str, str], accept_language: str | None
) -> str:
    """Choose the language of this visit."""
    if account is not None and i18n.has_language(account.language):
        return account.language
    chosen = jar.get(cookies.language_name(env), "")
    if i18n.has_language(chosen):
        return chosen
    return i18n.negotiate(accept_language, default=env.settings.default_language)
