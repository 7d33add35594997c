"""Read Twilio's forms (protocols 4.2-4.4): SMS and WhatsApp messages, their states, and calls as events."""

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Literal

from channels.reading import Unreadable, as_coordinates, as_id, as_text, digest, read_form, read_json
from channels.transport import masked
from channels.twilio_errors import class_of_code
from domain.messages import (
    Address,
    AddressKind,
    DeliveryStatus,
    ErrorClass,
    InboundMessage,
    MediaReference,
    MessageKind,
    ParsedWebhook,
    ProviderError,
    ProviderEvent,
    StatusUpdate,
)

Form = Mapping[str, str]
_WHATSAPP = "whatsapp:"
_MAX_MEDIA = 10
_BSUID = re.compile(r"[A-Z]{2}\.[A-Za-z0-9.]{1,140}")
_STATUSES = {
    # Twilio took it: for us that is sent, and it settles an unknown outcome.
    "accepted": DeliveryStatus.SENT,
    "scheduled": DeliveryStatus.SENT,
    "queued": DeliveryStatus.SENT,
    "sending": DeliveryStatus.SENT,
    "sent": DeliveryStatus.SENT,
    "delivered": DeliveryStatus.DELIVERED,
    "partially_delivered": DeliveryStatus.DELIVERED,
    "read": DeliveryStatus.READ,
    "undelivered": DeliveryStatus.FAILED,
    "failed": DeliveryStatus.FAILED,
    "canceled": DeliveryStatus.CANCELED,
}
_OPT_OUTS: Mapping[str, Literal["stop", "start", "help"]] = {"STOP": "stop", "START": "start", "HELP": "help"}
_MEDIA_KINDS = {"image": MessageKind.IMAGE, "audio": MessageKind.AUDIO, "video": MessageKind.VIDEO}


def parse_twilio(body: bytes, *, content_type: str, reference: str | None, received_at: datetime) -> ParsedWebhook:
    """Read one request. Twilio's forms carry no time, so the arrival is the time; `reference` comes from our URL."""
    try:
        if content_type.partition(";")[0].strip().lower() == "application/json":
            return ParsedWebhook(events=(_event(None, "json", {"body": read_json(body)}),))
        form = read_form(body)
    except Unreadable as error:
        data = {"reason": str(error), "bytes": len(body)}
        return ParsedWebhook(events=(_event(None, "unreadable", data, key=digest(body)),))
    if as_id(form.get("CallSid")):
        return ParsedWebhook(events=(_call(form),))
    sid = as_id(form.get("MessageSid")) or as_id(form.get("SmsSid"))
    state = (as_text(form.get("MessageStatus")) or as_text(form.get("SmsStatus")) or "").lower()
    if sid and state and state not in ("received", "receiving"):
        return _status(form, sid, state, reference=as_id(reference), received_at=received_at)
    if sid:
        return _message(form, sid, received_at=received_at)
    return ParsedWebhook(events=(_event(as_id(form.get("To")), "unknown", form),))


def _event(account: str | None, kind: str, data: Mapping[str, object], *, key: str | None = None) -> ProviderEvent:
    return ProviderEvent(account_external_id=account, kind=kind, key=f"twilio:{kind}:{key or digest(data)}", data=data)


def address_of(value: object) -> Address | None:
    """Read `+55…`, `whatsapp:+55…` or `whatsapp:BR.…`; None when there is nobody in it."""
    text = (as_id(value) or "").removeprefix(_WHATSAPP).strip()
    if not text:
        return None
    return Address(kind=AddressKind.BSUID if _BSUID.fullmatch(text) else AddressKind.PHONE, value=text)


def _people(form: Form) -> tuple[Address, ...]:
    seen = [address_of(form.get("From"))]
    wa_id = as_id(form.get("WaId"))
    if wa_id:
        seen.append(Address(kind=AddressKind.WA_ID, value=wa_id))
    for name in ("ExternalUserId", "ParentExternalUserId"):
        user = address_of(form.get(name))
        # A malformed id is left aside (protocols 4.2).
        seen.append(user if user is not None and user.kind is AddressKind.BSUID else None)
    return tuple(dict.fromkeys(address for address in seen if address is not None))


def _message(form: Form, sid: str, *, received_at: datetime) -> ParsedWebhook:
    account, people = as_id(form.get("To")), _people(form)
    if account is None or address_of(form.get("From")) is None:
        return ParsedWebhook(events=(_event(account, "message_incomplete", form, key=sid),))
    plain = InboundMessage(
        provider_message_id=sid,
        account_external_id=account,
        addresses=people,
        sent_at=received_at,
        kind=MessageKind.TEXT,
        text=as_text(form.get("Body")),
        profile_name=as_text(form.get("ProfileName")),
        reply_to=as_id(form.get("OriginalRepliedMessageSid")),
        provider_opt_out=_OPT_OUTS.get(form.get("OptOutType", "").upper()),
    )
    return ParsedWebhook(messages=(_with_content(plain, form),))


def _with_content(plain: InboundMessage, form: Form) -> InboundMessage:
    media = tuple(_media(form))
    if media:
        return replace(plain, kind=_media_kind(media[0].mime_type, form.get("MessageType", "")), media=media)
    choice = as_id(form.get("ButtonPayload")) or as_id(form.get("ListId"))
    if choice or form.get("ButtonText") or form.get("ListTitle"):
        title = as_text(form.get("ButtonText")) or as_text(form.get("ListTitle"))
        return replace(plain, kind=MessageKind.CHOICE, choice_id=choice, text=plain.text or title)
    flow = as_text(form.get("InteractiveData")) or as_text(form.get("FlowData"))
    if flow:
        return replace(plain, kind=MessageKind.CHOICE, choice_id="flow", text=plain.text or flow)
    if form.get("Latitude") or form.get("Longitude"):
        return _location(plain, form)
    kind = form.get("MessageType", "").lower()
    if kind in ("contacts", "reaction", "order"):
        return replace(plain, kind=MessageKind(kind))
    if plain.text is None and kind not in ("", "text"):
        return replace(plain, kind=MessageKind.UNSUPPORTED)
    return plain


def _media(form: Form) -> list[MediaReference]:
    count = form.get("NumMedia", "0")
    declared = min(int(count), _MAX_MEDIA) if count.isascii() and count.isdigit() and len(count) < 4 else 0
    found = []
    for index in range(declared):
        url = as_text(form.get(f"MediaUrl{index}"))
        mime_type = as_text(form.get(f"MediaContentType{index}"))
        if url or mime_type:
            found.append(
                MediaReference(
                    url=url,
                    mime_type=mime_type,
                    caption=as_text(form.get("Body")) if index == 0 else None,
                    # Twilio does not say which audio was recorded now; WhatsApp records Ogg and nothing else.
                    is_voice_note=(mime_type or "").startswith("audio/ogg"),
                )
            )
    return found


def _media_kind(mime_type: str | None, message_type: str) -> MessageKind:
    if message_type.lower() == "sticker":
        return MessageKind.STICKER
    if (mime_type or "").lower() in ("text/vcard", "text/x-vcard"):
        return MessageKind.CONTACTS
    return _MEDIA_KINDS.get((mime_type or "").partition("/")[0].lower(), MessageKind.DOCUMENT)


def _location(plain: InboundMessage, form: Form) -> InboundMessage:
    place = as_coordinates(form.get("Latitude"), form.get("Longitude"))
    words = (as_text(form.get("Label")), as_text(form.get("Address")))
    return replace(
        plain,
        kind=MessageKind.LOCATION,
        text=plain.text or ", ".join(dict.fromkeys(word for word in words if word)) or None,
        latitude=place[0] if place else None,
        longitude=place[1] if place else None,
    )


def _status(form: Form, sid: str, state: str, *, reference: str | None, received_at: datetime) -> ParsedWebhook:
    account = as_id(form.get("From")) or as_id(form.get("MessagingServiceSid"))
    status = _STATUSES.get(state)
    if account is None or status is None:
        return ParsedWebhook(events=(_event(account, "status_unknown", form, key=f"{sid}:{state[:64]}"),))
    recipient = address_of(form.get("To"))
    return ParsedWebhook(
        statuses=(
            StatusUpdate(
                account_external_id=account,
                provider_message_id=sid,
                status=status,
                occurred_at=received_at,
                reference=reference,
                error=_error(form) if status is DeliveryStatus.FAILED else None,
                addresses=(recipient,) if recipient else (),
            ),
        )
    )


def _error(form: Form) -> ProviderError:
    code = (as_text(form.get("ErrorCode")) or "unknown")[:32]
    detail = masked(as_text(form.get("ErrorMessage")) or "")
    return ProviderError(error_class=class_of_code(code) or ErrorClass.CONTENT, code=code, detail=detail)


def _call(form: Form) -> ProviderEvent:
    """Keep a call's form whole as an event: calls have their own machinery."""
    sid = as_id(form.get("CallSid"))
    kind = _call_kind(form)
    is_inbound = form.get("Direction") == "inbound"
    account = as_id(form.get("To" if is_inbound else "From"))
    order = as_id(form.get("SequenceNumber"))
    key = f"{sid}:{order}" if kind == "voice_status" and order else f"{sid}:{digest(form)}"
    return _event(account, kind, form, key=key)


def _call_kind(form: Form) -> str:
    if form.get("SessionStatus") or form.get("HandoffData"):
        return "voice_relay_ended"
    if form.get("CallbackSource") or form.get("SequenceNumber"):
        return "voice_status"
    if "SpeechResult" in form or "Digits" in form:
        return "voice_gather"
    if form.get("AnsweredBy") and not form.get("CallStatus"):
        return "voice_answered_by"
    if form.get("CallStatus") in ("completed", "busy", "no-answer", "failed", "canceled"):
        return "voice_status"
    return "voice_inbound" if form.get("Direction") == "inbound" else "voice_request"
