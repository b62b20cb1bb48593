"""Paths of the pages that mails link to, the only ones known outside the web.

The code that writes mails cannot import the web's route table, so the route table takes these paths
from here.
"""

from __future__ import annotations


NOT_ME = "/not-me/{token}"
RESET_PASSWORD = "/reset-password/{token}"
CONFIRM_EMAIL = "/settings/emails/confirm/{token}"
CONFIRM_SETUP = "/set-up/{token}"
RECOVER = "/recover"
FINISH_RECOVERY = f"{RECOVER}?link={{token}}"
CANCEL_RECOVERY = "/recover/cancel/{token}"
SECURITY = "/settings/security"
