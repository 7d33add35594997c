"""Read the content of a WhatsApp message as Baileys gives it: wrappers off, then the one part that matters."""

from collections.abc import Callable, Mapping
from dataclasses import replace

from channels.reading import (
    EMPTY,
    JsonObject,
    Unreadable,
    as_coordinates,
    as_id,
    as_object,
    as_text,
    objects_in,
    read_json,
)
from domain.messages import InboundMessage, MediaReference, MessageKind

_WRAPPERS = (
    "ephemeralMessage",
    "viewOnceMessage",
    "viewOnceMessageV2",
    "viewOnceMessageV2Extension",
    "documentWithCaptionMessage",
    "editedMessage",
    "deviceSentMessage",
)
_MAX_WRAPPERS = 8
_MEDIA = {
    "imageMessage": MessageKind.IMAGE,
    "audioMessage": MessageKind.AUDIO,
    "videoMessage": MessageKind.VIDEO,
    "ptvMessage": MessageKind.VIDEO,
    "documentMessage": MessageKind.DOCUMENT,
    "stickerMessage": MessageKind.STICKER,
}
_REVOKE_TYPES = (0, "0", "REVOKE")
_EDIT_TYPES = (14, "14", "MESSAGE_EDIT")


def read_content(plain: InboundMessage, message: JsonObject) -> InboundMessage:
    """Return the message with kind, text and parts; what has no reader stays unsupported."""
    content = _unwrapped(message)
    if as_text(content.get("conversation")):
        return replace(plain, kind=MessageKind.TEXT, text=as_text(content.get("conversation")))
    for name, read in _READERS.items():
        part = content.get(name)
        if isinstance(part, dict):
            quoted = as_id(as_object(part.get("contextInfo")).get("stanzaId"))
            return read(replace(plain, reply_to=plain.reply_to or quoted), part)
    for name, kind in _MEDIA.items():
        if isinstance(content.get(name), dict):
            return _media(plain, kind, as_object(content[name]), content)
    return plain


def _unwrapped(message: JsonObject) -> JsonObject:
    content = message
    for _ in range(_MAX_WRAPPERS):
        inner = next((as_object(content[name]) for name in _WRAPPERS if isinstance(content.get(name), dict)), EMPTY)
        inside = as_object(inner.get("message"))
        if not inside:
            return content
        # base64 and mediaUrl stand beside the wrapper, not inside it.
        content = {**{name: content[name] for name in ("mediaUrl",) if name in content}, **inside}
    return content


def _media(plain: InboundMessage, kind: MessageKind, part: JsonObject, content: JsonObject) -> InboundMessage:
    quoted = as_id(as_object(part.get("contextInfo")).get("stanzaId"))
    reference = MediaReference(
        # The file is fetched by the message's id; the part's own `url` is encrypted and useless alone.
        media_id=plain.provider_message_id,
        url=as_text(content.get("mediaUrl")) or as_text(part.get("mediaUrl")),
        mime_type=as_text(part.get("mimetype")),
        filename=as_text(part.get("fileName")) or as_text(part.get("title")),
        sha256=as_text(part.get("fileSha256")),
        caption=as_text(part.get("caption")),
        is_voice_note=part.get("ptt") is True,
    )
    return replace(plain, kind=kind, text=reference.caption, media=(reference,), reply_to=plain.reply_to or quoted)


def _extended_text(plain: InboundMessage, part: JsonObject) -> InboundMessage:
    return replace(plain, kind=MessageKind.TEXT, text=as_text(part.get("text")))


def _location(plain: InboundMessage, part: JsonObject) -> InboundMessage:
    place = as_coordinates(part.get("degreesLatitude"), part.get("degreesLongitude"))
    words = (as_text(part.get("name")), as_text(part.get("address")))
    return replace(
        plain,
        kind=MessageKind.LOCATION,
        text=", ".join(dict.fromkeys(word for word in words if word)) or None,
        latitude=place[0] if place else None,
        longitude=place[1] if place else None,
    )


def _card(part: JsonObject) -> str:
    vcard = as_text(part.get("vcard")) or ""
    phones = [line.partition(":")[2].strip() for line in vcard.splitlines() if line.upper().startswith(("TEL", "ITEM"))]
    return ": ".join(filter(None, (as_text(part.get("displayName")), ", ".join(filter(None, phones)))))


def _contact(plain: InboundMessage, part: JsonObject) -> InboundMessage:
    return replace(plain, kind=MessageKind.CONTACTS, text=_card(part) or None)


def _contacts(plain: InboundMessage, part: JsonObject) -> InboundMessage:
    cards = [_card(card) for card in objects_in(part.get("contacts"))]
    return replace(plain, kind=MessageKind.CONTACTS, text="\n".join(filter(None, cards)) or None)


def _reaction(plain: InboundMessage, part: JsonObject) -> InboundMessage:
    return replace(
        plain,
        kind=MessageKind.REACTION,
        text=as_text(part.get("text")),
        reply_to=as_id(as_object(part.get("key")).get("id")),
    )


def _choice(plain: InboundMessage, choice_id: object, text: object) -> InboundMessage:
    return replace(plain, kind=MessageKind.CHOICE, choice_id=as_id(choice_id), text=as_text(text))


def _button(plain: InboundMessage, part: JsonObject) -> InboundMessage:
    return _choice(plain, part.get("selectedButtonId"), part.get("selectedDisplayText"))


def _template_button(plain: InboundMessage, part: JsonObject) -> InboundMessage:
    return _choice(plain, part.get("selectedId"), part.get("selectedDisplayText"))


def _list_row(plain: InboundMessage, part: JsonObject) -> InboundMessage:
    return _choice(plain, as_object(part.get("singleSelectReply")).get("selectedRowId"), part.get("title"))


def _native_flow(plain: InboundMessage, part: JsonObject) -> InboundMessage:
    flow = as_object(part.get("nativeFlowResponseMessage"))
    try:
        params = as_object(read_json((as_text(flow.get("paramsJson")) or "{}").encode()))
    except Unreadable:
        params = EMPTY
    words = as_text(as_object(part.get("body")).get("text")) or as_text(params.get("title"))
    return _choice(plain, params.get("id") or flow.get("name"), words or as_text(flow.get("paramsJson")))


def _protocol(plain: InboundMessage, part: JsonObject) -> InboundMessage:
    """Read what one message does to another: edit it or delete it."""
    target = as_id(as_object(part.get("key")).get("id"))
    if part.get("type") in _EDIT_TYPES or isinstance(part.get("editedMessage"), dict):
        edited = read_content(plain, as_object(part.get("editedMessage")))
        return replace(edited, kind=MessageKind.EDIT, reply_to=target)
    if part.get("type") in _REVOKE_TYPES:
        return replace(plain, kind=MessageKind.REVOKE, reply_to=target)
    return replace(plain, kind=MessageKind.SYSTEM)


def _order(plain: InboundMessage, part: JsonObject) -> InboundMessage:
    words = (as_text(part.get("orderTitle")), as_text(part.get("message")))
    return replace(plain, kind=MessageKind.ORDER, text="\n".join(word for word in words if word) or None)


_READERS: Mapping[str, Callable[[InboundMessage, JsonObject], InboundMessage]] = {
    "protocolMessage": _protocol,
    "extendedTextMessage": _extended_text,
    "locationMessage": _location,
    "liveLocationMessage": _location,
    "contactMessage": _contact,
    "contactsArrayMessage": _contacts,
    "reactionMessage": _reaction,
    "buttonsResponseMessage": _button,
    "templateButtonReplyMessage": _template_button,
    "listResponseMessage": _list_row,
    "interactiveResponseMessage": _native_flow,
    "orderMessage": _order,
}
