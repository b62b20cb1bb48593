"""Make accounts and sessions in every state; one JSON object an account.

    python -m bench.peers.django_two_factor.seed ACCOUNTS HALF FULL APP

`APP`: 1 or 0, whether they have an authenticator app; without one `secret` is empty. `HALF` and `FULL`: sessions of each account after the password, and after both steps. They are
written as django-two-factor-auth's login wizard leaves them. All accounts share one password hash,
made by Django's default hasher.
"""

from __future__ import annotations

import base64
import json
import os
import sys
import time
from datetime import timedelta

import django


os.environ.setdefault("DJANGO_SETTINGS_MODULE", "bench.peers.django_two_factor.settings")
django.setup()

from django.contrib.auth.hashers import make_password  # noqa: E402  needs the set-up above
from django.contrib.auth.models import User  # noqa: E402
from django.contrib.sessions.backends.db import SessionStore  # noqa: E402
from django.contrib.sessions.models import Session  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.utils import timezone  # noqa: E402
from django_otp.plugins.otp_totp.models import TOTPDevice  # noqa: E402


PASSWORD = "a quiet evening by the lake"
BACKEND = "django.contrib.auth.backends.ModelBackend"


def half(user: User) -> dict[str, object]:
    """A session whose login wizard waits for the code."""
    return {
        "wizard_login_view": {
            "step": "token",
            "step_data": {},
            "step_files": {},
            "extra_data": {},
            "validated_step_data": {},
            "user_pk": str(user.pk),
            "user_backend": BACKEND,
            "authentication_time": int(time.time()),
        }
    }


def full(user: User, device: TOTPDevice | None) -> dict[str, object]:
    """A session after both steps, or after the only one where there is no app."""
    verified = {"otp_device_id": device.persistent_id} if device else {}
    return verified | {
        "_auth_user_id": str(user.pk),
        "_auth_user_backend": BACKEND,
        "_auth_user_hash": user.get_session_auth_hash(),
    }


def main() -> None:
    """Seed what was asked for."""
    accounts, halves, fulls, app = (int(word) for word in sys.argv[1:5])
    call_command("migrate", verbosity=0)
    shared = make_password(PASSWORD)
    first = User.objects.count()
    names = [f"seed-{first + number:06}" for number in range(accounts)]
    User.objects.bulk_create(User(username=name, password=shared) for name in names)
    users = list(User.objects.filter(username__in=names).order_by("username"))
    if app:
        TOTPDevice.objects.bulk_create(TOTPDevice(user=user, name="default") for user in users)
    devices = {d.user_id: d for d in TOTPDevice.objects.filter(user__in=users)}
    store, ends, rows = SessionStore(), timezone.now() + timedelta(days=1), []
    for user in users:
        device = devices.get(user.pk)
        data = [half(user)] * halves + [full(user, device)] * fulls
        keys = [store._get_new_session_key() for _ in data]  # noqa: SLF001  as the backend makes them
        rows += [
            Session(session_key=key, session_data=store.encode(session), expire_date=ends)
            for key, session in zip(keys, data, strict=True)
        ]
        secret = base64.b32encode(device.bin_key).decode() if device else ""
        account = {"name": user.username, "password": PASSWORD, "secret": secret, "sessions": keys}
        print(json.dumps(account))
    Session.objects.bulk_create(rows, batch_size=500)


if __name__ == "__main__":
    main()
