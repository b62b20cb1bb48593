"""Settings for carriers of texts and calls, a table each."""

from __future__ import annotations

import re
from typing import Annotated, ClassVar, Self

from pydantic import AfterValidator, Field, SecretStr, model_validator

from twostep.config.kinds import CarrierSettings, FullNumber, Origin, Section, WordList
from twostep.config.webhook import WebhookSettings


def _sender(value: str) -> str:
    digits = re.sub(r"[ ()./-]", "", value)
    if re.fullmatch(r"\+[1-9][0-9]{6,14}|[0-9]{3,8}", digits):
        return digits
    if re.fullmatch(r"[A-Za-z0-9 &_+-]{1,11}", value) and re.search("[A-Za-z]", value):
        return value
    raise ValueError(
        "write a number like +12025550100, a short code of three to eight digits, or a name of up to"
        " eleven letters and digits"
    )


def _numeric_sender(value: str) -> str:
    sender = _sender(value)
    if re.search("[A-Za-z]", sender):
        raise ValueError(
            "write a number like +12025550100, or a short code of three to eight digits"
        )
    return sender


SenderId = Annotated[str, AfterValidator(_sender)]
NumericSender = Annotated[str, AfterValidator(_numeric_sender)]


class VonageSettings(CarrierSettings):
    """Text messages and calls through Vonage."""

    api_key: str = Field(pattern=r"^[0-9a-zA-Z]{4,32}$", description="API key of the account.")
    api_secret: SecretStr = Field(min_length=1, description="API secret of the account.")
    sender: SenderId | None = Field(
        default=None,
        alias="from",
        description="Number (E.164), short code or name that texts come from. Without it: no texts.",
    )
    call_from: FullNumber | None = Field(
        default=None, description="Number that calls come from, linked to the Voice application."
    )
    application_id: str | None = Field(
        default=None,
        pattern=r"^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$",
        description="Id of the Voice application. Needed for calls.",
    )
    private_key: SecretStr | None = Field(
        default=None, description="Private key of that application, as PEM."
    )
    signature_secret: SecretStr | None = Field(
        default=None,
        description="Signature secret of the account. With it, requests from the Voice API must "
        "also carry Vonage's signature.",
    )
    text_api_url: Origin = Field(
        default="https://rest.nexmo.com", description="Base address of the SMS API."
    )
    call_api_url: Origin = Field(
        default="https://api.nexmo.com", description="Base address of the Voice API."
    )

    @model_validator(mode="after")
    def _is_usable(self) -> Self:
        voice = (self.call_from, self.application_id, self.private_key)
        if any(voice) and not all(voice):
            raise ValueError(
                "calls by vonage need vonage.call_from, vonage.application_id and "
                "vonage.private_key together"
            )
        if self.sender is None and not self.can_call:
            raise ValueError("set vonage.from for texts, or vonage.call_from for calls")
        return self

    @property
    def can_text(self) -> bool:
        """Texts need a sender."""
        return self.sender is not None

    @property
    def can_call(self) -> bool:
        """Calls need a number and an application that may use it."""
        return self.call_from is not None


class AwsSnsSettings(CarrierSettings):
    """Text messages through Amazon SNS."""

    region: str = Field(
        pattern=r"^[a-z]{2}(-[a-z]+)+-[0-9]$", description="AWS region, like eu-central-1."
    )
    access_key_id: str = Field(
        pattern=r"^[A-Z0-9]{16,128}$",
        description="Access key id of an identity that is allowed to call sns:Publish.",
    )
    secret_access_key: SecretStr = Field(
        min_length=1, description="Secret access key of that identity."
    )
    session_token: SecretStr | None = Field(
        default=None, description="Session token, if that identity is a temporary one."
    )
    sender: str | None = Field(
        default=None,
        pattern=r"^[A-Za-z0-9-]*[A-Za-z][A-Za-z0-9-]*$",
        max_length=11,
        description="Sender name of up to eleven letters and digits; some countries ignore it.",
    )
    origination_number: NumericSender | None = Field(
        default=None,
        description="Your number (E.164) or short code at AWS that texts come from.",
    )
    api_url: Origin | None = Field(
        default=None, description="Base address of SNS. Default: the region's address."
    )


class KannelSettings(CarrierSettings):
    """Text messages through your own Kannel gateway."""

    url: Origin = Field(description="Scheme, host and port of the smsbox.")
    user: str = Field(min_length=1, description="Name of a sendsms-user.")
    password: SecretStr = Field(min_length=1, description="Password of that user.")
    sender: SenderId | None = Field(
        default=None,
        alias="from",
        description="Number, short code or name that texts come from; some networks replace it.",
    )
    smsc: str | None = Field(
        default=None, description="Id of the SMSC connection to use. Default: Kannel decides."
    )


class CommandSettings(CarrierSettings):
    """Text messages through a program on this machine, such as gammu."""

    argv: Annotated[tuple[str, ...], WordList] = Field(
        min_length=1,
        description="The program and its arguments. {to} becomes the number in E.164, {id} the "
        "message id. The text is passed on standard input. No shell is involved.",
    )

    @model_validator(mode="after")
    def _is_usable(self) -> Self:
        if not self.argv[0].startswith("/"):
            raise ValueError("command.argv begins with the whole path of a program")
        if not any("{to}" in argument for argument in self.argv[1:]):
            raise ValueError("command.argv has {to} where the number belongs")
        return self


class TwilioSettings(CarrierSettings):
    """Text messages and calls through Twilio."""

    account_sid: str = Field(
        pattern=r"^AC[0-9a-fA-F]{32}$", description="Account SID: AC and 32 hexadecimal digits."
    )
    auth_token: SecretStr | None = Field(
        default=None,
        description="Auth token of the account. Needed for calls and delivery reports, because "
        "Twilio signs its callbacks with it.",
    )
    api_key: str | None = Field(
        default=None,
        pattern=r"^SK[0-9a-fA-F]{32}$",
        description="API key SID to send with instead of the auth token.",
    )
    api_key_secret: SecretStr | None = Field(default=None, description="Secret of that API key.")
    from_number: FullNumber | None = Field(
        default=None,
        description="Your Twilio number, in E.164, for texts and calls that have no sender of their "
        "own.",
    )
    sender: SenderId | None = Field(
        default=None,
        alias="from",
        description="Number (E.164), short code or name that texts come from. Default: from_number.",
    )
    call_from: FullNumber | None = Field(
        default=None, description="Number that calls come from, in E.164. Default: from_number."
    )
    messaging_service: str | None = Field(
        default=None,
        pattern=r"^MG[0-9a-fA-F]{32}$",
        description="Messaging service SID to send texts from instead of a number or name.",
    )
    api_url: Origin = Field(
        default="https://api.twilio.com",
        description="Base address of the API; change it for another Twilio region.",
    )

    @model_validator(mode="after")
    def _is_usable(self) -> Self:
        if (self.api_key is None) != (self.api_key_secret is None):
            raise ValueError("set both twilio.api_key and twilio.api_key_secret, or neither")
        if self.auth_token is None and self.api_key is None:
            raise ValueError("set twilio.auth_token, or twilio.api_key and twilio.api_key_secret")
        if self.sender is not None and self.messaging_service is not None:
            raise ValueError("set twilio.from or twilio.messaging_service, not both")
        if self.text_sender is None and self.call_sender is None:
            raise ValueError(
                "set twilio.from_number, or twilio.from or twilio.messaging_service for texts, or"
                " twilio.call_from for calls"
            )
        return self

    calls_need: ClassVar[str] = "twilio.call_from or twilio.from_number, and twilio.auth_token"

    @property
    def text_sender(self) -> str | None:
        """What texts come from: a number, short code, name or messaging service."""
        return self.messaging_service or self.sender or self.from_number

    @property
    def call_sender(self) -> str | None:
        """The number that calls come from."""
        return self.call_from or self.from_number

    @property
    def can_text(self) -> bool:
        """Texts need a sender."""
        return self.text_sender is not None

    @property
    def can_call(self) -> bool:
        """Calls need a number to come from, and the token that signs their callbacks."""
        return self.call_sender is not None and self.auth_token is not None


class CarrierTables(Section):
    """A table for each carrier of texts and calls, in the order they are tried by default.

    `delivery/providers.py` says how each is built.
    """

    twilio: TwilioSettings | None = Field(default=None)
    vonage: VonageSettings | None = Field(default=None)
    aws_sns: AwsSnsSettings | None = Field(default=None)
    kannel: KannelSettings | None = Field(default=None)
    webhook: WebhookSettings | None = Field(default=None)
    command: CommandSettings | None = Field(default=None)

    def carrier(self, name: str) -> CarrierSettings | None:
        """The table of a carrier, or None."""
        table: CarrierSettings | None = getattr(self, name) if name in CARRIERS else None
        return table


CARRIERS = tuple(CarrierTables.model_fields)
