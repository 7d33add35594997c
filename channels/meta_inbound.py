"""Read Meta's WhatsApp webhooks (protocols 1.3-1.6): every entry, change, message, echo and status."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from channels.meta_errors import classify
from channels.reading import (
    JsonObject,
    Unreadable,
    as_coordinates,
    as_id,
    as_list,
    as_object,
    as_text,
    digest,
    objects_in,
    read_json,
    sent_time,
)
from domain.messages import (
    Address,
    AddressKind,
    DeliveryStatus,
    InboundMessage,
    MediaReference,
    MessageKind,
    ParsedWebhook,
    ProviderError,
    ProviderEvent,
    StatusUpdate,
)

_BSUID = re.compile(r"[A-Z]{2}\.[A-Za-z0-9.]{1,140}")
_STATUSES = {
    "sent": DeliveryStatus.SENT,
    "delivered": DeliveryStatus.DELIVERED,
    "read": DeliveryStatus.READ,
    "played": DeliveryStatus.READ,
    "failed": DeliveryStatus.FAILED,
}


@dataclass(slots=True)
class _Found:
    """What one webhook brought, gathered while walking it."""

    received_at: datetime
    messages: list[InboundMessage] = field(default_factory=list)
    statuses: list[StatusUpdate] = field(default_factory=list)
    events: list[ProviderEvent] = field(default_factory=list)

    def add_event(
        self, kind: str, data: Mapping[str, object], *, account: str | None = None, key: str | None = None
    ) -> None:
        self.events.append(
            ProviderEvent(account_external_id=account, kind=kind, key=f"meta:{kind}:{key or digest(data)}", data=data)
        )


def parse_meta(body: bytes, *, received_at: datetime) -> ParsedWebhook:
    """Read a webhook body; what is not understood becomes an event."""
    found = _Found(received_at=received_at)
    try:
        envelope = read_json(body)
    except Unreadable as error:
        found.add_event("unreadable", {"reason": str(error), "bytes": len(body)}, key=digest(body))
        return ParsedWebhook(events=tuple(found.events))
    changes = [
        (as_id(entry.get("id")), change)
        for entry in objects_in(as_object(envelope).get("entry"))
        for change in objects_in(entry.get("changes"))
    ]
    if not changes:
        found.add_event("unknown", {"body": envelope})
    for waba_id, change in changes:
        _read_change(found, waba_id, change)
    return ParsedWebhook(messages=tuple(found.messages), statuses=tuple(found.statuses), events=tuple(found.events))


def _read_change(found: _Found, waba_id: str | None, change: JsonObject) -> None:
    value = as_object(change.get("value"))
    name = as_id(change.get("field")) or ("messages" if "messages" in value or "statuses" in value else "unknown")
    account = as_id(as_object(value.get("metadata")).get("phone_number_id"))
    if name in ("messages", "smb_message_echoes") and value:
        _read_messages(found, account, value)
    elif name == "user_preferences" and any(objects_in(value.get("user_preferences"))):
        for preference in objects_in(value.get("user_preferences")):
            found.add_event(name, {**preference, "waba_id": waba_id}, account=account)
    else:
        found.add_event(name, {"waba_id": waba_id, "value": change.get("value")}, account=account)


def _read_messages(found: _Found, account: str | None, value: JsonObject) -> None:
    contacts = list(objects_in(value.get("contacts")))
    before = len(found.messages) + len(found.statuses) + len(found.events)
    for item in as_list(value.get("messages")):
        _read_message(found, account, as_object(item), contacts, is_echo=False)
    for item in as_list(value.get("message_echoes")):
        _read_message(found, account, as_object(item), contacts, is_echo=True)
    for item in as_list(value.get("statuses")):
        _read_status(found, account, as_object(item))
    for error in objects_in(value.get("errors")):
        found.add_event("errors", error, account=account)
    if before == len(found.messages) + len(found.statuses) + len(found.events):
        found.add_event("messages_empty", {"value": value}, account=account)


def address_of(value: str) -> Address:
    """Tell a business-scoped user id from a WhatsApp number."""
    return Address(kind=AddressKind.BSUID if _BSUID.fullmatch(value) else AddressKind.WA_ID, value=value)


def _addresses(*values: object) -> tuple[Address, ...]:
    found = [address_of(value) for value in map(as_id, values) if value is not None]
    return tuple(dict.fromkeys(found))


def _contact_of(message_ids: set[str], contacts: list[JsonObject]) -> JsonObject:
    """Find the contact that shares an id with the message.

    A contact without any id of its own is taken only when it is alone; one with other ids is somebody else.
    """
    for contact in contacts:
        if message_ids & {as_id(contact.get("wa_id")), as_id(contact.get("user_id"))}:
            return contact
    if len(contacts) == 1 and not (message_ids and _addresses(contacts[0].get("wa_id"), contacts[0].get("user_id"))):
        return contacts[0]
    return {}


def _people(
    message: JsonObject, contacts: list[JsonObject], *, is_echo: bool
) -> tuple[tuple[Address, ...], str | None]:
    """Return the customer's addresses, the one that came as sender first, and the profile name."""
    names = (
        ("to", "to_user_id", "recipient_user_id", "to_parent_user_id")
        if is_echo
        else ("from", "from_user_id", "from_parent_user_id")
    )
    own = [as_id(message.get(name)) for name in names]
    contact = _contact_of({value for value in own if value}, contacts)
    addresses = _addresses(*own, contact.get("wa_id"), contact.get("user_id"), contact.get("parent_user_id"))
    ordered = sorted(addresses, key=lambda address: address.kind is not AddressKind.WA_ID)
    return tuple(ordered), as_text(as_object(contact.get("profile")).get("name"))


def _read_message(
    found: _Found, account: str | None, message: JsonObject, contacts: list[JsonObject], *, is_echo: bool
) -> None:
    message_id = as_id(message.get("id"))
    addresses, profile_name = _people(message, contacts, is_echo=is_echo)
    if as_id(message.get("group_id")):
        found.add_event("group_message", {"id": message_id, "group_id": message.get("group_id")}, account=account)
        return
    if message.get("type") == "system":
        addresses = _moved(message, addresses)
    if message_id is None or account is None or not addresses:
        found.add_event("message_incomplete", {"message": message}, account=account)
        return
    plain = InboundMessage(
        provider_message_id=message_id,
        account_external_id=account,
        addresses=addresses,
        sent_at=sent_time(message.get("timestamp"), received_at=found.received_at),
        kind=MessageKind.UNSUPPORTED,
        profile_name=profile_name,
        reply_to=as_id(as_object(message.get("context")).get("id")),
        is_echo=is_echo,
    )
    found.messages.append(_with_content(plain, message))


def _moved(message: JsonObject, addresses: tuple[Address, ...]) -> tuple[Address, ...]:
    """Put the new number or id of a person who changed it first: the reply goes there."""
    system = as_object(message.get("system"))
    current = as_object(system.get("user_id")).get("current") or system.get("user_id")
    new = _addresses(system.get("new_wa_id"), system.get("wa_id"), current)
    return tuple(dict.fromkeys((*new, *addresses)))


def _with_content(plain: InboundMessage, message: JsonObject) -> InboundMessage:
    kind = as_text(message.get("type")) or ""
    if kind == "request_welcome":  # the person opened the chat and wrote nothing yet
        return replace(plain, kind=MessageKind.SYSTEM)
    read = _READERS.get(kind)
    part = message.get(kind)
    if read is None or not part:
        return plain
    return read(plain, message)


def _text(plain: InboundMessage, message: JsonObject) -> InboundMessage:
    return replace(plain, kind=MessageKind.TEXT, text=as_text(as_object(message["text"]).get("body")))


def _media(plain: InboundMessage, message: JsonObject) -> InboundMessage:
    kind = str(message["type"])
    part = as_object(message[kind])
    reference = MediaReference(
        media_id=as_id(part.get("id")),
        url=as_text(part.get("url")),
        mime_type=as_text(part.get("mime_type")),
        filename=as_text(part.get("filename")),
        sha256=as_text(part.get("sha256")),
        caption=as_text(part.get("caption")),
        is_voice_note=part.get("voice") is True,
    )
    return replace(plain, kind=MessageKind(kind), text=reference.caption, media=(reference,))


def _location(plain: InboundMessage, message: JsonObject) -> InboundMessage:
    part = as_object(message["location"])
    place = as_coordinates(part.get("latitude"), part.get("longitude"))
    words = (as_text(part.get("name")), as_text(part.get("address")))
    return replace(
        plain,
        kind=MessageKind.LOCATION,
        text=", ".join(dict.fromkeys(word for word in words if word)) or None,
        latitude=place[0] if place else None,
        longitude=place[1] if place else None,
    )


def _contacts(plain: InboundMessage, message: JsonObject) -> InboundMessage:
    lines = []
    for card in objects_in(message["contacts"]):
        name = as_object(card.get("name"))
        phones = [
            as_text(phone.get("phone")) or as_text(phone.get("wa_id")) for phone in objects_in(card.get("phones"))
        ]
        title = as_text(name.get("formatted_name")) or as_text(name.get("first_name"))
        lines.append(": ".join(filter(None, (title, ", ".join(filter(None, phones))))))
    return replace(plain, kind=MessageKind.CONTACTS, text="\n".join(filter(None, lines)) or None)


def _interactive(plain: InboundMessage, message: JsonObject) -> InboundMessage:
    interactive = as_object(message["interactive"])
    kind = as_text(interactive.get("type")) or ""
    part = as_object(interactive.get(kind))
    if kind in ("button_reply", "list_reply"):
        return replace(plain, kind=MessageKind.CHOICE, choice_id=as_id(part.get("id")), text=as_text(part.get("title")))
    if kind == "nfm_reply":
        answers = as_text(part.get("response_json"))
        return replace(plain, kind=MessageKind.CHOICE, choice_id=as_id(part.get("name")), text=answers)
    if kind == "call_permission_reply":
        response = as_text(part.get("response"))
        return replace(plain, kind=MessageKind.CHOICE, choice_id=f"call_permission:{response}", text=response)
    return plain


def _button(plain: InboundMessage, message: JsonObject) -> InboundMessage:
    part = as_object(message["button"])
    return replace(plain, kind=MessageKind.CHOICE, choice_id=as_id(part.get("payload")), text=as_text(part.get("text")))


def _reaction(plain: InboundMessage, message: JsonObject) -> InboundMessage:
    part = as_object(message["reaction"])
    # No emoji means that the reaction was taken back.
    return replace(
        plain, kind=MessageKind.REACTION, text=as_text(part.get("emoji")), reply_to=as_id(part.get("message_id"))
    )


def _order(plain: InboundMessage, message: JsonObject) -> InboundMessage:
    part = as_object(message["order"])
    lines = [
        f"{item.get('quantity')} x {item.get('product_retailer_id')} ({item.get('currency')} {item.get('item_price')})"
        for item in objects_in(part.get("product_items"))
    ]
    words = [as_text(part.get("text")), *lines]
    return replace(plain, kind=MessageKind.ORDER, text="\n".join(filter(None, words)) or None)


def _system(plain: InboundMessage, message: JsonObject) -> InboundMessage:
    part = as_object(message["system"])
    return replace(plain, kind=MessageKind.SYSTEM, text=as_text(part.get("body")), choice_id=as_id(part.get("type")))


def _edit(plain: InboundMessage, message: JsonObject) -> InboundMessage:
    part = as_object(message["edit"])
    edited = as_object(part.get("message"))
    content = as_object(edited.get(as_text(edited.get("type")) or "text"))
    words = as_text(content.get("body")) or as_text(content.get("caption"))
    return replace(plain, kind=MessageKind.EDIT, text=words, reply_to=as_id(part.get("original_message_id")))


def _revoke(plain: InboundMessage, message: JsonObject) -> InboundMessage:
    part = as_object(message["revoke"])
    return replace(plain, kind=MessageKind.REVOKE, reply_to=as_id(part.get("original_message_id")))


_READERS: Mapping[str, Callable[[InboundMessage, JsonObject], InboundMessage]] = {
    "text": _text,
    "image": _media,
    "audio": _media,
    "video": _media,
    "sticker": _media,
    "document": _media,
    "location": _location,
    "contacts": _contacts,
    "interactive": _interactive,
    "button": _button,
    "reaction": _reaction,
    "order": _order,
    "system": _system,
    "edit": _edit,
    "revoke": _revoke,
}


def _read_status(found: _Found, account: str | None, status: JsonObject) -> None:
    message_id = as_id(status.get("id"))
    state = _STATUSES.get(as_text(status.get("status")) or "")
    if message_id is None or account is None or state is None:
        found.add_event("status_unknown", {"status": status}, account=account)
        return
    error = next(iter(objects_in(status.get("errors"))), None)
    found.statuses.append(
        StatusUpdate(
            account_external_id=account,
            provider_message_id=message_id,
            status=state,
            occurred_at=sent_time(status.get("timestamp"), received_at=found.received_at),
            reference=as_id(status.get("biz_opaque_callback_data")),
            error=_error(error) if state is DeliveryStatus.FAILED else None,
            addresses=_addresses(
                status.get("recipient_id"), status.get("recipient_user_id"), status.get("parent_recipient_user_id")
            ),
        )
    )


def _error(error: JsonObject | None) -> ProviderError:
    known = classify(as_object(error))
    return ProviderError(error_class=known.error_class, code=known.code, detail=known.detail)
