"""Settings for the webhook: where messages are posted, and in what format."""

from __future__ import annotations

import base64
from typing import Annotated, Any, Literal, Self

from pydantic import Field, SecretStr, model_validator

from twostep.config.kinds import CarrierSettings, Table, WebAddress, WordList


class WebhookSettings(CarrierSettings):
    """Texts and calls handed to your own system in signed requests."""

    url: WebAddress = Field(description="Address each message is sent to.")
    secret: SecretStr = Field(
        description="Secret that both sides sign with: whsec_ and 24 to 64 bytes in base64."
    )
    carries: Annotated[tuple[str, ...], WordList] = Field(
        default=("sms",), description="What it carries: sms, call or both."
    )
    bearer: SecretStr | None = Field(
        default=None, description="Bearer token to send in an Authorization header as well."
    )

    method: Literal["POST", "PUT"] = Field(default="POST", description="HTTP method.")
    headers: Annotated[dict[str, str], Table] = Field(
        default={}, description='Additional headers, like { "X-Account" = "panel" }.'
    )
    body: Annotated[dict[str, Any] | None, Table] = Field(
        default=None,
        description="JSON to send instead of our own format, like { recipient = "
        '"{to}", message = "{text}" }. Placeholders: {id}, {channel}, {to}, {to_digits}, {text}, '
        "{code}, {language}, {expires_at}, {status_url}, {steps_url}.",
    )
    form: Annotated[dict[str, str] | None, Table] = Field(
        default=None, description="The same, but as a form instead of JSON."
    )
    user: str | None = Field(default=None, description="User name, for basic authentication.")
    password: SecretStr | None = Field(default=None, description="Password of that user.")
    success_status: str = Field(
        default="200-299",
        pattern=r"^[1-5][0-9]{2}(-[1-5][0-9]{2})?$",
        description="HTTP statuses that mean success: one, or the first and last of a range.",
    )
    success_pointer: str = Field(
        default="",
        pattern=r"^(/[^/]*)*$",
        description="Where the JSON answer says whether it succeeded, as a JSON pointer (RFC "
        "6901) like /messages/0/status. Empty: the HTTP status is enough.",
    )
    success_value: str = Field(default="", description="The value there that means success.")
    id_pointer: str = Field(
        default="/id",
        pattern=r"^(/[^/]*)*$",
        description="Where the JSON answer has the receiver's own id, as a JSON pointer.",
    )
    retry_statuses: Annotated[tuple[int, ...], WordList] = Field(
        default=(), description="HTTP statuses that mean: try again later. 429 and 5xx always do."
    )

    @model_validator(mode="after")
    def _is_usable(self) -> Self:
        if self.body is not None and self.form is not None:
            raise ValueError("set webhook.body or webhook.form, not both")
        if (self.user is None) != (self.password is None):
            raise ValueError("set both webhook.user and webhook.password, or neither")
        if self.user is not None and self.bearer is not None:
            raise ValueError("set webhook.bearer, or webhook.user and webhook.password, not both")
        if bool(self.success_pointer) != bool(self.success_value):
            raise ValueError("set both webhook.success_pointer and webhook.success_value, or none")
        if not self.carries or set(self.carries) - {"sms", "call"}:
            raise ValueError("webhook.carries names sms, call or both")
        written = self.secret.get_secret_value().removeprefix("whsec_")
        try:
            length = len(base64.b64decode(written, validate=True))
        except ValueError:
            length = 0
        if not 24 <= length <= 64:
            raise ValueError("webhook.secret is whsec_ and 24 to 64 random bytes in base64")
        return self

    @property
    def success(self) -> tuple[int, int]:
        """The first and last status that mean success."""
        first, _, last = self.success_status.partition("-")
        return int(first), int(last or first)

    @property
    def can_text(self) -> bool:
        """Whether it takes texts."""
        return "sms" in self.carries

    @property
    def can_call(self) -> bool:
        """Whether it makes calls."""
        return "call" in self.carries
