"""Evolution API v2 over its REST calls (protocols 2). Unofficial: no signature, no reference, no templates."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, assert_never
from urllib.parse import quote

import httpx

from channels.base import ChannelAccount, ChannelError, OutcomeUnknown, Rejected, Unavailable, WebhookRequest
from channels.evolution_inbound import address_of, parse_evolution
from channels.reading import as_id, as_list, as_object, as_text, objects_in
from channels.signatures import verify_evolution_jwt, verify_shared_secret
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
from domain.ports import Clock

DEFAULT_HEADER_NAME = "x-webhook-secret"


class EvolutionChannel:
    """One Evolution server per account (`settings["base_url"]`), one instance per account (`external_id`)."""

    provider = Provider.EVOLUTION

    def __init__(self, http: httpx.AsyncClient, *, clock: Clock) -> None:
        self._http = http
        self._clock = clock

    def verify(self, request: WebhookRequest, account: ChannelAccount) -> bool:
        """Check the JWT when the account has `jwt_key`, else the static header with `webhook_secret`."""
        jwt_key = account.secrets.get("jwt_key", "")
        if jwt_key:
            token = request.headers.get("authorization")
            return verify_evolution_jwt(jwt_key=jwt_key, header=token, now=self._clock.now())
        name = account.settings.get("webhook_header", DEFAULT_HEADER_NAME).lower()
        return verify_shared_secret(secret=account.secrets.get("webhook_secret", ""), header=request.headers.get(name))

    def handshake(self, request: WebhookRequest, account: ChannelAccount) -> str | None:
        """Return None: Evolution asks for no proof."""
        return None

    def parse(self, request: WebhookRequest, *, received_at: datetime) -> ParsedWebhook:
        """Read messages, echoes and states; groups, broadcasts and the instance's own news become events."""
        return parse_evolution(request.body, received_at=received_at)

    async def send(self, account: ChannelAccount, request: SendRequest) -> SendReceipt:
        """Send one message. Our reference cannot travel: an unknown outcome is matched by the echo alone."""
        action, content = _content(request.part)
        body = {"number": _number(request.to), **content}
        if request.reply_to:
            body["quoted"] = {"key": {"id": request.reply_to}}
        answer = await exchange(
            self._http,
            "POST",
            _url(account, "message", action),
            headers={"apikey": account.secrets.get("api_key", "")},
            json_body=body,
        )
        return _receipt(answer, request.to)

    async def check(self, account: ChannelAccount) -> str | None:
        """Ask whether the instance is connected to WhatsApp."""
        url = _url(account, "instance", "connectionState")
        try:
            answer = await exchange(self._http, "GET", url, headers={"apikey": account.secrets.get("api_key", "")})
            if not answer.is_success:
                raise _refused(answer)
        except ChannelError as error:
            return f"Evolution refused the instance {account.external_id}: {error.code} {error.detail}".strip()
        state = as_text(as_object(answer.json().get("instance")).get("state"))
        return None if state == "open" else f"The instance {account.external_id} is not connected: {state or 'unknown'}"


def _url(account: ChannelAccount, group: str, action: str) -> str:
    base = account.settings.get("base_url", "").rstrip("/")
    return f"{base}/{group}/{action}/{quote(account.external_id, safe='')}"


def _number(to: Address) -> str:
    """Write the address so that Evolution sends to it as it is: a full jid keeps the ninth digit alone."""
    match to.kind:
        case AddressKind.WA_ID:
            return f"{to.value}@s.whatsapp.net"
        case AddressKind.LID:
            return to.value
        case AddressKind.PHONE:
            return to.value.removeprefix("+")
        case _:
            raise Rejected(error_class=ErrorClass.ADDRESS, code="address_kind", detail=f"no way to reach a {to.kind}")


def _content(part: Part) -> tuple[str, dict[str, Any]]:
    match part:
        case Text():
            return "sendText", {"text": part.text, "linkPreview": False}
        case Media():
            return "sendMedia", _media(part)
        case Location():
            place = {"name": part.name or "Localização", "address": part.address or part.name or "Localização"}
            return "sendLocation", {"latitude": part.latitude, "longitude": part.longitude, **place}
        case Buttons():
            replies = [{"type": "reply", "displayText": choice.title, "id": choice.id} for choice in part.choices]
            return "sendButtons", {"title": part.text, "buttons": replies}
        case Menu():
            rows = [
                {"title": choice.title, "description": choice.description, "rowId": choice.id}
                for choice in part.choices
            ]
            section = {"title": part.button, "rows": rows}
            return "sendList", {"title": part.text, "buttonText": part.button, "sections": [section]}
        case Template():
            raise Rejected(error_class=ErrorClass.CONTENT, code="no_templates", detail="Evolution has no templates")
        case _:
            assert_never(part)


def _media(part: Media) -> dict[str, str]:
    optional: Mapping[str, str | None] = {
        "caption": None if part.kind == "audio" else part.caption,
        "fileName": part.filename,
    }
    return {
        "mediatype": part.kind,
        "mimetype": part.mime_type,
        "media": part.url,
        **{name: value for name, value in optional.items() if value},
    }


def _refused(answer: Answer) -> ChannelError:
    """Sort an error: Evolution wraps whatever went wrong in a 400, so its words must be read once, here."""
    body = answer.json()
    messages = as_object(body.get("response")).get("message")
    code = str(answer.status)
    if any(item.get("exists") is False for item in objects_in(messages)):
        return Rejected(error_class=ErrorClass.ADDRESS, code="not_on_whatsapp", detail="the number has no WhatsApp")
    words = " ".join(text for item in (*as_list(messages), messages, body.get("message")) if (text := as_text(item)))
    if "timed out" in words.lower():
        return OutcomeUnknown(error_class=ErrorClass.RETRY, code=code, detail="WhatsApp did not confirm in time")
    if "connection closed" in words.lower():
        return Unavailable(error_class=ErrorClass.RETRY, code=code, detail="the instance lost its connection")
    return refusal(
        answer,
        error_class=class_of_status(answer.status),
        code=code,
        detail=words or as_text(body.get("error")) or "",
        is_rate_limit=False,
    )


def _receipt(answer: Answer, to: Address) -> SendReceipt:
    if not answer.is_success:
        raise _refused(answer)
    key = as_object(answer.json().get("key"))
    message_id = as_id(key.get("id"))
    if message_id is None:
        raise unreadable_success(answer)
    seen = [address_of(key.get(name)) for name in ("remoteJid", "remoteJidAlt")]
    aliases = dict.fromkeys(address for address in seen if address is not None and address != to)
    return SendReceipt(provider_message_id=message_id, aliases=tuple(aliases))
