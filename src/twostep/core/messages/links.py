"""Where links in mails lead: the only pages whose paths are known outside the web.

Mails are written where nobody knows the web's route table, so that takes these paths from here.
"""

from __future__ import annotations


NOT_ME = "/not-me/{token}"
RESET_PASSWORD = "/reset-password/{token}"
CONFIRM_EMAIL = "/settings/emails/confirm/{token}"
RECOVER = "/recover"
FINISH_RECOVERY = f"{RECOVER}?link={{token}}"
CANCEL_RECOVERY = "/recover/cancel/{token}"
SECURITY = "/settings/security"
