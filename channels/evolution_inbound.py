"""Read Evolution API webhooks (protocols 2.2): messages, edits, deletions, echoes and delivery states."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from channels.evolution_content import read_content
from channels.reading import (
    JsonObject,
    Unreadable,
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
    ErrorClass,
    InboundMessage,
    MessageKind,
    ParsedWebhook,
    ProviderError,
    ProviderEvent,
    StatusUpdate,
)

_STATUSES = {
    "ERROR": DeliveryStatus.FAILED,
    "PENDING": DeliveryStatus.SENT,  # Evolution has it: for us that is sent
    "SERVER_ACK": DeliveryStatus.SENT,
    "DELIVERY_ACK": DeliveryStatus.DELIVERED,
    "READ": DeliveryStatus.READ,
    "PLAYED": DeliveryStatus.READ,
}
_STATUS_NUMBERS = ("ERROR", "PENDING", "SERVER_ACK", "DELIVERY_ACK", "READ", "PLAYED")
_SENDERS = ("senderPn", "senderLid")  # on our own messages these name ourselves
_CHAT_NAMES = ("remoteJid", "remoteJidAlt", "previousRemoteJid")


@dataclass(slots=True)
class _Found:
    """What one webhook brought, gathered while walking it."""

    received_at: datetime
    instance: str | None
    own: Address | None
    messages: list[InboundMessage] = field(default_factory=list)
    statuses: list[StatusUpdate] = field(default_factory=list)
    events: list[ProviderEvent] = field(default_factory=list)

    def add_event(self, kind: str, data: Mapping[str, object], *, key: str | None = None) -> None:
        name = f"evolution:{self.instance}:{kind}:{key or digest(data)}"
        self.events.append(ProviderEvent(account_external_id=self.instance, kind=kind, key=name[:600], data=data))


def address_of(jid: object) -> Address | None:
    """Read a WhatsApp jid of a person, without its device; None for groups, status, newsletters and other things."""
    user, _, server = (as_id(jid) or "").partition("@")
    user = user.partition(":")[0]
    if not user:
        return None
    if server in ("s.whatsapp.net", "c.us"):
        return Address(kind=AddressKind.WA_ID, value=user)
    if server in ("lid", "hosted.lid"):
        return Address(kind=AddressKind.LID, value=f"{user}@lid")
    return None


def parse_evolution(body: bytes, *, received_at: datetime) -> ParsedWebhook:
    """Read a webhook body; what is not understood becomes an event. The instance's key in it is dropped."""
    try:
        envelope = as_object(read_json(body))
    except Unreadable as error:
        found = _Found(received_at=received_at, instance=None, own=None)
        found.add_event("unreadable", {"reason": str(error), "bytes": len(body)}, key=digest(body))
        return ParsedWebhook(events=tuple(found.events))
    found = _Found(
        received_at=received_at, instance=as_id(envelope.get("instance")), own=address_of(envelope.get("sender"))
    )
    name = (as_id(envelope.get("event")) or "unknown").lower().replace("_", ".").replace("-", ".")
    read = {
        "messages.upsert": _read_message,
        "send.message": _read_echo,
        "messages.edited": _read_edit,
        "messages.delete": _read_deletion,
        "messages.update": _read_update,
    }.get(name)
    items = list(_items(envelope.get("data")))
    if read is None or found.instance is None or not items:
        kept = {key: value for key, value in envelope.items() if key not in ("apikey", "server_url", "destination")}
        found.add_event(name, kept)
    else:
        for item in items:
            read(found, item)
    return ParsedWebhook(messages=tuple(found.messages), statuses=tuple(found.statuses), events=tuple(found.events))


def _items(data: object) -> Iterator[JsonObject]:
    # One object today, a list in older versions.
    if isinstance(data, dict) and data:
        wrapped = as_list(data.get("messages"))
        yield from objects_in(wrapped) if wrapped else iter((data,))
    yield from objects_in(data)


def _people(found: _Found, key: JsonObject) -> tuple[Address, ...]:
    """Return the customer's addresses: the chat as it came first, then what was seen with it, never our own."""
    is_own = key.get("fromMe") is True
    names = _CHAT_NAMES if is_own else (*_CHAT_NAMES, *_SENDERS)
    seen = [address_of(key.get(name)) for name in names]
    return tuple(dict.fromkeys(address for address in seen if address is not None and address != found.own))


def _is_other_chat(key: JsonObject) -> bool:
    jid = as_id(key.get("remoteJid"))
    return jid is not None and address_of(jid) is None


def _read_message(found: _Found, data: JsonObject) -> None:
    key = as_object(data.get("key"))
    message_id = as_id(key.get("id"))
    if _is_other_chat(key):
        found.add_event("other_chat", {"id": message_id, "remoteJid": key.get("remoteJid")}, key=message_id)
        return
    people = _people(found, key)
    if message_id is None or found.instance is None or not people:
        found.add_event("message_incomplete", {"data": data})
        return
    is_echo = key.get("fromMe") is True
    plain = InboundMessage(
        provider_message_id=message_id,
        account_external_id=found.instance,
        addresses=people,
        sent_at=sent_time(data.get("messageTimestamp"), received_at=found.received_at),
        kind=MessageKind.UNSUPPORTED,
        # On our own messages the name is ours.
        profile_name=None if is_echo else as_text(data.get("pushName")),
        reply_to=as_id(as_object(data.get("contextInfo")).get("stanzaId")),
        is_echo=is_echo,
    )
    found.messages.append(read_content(plain, as_object(data.get("message"))))


def _read_echo(found: _Found, data: JsonObject) -> None:
    """Read `send.message`: what the business sent, through us or another client."""
    key = as_object(data.get("key"))
    _read_message(found, {**data, "key": {**key, "fromMe": True}})


def _read_edit(found: _Found, data: JsonObject) -> None:
    """Read `messages.edited`: the edit itself, whose key names the edited message.

    The key is written from the editor's side, so `fromMe` does not tell who edited; only a plain customer's edit
    is taken as one.
    """
    key = as_object(data.get("key"))
    message_id, people = as_id(key.get("id")), _people(found, key)
    if message_id is None or found.instance is None or not people or key.get("fromMe") is True:
        found.add_event("messages.edited", {"data": data})
        return
    plain = InboundMessage(
        provider_message_id=f"{message_id}:edit:{digest(data)[:16]}",
        account_external_id=found.instance,
        addresses=people,
        sent_at=found.received_at,
        kind=MessageKind.UNSUPPORTED,
    )
    edited = read_content(plain, as_object(data.get("editedMessage")))
    found.messages.append(replace(edited, kind=MessageKind.EDIT, reply_to=message_id))


def _read_deletion(found: _Found, data: JsonObject) -> None:
    key = as_object(data.get("key")) or data
    message_id, people = as_id(key.get("id")), _people(found, key)
    if message_id is None or found.instance is None or not people:
        found.add_event("messages.delete", {"data": data})
        return
    found.messages.append(
        InboundMessage(
            # The deleted message has this id already, so the deletion needs its own.
            provider_message_id=f"{message_id}:revoke",
            account_external_id=found.instance,
            addresses=people,
            sent_at=found.received_at,
            kind=MessageKind.REVOKE,
            reply_to=message_id,
            is_echo=key.get("fromMe") is True,
        )
    )


def _status_name(value: object) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        return _STATUS_NUMBERS[value] if 0 <= value < len(_STATUS_NUMBERS) else "UNKNOWN"
    return (as_text(value) or "UNKNOWN").upper()


def _read_update(found: _Found, data: JsonObject) -> None:
    key = as_object(data.get("key")) or data
    message_id = as_id(data.get("keyId")) or as_id(key.get("id"))
    name = _status_name(data.get("status", as_object(data.get("update")).get("status")))
    state = _STATUSES.get(name)
    # DELETED is also what edits and poll votes are reported as, so it proves nothing (protocols 2.2).
    if message_id is None or found.instance is None or state is None or key.get("fromMe") is not True:
        found.add_event("messages.update", {"data": data})
        return
    if _is_other_chat(key):
        found.add_event("other_chat", {"id": message_id, "remoteJid": key.get("remoteJid"), "status": name})
        return
    failure = ProviderError(error_class=ErrorClass.RETRY, code="ERROR", detail="WhatsApp did not take the message")
    found.statuses.append(
        StatusUpdate(
            account_external_id=found.instance,
            provider_message_id=message_id,
            status=state,
            # The envelope's date_time is local time marked as UTC: of no use as an instant.
            occurred_at=found.received_at,
            error=failure if state is DeliveryStatus.FAILED else None,
            addresses=_people(found, key),
        )
    )
