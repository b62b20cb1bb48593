"""Errors of the command line: one line that says what is wrong and what to do, and an exit code."""

from __future__ import annotations

import os

from twostep.core.refusal import Reason, Refused


REFUSED = 1
MISUSED = 2
UNAVAILABLE = 75  # EX_TEMPFAIL: a supervisor may try again, nobody has to change anything

_NAME_PROBLEMS = {
    "empty": "The user name is empty.",
    "long": "The user name is too long: use at most 64 characters.",
    "at_sign": "A user name cannot contain @. Give the address with --email.",
    "character": "The user name contains an invisible character.",
}
_SENTENCES = {
    Reason.USER_NAME_TAKEN: "An account with that name already exists. See: twostep user list",
    Reason.EMAIL_MALFORMED: "That is not an e-mail address. Enter one like name@example.com.",
    Reason.EMAIL_TAKEN: "Another account has confirmed that e-mail address. Use a different one.",
    Reason.PASSWORD_TOO_SHORT: "The password is too short: use at least {minimum} characters.",
    Reason.PASSWORD_TOO_LONG: "The password is too long: use at most {maximum} characters.",
    Reason.PASSWORD_COMMON: "That password is too common. Choose another.",
    Reason.PASSWORD_BREACHED: "That password is in the list of breached ones. Choose another.",
    Reason.PASSWORD_CONTEXT: "The password is little more than the name of the user or panel."
    " Choose another.",
}


class CommandFailed(Exception):
    """Ends a command. `code`: 1 for a refusal or findings, 2 for wrong usage, configuration
    or rights, 75 for what may pass by itself."""

    def __init__(self, text: str, code: int = REFUSED) -> None:
        super().__init__(text)
        self.code = code


def say_closed(error: OSError) -> str:
    """The system's own error in words; where a right is missing, who has it."""
    from twostep.config.file_owner import SERVICE_USER, user_name

    name = str(error.filename) if error.filename else ""
    if not isinstance(error, PermissionError):
        return f"{name}: {error.strerror}" if name else f"{error.strerror or error}"
    me = user_name(os.geteuid())
    try:
        owner = user_name(os.stat(name).st_uid)  # noqa: PTH116  may be empty
    except OSError:  # a folder above is closed, too
        owner = SERVICE_USER
    if not name or owner == me:
        return f"{me} may not use {name or 'a file that this needs'}: {error.strerror}"
    return f"{name} may not be used by {me}. Run: sudo -u {owner} twostep …"


def sentence(refused: Refused) -> str:
    """A refusal in words, for the operator."""
    if refused.reason is Reason.USER_NAME_MALFORMED:
        return _NAME_PROBLEMS[refused.detail["problem"]]
    known = _SENTENCES.get(refused.reason)
    return known.format(**refused.detail) if known else f"Refused: {refused.reason}."


def unknown_account(name: str) -> CommandFailed:
    """The error for an account that does not exist."""
    return CommandFailed(f'There is no account "{name}". See: twostep user list')
