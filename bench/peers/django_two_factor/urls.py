"""The routes of django-two-factor-auth, and the cheapest answer to "who is signed in?"."""

from __future__ import annotations

from django.http import HttpRequest, JsonResponse
from django.urls import include, path
from two_factor.urls import urlpatterns as two_factor_routes


def session(request: HttpRequest) -> JsonResponse:
    """What `GET /api/session` answers at Twostep: who it is, if both steps were passed."""
    user = request.user
    if not (user.is_authenticated and user.is_verified()):
        return JsonResponse({"detail": "not signed in"}, status=401)
    return JsonResponse({"account": user.get_username(), "aal": "aal2"})


def healthz(_request: HttpRequest) -> JsonResponse:
    """Up."""
    return JsonResponse({"ok": True})


urlpatterns = [
    path("healthz", healthz),
    path("api/session", session),
    path("", include(two_factor_routes)),
]
