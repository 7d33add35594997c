"""Meta WhatsApp Cloud API: webhooks in, messages out (protocols 1)."""

import hmac
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, assert_never
from urllib.parse import quote

import httpx

from channels.base import ChannelAccount, ChannelError, Rejected, WebhookRequest
from channels.meta_errors import classify
from channels.meta_inbound import address_of, parse_meta
from channels.reading import as_id, as_object, objects_in
from channels.signatures import verify_sha256_header
from channels.transport import Answer, class_of_status, exchange, refusal, unreadable_success
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

GRAPH_URL = "https://graph.facebook.com"
GRAPH_VERSION = "v26.0"
_BLANKS = re.compile(r"\s+")


class MetaChannel:
    """The Cloud API behind the Channel protocol. `base_url` points elsewhere in tests only."""

    provider = Provider.META

    def __init__(self, http: httpx.AsyncClient, *, base_url: str = GRAPH_URL, version: str = GRAPH_VERSION) -> None:
        self._http = http
        self._root = f"{base_url.rstrip('/')}/{version}"

    def verify(self, request: WebhookRequest, account: ChannelAccount) -> bool:
        """Check X-Hub-Signature-256 with the app secret."""
        return verify_sha256_header(
            request.body,
            secret=account.secrets.get("app_secret", ""),
            header=request.headers.get("x-hub-signature-256"),
        )

    def handshake(self, request: WebhookRequest, account: ChannelAccount) -> str | None:
        """Return the challenge when mode and verify token are right."""
        expected = account.secrets.get("verify_token", "").encode("utf-8", "replace")
        given = request.query.get("hub.verify_token", "").encode("utf-8", "replace")
        if request.query.get("hub.mode") != "subscribe" or not expected or not hmac.compare_digest(expected, given):
            return None
        return request.query.get("hub.challenge")

    def parse(self, request: WebhookRequest, *, received_at: datetime) -> ParsedWebhook:
        """Read every message, echo and status of a webhook; the rest becomes events."""
        return parse_meta(request.body, received_at=received_at)

    async def send(self, account: ChannelAccount, request: SendRequest) -> SendReceipt:
        """Post one message. 200 means accepted only; what became of it comes as a status with our reference."""
        body: dict[str, Any] = {
            "messaging_product": "whatsapp",
            "recipient_type": "individual",
            **_recipient(request.to),
            **_content(request.part),
            "biz_opaque_callback_data": request.reference,
        }
        if request.reply_to:
            body["context"] = {"message_id": request.reply_to}
        answer = await self._post(account, body)
        return _receipt(answer, request.to)

    async def mark_read(self, account: ChannelAccount, provider_message_id: str, *, show_typing: bool = True) -> None:
        """Mark a message read and show that an answer is being typed; only for a message that will be answered."""
        body: dict[str, Any] = {
            "messaging_product": "whatsapp",
            "status": "read",
            "message_id": provider_message_id,
        }
        if show_typing:
            body["typing_indicator"] = {"type": "text"}
        _raise_refusal(await self._post(account, body))

    async def check(self, account: ChannelAccount) -> str | None:
        """Read the number's own record: it needs a live token with access to the number."""
        url = f"{self._root}/{quote(account.external_id, safe='')}?fields=id"
        try:
            answer = await exchange(self._http, "GET", url, headers=_authorization(account))
            _raise_refusal(answer)
        except ChannelError as error:
            return f"Meta refused the number {account.external_id}: {error.code} {error.detail}".strip()
        return None

    async def _post(self, account: ChannelAccount, body: Mapping[str, Any]) -> Answer:
        url = f"{self._root}/{quote(account.external_id, safe='')}/messages"
        return await exchange(self._http, "POST", url, headers=_authorization(account), json_body=body)


def _authorization(account: ChannelAccount) -> dict[str, str]:
    return {"authorization": f"Bearer {account.secrets.get('access_token', '')}"}


def _recipient(to: Address) -> dict[str, str]:
    # The doubt about `recipient` and `to` (protocols 10.3) lives in this one place.
    if to.kind is AddressKind.BSUID:
        return {"recipient": to.value}
    if to.kind in (AddressKind.WA_ID, AddressKind.PHONE):
        return {"to": to.value.removeprefix("+")}
    raise Rejected(error_class=ErrorClass.ADDRESS, code="address_kind", detail=f"Meta does not reach a {to.kind}")


def _content(part: Part) -> dict[str, Any]:
    match part:
        case Text():
            return {"type": "text", "text": {"preview_url": False, "body": part.text}}
        case Media():
            return {"type": part.kind, part.kind: _media(part)}
        case Location():
            place = {"latitude": part.latitude, "longitude": part.longitude, "name": part.name, "address": part.address}
            return {"type": "location", "location": {name: value for name, value in place.items() if value != ""}}
        case Buttons():
            replies = [{"type": "reply", "reply": {"id": choice.id, "title": choice.title}} for choice in part.choices]
            return _interactive("button", part.text, {"buttons": replies})
        case Menu():
            return _interactive("list", part.text, {"button": part.button, "sections": [{"rows": _rows(part)}]})
        case Template():
            return {"type": "template", "template": _template(part)}
        case _:
            assert_never(part)


def _interactive(kind: str, text: str, action: dict[str, Any]) -> dict[str, Any]:
    return {"type": "interactive", "interactive": {"type": kind, "body": {"text": text}, "action": action}}


def _rows(menu: Menu) -> list[dict[str, str]]:
    return [
        {"id": choice.id, "title": choice.title, **({"description": choice.description} if choice.description else {})}
        for choice in menu.choices
    ]


def _media(part: Media) -> dict[str, str]:
    media = {"link": part.url}
    if part.caption and part.kind != "audio":
        media["caption"] = part.caption
    if part.filename and part.kind == "document":
        media["filename"] = part.filename
    return media


def _template(part: Template) -> dict[str, Any]:
    template: dict[str, Any] = {"name": part.name, "language": {"code": part.language}}
    if part.parameters:
        # Meta refuses line breaks, tabs and runs of blanks in parameters (protocols 1.7).
        texts = [{"type": "text", "text": _BLANKS.sub(" ", value).strip()} for value in part.parameters]
        template["components"] = [{"type": "body", "parameters": texts}]
    return template


def _raise_refusal(answer: Answer) -> None:
    problem = answer.json().get("error")
    if answer.is_success and not isinstance(problem, dict):
        return
    error = classify(as_object(problem))
    if answer.is_success and not error.is_known:
        raise unreadable_success(answer)
    error_class = error.error_class if error.is_known else class_of_status(answer.status)
    raise refusal(
        answer,
        error_class=error_class,
        code=error.code if error.code != "unknown" else str(answer.status),
        detail=error.detail,
        is_rate_limit=error.is_rate_limit,
        wait=error.wait_seconds,
    )


def _receipt(answer: Answer, to: Address) -> SendReceipt:
    _raise_refusal(answer)
    body = answer.json()
    message_id = next((as_id(message.get("id")) for message in objects_in(body.get("messages"))), None)
    if message_id is None:
        raise unreadable_success(answer)
    seen = [
        address_of(value)
        for contact in objects_in(body.get("contacts"))
        for value in (as_id(contact.get("wa_id")), as_id(contact.get("user_id")))
        if value is not None and address_of(value) != to
    ]
    return SendReceipt(provider_message_id=message_id, aliases=tuple(dict.fromkeys(seen)))
