"""What mailed links are for, and how long each kind is valid (seconds)."""

from __future__ import annotations


NOT_ME = "not_me"
RESET_PASSWORD = "reset_password"
CONFIRM_EMAIL = "confirm_email"
CONFIRM_SETUP = "confirm_setup"
# Never mailed: it marks the browser in which a link for a new password was used.
PROVEN_BROWSER = "proven_browser"

NOT_ME_SECONDS = 14 * 86_400
RESET_SECONDS = 3600
CONFIRM_SECONDS = 86_400
SETUP_SECONDS = 3600
PROVEN_SECONDS = 86_400
