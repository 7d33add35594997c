"""Twilio SMS and WhatsApp over the Messages resource (protocols 4.1-4.3), with explicit time limits."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import assert_never
from urllib.parse import urlencode

import httpx

from channels.base import ChannelAccount, Rejected, WebhookRequest
from channels.reading import as_id
from channels.transport import exchange, unreadable_success
from channels.twilio_account import API_URL, check_twilio, credentials, raise_refusal, resource_url, verify_twilio
from channels.twilio_inbound import parse_twilio
from domain.messages import (
    Address,
    AddressKind,
    Buttons,
    ErrorClass,
    Location,
    Media,
    Menu,
    ParsedWebhook,
    Part,
    Provider,
    SendReceipt,
    SendRequest,
    Template,
    Text,
)

REFERENCE_PARAMETER = "ref"


class _TwilioChannel:
    """What SMS and WhatsApp share: the account, the signature, the resource. `base_url` differs in tests only."""

    provider: Provider
    _prefix: str

    def __init__(
        self, http: httpx.AsyncClient, *, base_url: str = API_URL, status_callback_url: str | None = None
    ) -> None:
        self._http = http
        self._base_url = base_url.rstrip("/")
        self._status_callback_url = status_callback_url

    def verify(self, request: WebhookRequest, account: ChannelAccount) -> bool:
        """Check X-Twilio-Signature: with the shared key when its header is there, else with the auth token."""
        return verify_twilio(request, account)

    def handshake(self, request: WebhookRequest, account: ChannelAccount) -> str | None:
        """Return None: Twilio asks for no proof."""
        return None

    def parse(self, request: WebhookRequest, *, received_at: datetime) -> ParsedWebhook:
        """Read a message or a state; calls become events."""
        return parse_twilio(
            request.body,
            content_type=request.headers.get("content-type", ""),
            reference=request.query.get(REFERENCE_PARAMETER),
            received_at=received_at,
        )

    async def send(self, account: ChannelAccount, request: SendRequest) -> SendReceipt:
        """Create one message; our reference travels in the StatusCallback URL."""
        form = {"To": self._to(request.to), **self._sender(account), **_content(request.part)}
        callback = account.settings.get("status_callback_url") or self._status_callback_url
        if callback:
            joint = "&" if "?" in callback else "?"
            form["StatusCallback"] = callback + joint + urlencode({REFERENCE_PARAMETER: request.reference})
        answer = await exchange(
            self._http,
            "POST",
            resource_url(self._base_url, account, "/Messages.json"),
            form=form,
            auth=credentials(account),
        )
        raise_refusal(answer)
        sid = as_id(answer.json().get("sid"))
        if sid is None:
            raise unreadable_success(answer)
        return SendReceipt(provider_message_id=sid)

    async def check(self, account: ChannelAccount) -> str | None:
        """Read the account's own record and ask whether it is active."""
        return await check_twilio(self._http, self._base_url, account)

    def _to(self, to: Address) -> str:
        match to.kind:
            case AddressKind.PHONE:
                return self._prefix + to.value
            case AddressKind.WA_ID:
                return f"{self._prefix}+{to.value}"
            case AddressKind.BSUID if self._prefix:
                return self._prefix + to.value
            case _:
                detail = f"{self.provider} does not reach a {to.kind}"
                raise Rejected(error_class=ErrorClass.ADDRESS, code="address_kind", detail=detail)

    def _sender(self, account: ChannelAccount) -> dict[str, str]:
        service = account.settings.get("messaging_service_sid")
        if service:
            return {"MessagingServiceSid": service}
        return {"From": self._prefix + account.external_id.removeprefix(self._prefix)}


class TwilioSms(_TwilioChannel):
    """SMS: `external_id` is the sender in E.164."""

    provider = Provider.TWILIO_SMS
    _prefix = ""


class TwilioWhatsApp(_TwilioChannel):
    """WhatsApp through Twilio: `external_id` is `whatsapp:+55…`."""

    provider = Provider.TWILIO_WHATSAPP
    _prefix = "whatsapp:"


def _content(part: Part) -> dict[str, str]:
    match part:
        case Text():
            return {"Body": part.text}
        case Media():
            return {"MediaUrl": part.url, **({"Body": part.caption} if part.caption else {})}
        case Template():
            return _template(part)
        case Buttons() | Menu() | Location():
            kind = type(part).__name__
            raise Rejected(
                error_class=ErrorClass.CONTENT, code="part", detail=f"Twilio has no {kind} outside templates"
            )
        case _:
            assert_never(part)


def _template(part: Template) -> dict[str, str]:
    if not part.content_sid:
        raise Rejected(error_class=ErrorClass.CONTENT, code="no_content_sid", detail="the template has no ContentSid")
    if not part.parameters:
        return {"ContentSid": part.content_sid}
    variables: Mapping[str, str] = {str(number): value for number, value in enumerate(part.parameters, start=1)}
    return {"ContentSid": part.content_sid, "ContentVariables": json.dumps(variables, ensure_ascii=False)}
