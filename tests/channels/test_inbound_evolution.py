"""Every recorded Evolution webhook gives exactly these values."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from channels.evolution_inbound import parse_evolution
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
    StatusUpdate,
)
from tests.channels.conftest import RECEIVED_AT, Payload
from tests.channels.lines import PAYLOADS

INSTANCE = "tr-telecom"
SENT_AT = datetime.fromtimestamp(1795197600, tz=UTC)
PHONE = Address(kind=AddressKind.WA_ID, value="5511999990001")
LID = Address(kind=AddressKind.LID, value="103800000000001@lid")
OURS = "38B01F6D0ED37874CF4C22A0B8BD8381"


def _parse(body: bytes) -> ParsedWebhook:
    return parse_evolution(body, received_at=RECEIVED_AT)


def _inbound(message_id: str, kind: MessageKind, **rest: Any) -> InboundMessage:
    return InboundMessage(
        **{
            "provider_message_id": message_id,
            "account_external_id": INSTANCE,
            "addresses": (PHONE, LID),
            "sent_at": SENT_AT,
            "kind": kind,
            "profile_name": "Maria Aparecida",
            **rest,
        }
    )


MESSAGES = {
    "messages_upsert_text": _inbound(
        "6E06480A5B38DED80DE81699E8A2C942", MessageKind.TEXT, text="bom dia, quero pagar minha conta"
    ),
    "messages_upsert_text_lid": _inbound(
        "18A06CED35AE8FD8D19CA6B7C66260D3", MessageKind.TEXT, text="oi", addresses=(LID, PHONE)
    ),
    "messages_upsert_reply": _inbound(
        "10A649BDA605E7DD9CE4F6139242C267", MessageKind.TEXT, text="esse mesmo", reply_to=OURS
    ),
    "messages_upsert_audio": _inbound(
        "AD152C9124CFA72A5D6F3411F3B4C2F3",
        MessageKind.AUDIO,
        media=(
            MediaReference(
                media_id="AD152C9124CFA72A5D6F3411F3B4C2F3",
                mime_type="audio/ogg; codecs=opus",
                sha256="hAWubePr3iq/+yUx1DehY6MdxCoQnHNptmuTJYx+HWc=",
                is_voice_note=True,
            ),
        ),
    ),
    "messages_upsert_image": _inbound(
        "052C99EB1338851E8EBBDA16726C2FC7",
        MessageKind.IMAGE,
        text="comprovante",
        media=(
            MediaReference(
                media_id="052C99EB1338851E8EBBDA16726C2FC7",
                url="https://s3.exemplo.invalid/evolution/tr-telecom/img1.jpeg",
                mime_type="image/jpeg",
                sha256="OdYz3JzwFfuZ70vBE1HgL1Xzc5fJAX8ffO/gXAhJOus=",
                caption="comprovante",
            ),
        ),
    ),
    "messages_upsert_document": _inbound(
        "DBFAE610D06BE64FE8BC8F7D6E5F5260",
        MessageKind.DOCUMENT,
        text="segue",
        media=(
            MediaReference(
                media_id="DBFAE610D06BE64FE8BC8F7D6E5F5260",
                mime_type="application/pdf",
                filename="comprovante.pdf",
                caption="segue",
            ),
        ),
    ),
    "messages_upsert_location": _inbound(
        "D6A339EDEC26907721FFC8855B6A9EA1",
        MessageKind.LOCATION,
        text="Praça da Sé",
        latitude=-23.55052,
        longitude=-46.633308,
    ),
    "messages_upsert_buttons_response": _inbound(
        "E6E2A42250CCDAEFE95C6B3A3777EE49",
        MessageKind.CHOICE,
        text="Já paguei",
        choice_id="ja_paguei",
        reply_to="F13FF093BC797157CA24716B54A66973",
    ),
    "messages_upsert_list_response": _inbound(
        "426C992E1B49B20DFF54834D02BF6779",
        MessageKind.CHOICE,
        text="Outubro/2026",
        choice_id="fatura:fat-2026-10-0001",
        reply_to="4D5D52B1823CD3C085D83D7E57CC71A0",
    ),
    "messages_upsert_interactive_response": _inbound(
        "B1CC60726EAFC431CB59ABBBA9556874", MessageKind.CHOICE, text="Já paguei", choice_id="ja_paguei"
    ),
    "messages_delete": _inbound(
        "6E06480A5B38DED80DE81699E8A2C942:revoke",
        MessageKind.REVOKE,
        addresses=(PHONE,),
        sent_at=RECEIVED_AT,
        profile_name=None,
        reply_to="6E06480A5B38DED80DE81699E8A2C942",
    ),
    "send_message_echo": _inbound(
        "081DE6ABE2EC29FC572F155318A69422",
        MessageKind.TEXT,
        text="Sua fatura é R$ 119,90",
        addresses=(PHONE,),
        profile_name=None,
        is_echo=True,
    ),
}
STATUSES = {
    "messages_update_server_ack": DeliveryStatus.SENT,
    "messages_update_delivery_ack": DeliveryStatus.DELIVERED,
    "messages_update_read": DeliveryStatus.READ,
}
EVENTS = {
    "connection_update_open": "connection.update",
    "connection_update_connecting": "connection.update",
    "connection_update_close_401": "connection.update",
    "qrcode_updated": "qrcode.updated",
}


@pytest.mark.parametrize("name", MESSAGES)
def test_message(payload: Payload, name: str) -> None:
    assert _parse(payload(f"evolution/{name}.json").body) == ParsedWebhook(messages=(MESSAGES[name],))


@pytest.mark.parametrize("name", STATUSES)
def test_status(payload: Payload, name: str) -> None:
    expected = StatusUpdate(
        account_external_id=INSTANCE,
        provider_message_id=OURS,
        status=STATUSES[name],
        occurred_at=RECEIVED_AT,
        addresses=(PHONE,),
    )

    assert _parse(payload(f"evolution/{name}.json").body) == ParsedWebhook(statuses=(expected,))


@pytest.mark.parametrize("name", EVENTS)
def test_event(payload: Payload, name: str) -> None:
    body = payload(f"evolution/{name}.json").body
    parsed = _parse(body)

    assert not parsed.messages
    assert not parsed.statuses
    (event,) = parsed.events
    assert (event.kind, event.account_external_id) == (EVENTS[name], INSTANCE)
    assert event.data["data"] == json.loads(body)["data"]
    assert "CHAVE-FICTICIA-0001" not in repr(event)
    assert event.key == _parse(body).events[0].key


def test_every_recorded_webhook_is_in_a_table() -> None:
    recorded = {
        path.stem for path in (PAYLOADS / "evolution").glob("*.json") if "event" in json.loads(path.read_bytes())
    }

    assert recorded == {*MESSAGES, *STATUSES, *EVENTS}


def _webhook(event: str = "messages.upsert", **data: Any) -> ParsedWebhook:
    envelope = {"event": event, "instance": INSTANCE, "data": data, "sender": "551140001234@s.whatsapp.net"}
    return _parse(json.dumps(envelope).encode())


def _message(message: dict[str, Any], **key: Any) -> InboundMessage:
    full = {"remoteJid": "5511999990001@s.whatsapp.net", "fromMe": False, "id": "A1", **key}
    parsed = _webhook(key=full, message=message, messageTimestamp=1795197600)
    assert not parsed.events
    return parsed.messages[0]


@pytest.mark.parametrize(
    "wrapper",
    ["ephemeralMessage", "viewOnceMessage", "viewOnceMessageV2", "documentWithCaptionMessage", "editedMessage"],
)
def test_wrappers_come_off(wrapper: str) -> None:
    inner = {"imageMessage": {"mimetype": "image/png", "caption": "recibo"}}

    found = _message(
        {wrapper: {"message": {"ephemeralMessage": {"message": inner}}}, "mediaUrl": "https://s3.invalid/1"}
    )

    assert (found.kind, found.text, found.media[0].url) == (MessageKind.IMAGE, "recibo", "https://s3.invalid/1")


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ({"extendedTextMessage": {"text": "oi", "contextInfo": {"stanzaId": "B2"}}}, (MessageKind.TEXT, "oi", "B2")),
        ({"reactionMessage": {"key": {"id": "B2"}, "text": "👍"}}, (MessageKind.REACTION, "👍", "B2")),
        ({"reactionMessage": {"key": {"id": "B2"}, "text": ""}}, (MessageKind.REACTION, None, "B2")),
        ({"protocolMessage": {"key": {"id": "B2"}, "type": "REVOKE"}}, (MessageKind.REVOKE, None, "B2")),
        ({"protocolMessage": {"key": {"id": "B2"}, "type": 0}}, (MessageKind.REVOKE, None, "B2")),
        (
            {
                "editedMessage": {
                    "message": {
                        "protocolMessage": {
                            "key": {"id": "B2"},
                            "type": "MESSAGE_EDIT",
                            "editedMessage": {"conversation": "dia 30"},
                        }
                    }
                }
            },
            (MessageKind.EDIT, "dia 30", "B2"),
        ),
        (
            {"templateButtonReplyMessage": {"selectedId": "x", "selectedDisplayText": "Sim"}},
            (MessageKind.CHOICE, "Sim", None),
        ),
        (
            {"contactMessage": {"displayName": "Ana", "vcard": "BEGIN:VCARD\nTEL;waid=55:+55 31 98888-0003\nEND"}},
            (MessageKind.CONTACTS, "Ana: +55 31 98888-0003", None),
        ),
        ({"stickerMessage": {"mimetype": "image/webp"}}, (MessageKind.STICKER, None, None)),
        ({"pollCreationMessageV3": {"name": "?"}}, (MessageKind.UNSUPPORTED, None, None)),
        ({"imageMessage": "junk"}, (MessageKind.UNSUPPORTED, None, None)),
        ({}, (MessageKind.UNSUPPORTED, None, None)),
    ],
)
def test_rarer_kinds(message: dict[str, Any], expected: tuple[MessageKind, str | None, str | None]) -> None:
    found = _message(message)

    assert (found.kind, found.text, found.reply_to) == expected


def test_our_own_message_from_the_phone_is_an_echo_to_the_customer() -> None:
    found = _message(
        {"conversation": "oi"},
        fromMe=True,
        senderPn="551140001234@s.whatsapp.net",
        remoteJidAlt="103800000000001@lid",
    )

    assert found.is_echo
    assert found.addresses == (PHONE, LID)


def test_a_lid_with_the_phone_in_the_older_field() -> None:
    found = _message({"conversation": "oi"}, remoteJid="103800000000001@lid", senderPn="5511999990001:7@s.whatsapp.net")

    assert found.addresses == (LID, PHONE)


def test_our_own_number_is_never_an_alias_of_the_customer() -> None:
    found = _message({"conversation": "oi"}, remoteJidAlt="551140001234@s.whatsapp.net")

    assert found.addresses == (PHONE,)


@pytest.mark.parametrize(
    "jid", ["120363000000000001@g.us", "status@broadcast", "120363000000000002@newsletter", "1@broadcast", "junk"]
)
@pytest.mark.parametrize("event", ["messages.upsert", "send.message"])
def test_groups_status_and_newsletters_are_left_aside(jid: str, event: str) -> None:
    parsed = _webhook(event, key={"remoteJid": jid, "fromMe": False, "id": "G1"}, message={"conversation": "segredo"})

    assert not parsed.messages
    assert [event.kind for event in parsed.events] == ["other_chat"]
    assert "segredo" not in repr(parsed.events)


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ("PENDING", DeliveryStatus.SENT),
        ("PLAYED", DeliveryStatus.READ),
        (3, DeliveryStatus.DELIVERED),
        ("read", DeliveryStatus.READ),
    ],
)
def test_other_ways_to_write_a_status(status: object, expected: DeliveryStatus) -> None:
    parsed = _webhook("messages.update", keyId="A1", remoteJid="55@s.whatsapp.net", fromMe=True, status=status)

    assert [update.status for update in parsed.statuses] == [expected]


def test_a_failed_message_says_so() -> None:
    parsed = _webhook("MESSAGES_UPDATE", key={"id": "A1", "fromMe": True}, update={"status": "ERROR"})

    assert parsed.statuses[0].status is DeliveryStatus.FAILED
    assert parsed.statuses[0].error == ProviderError(
        error_class=ErrorClass.RETRY, code="ERROR", detail="WhatsApp did not take the message"
    )


@pytest.mark.parametrize(("status", "from_me"), [("DELETED", True), ("READ", False), (99, True), (None, True)])
def test_what_proves_nothing_about_our_message_is_an_event(status: object, from_me: bool) -> None:
    parsed = _webhook("messages.update", keyId="A1", fromMe=from_me, status=status)

    assert not parsed.statuses
    assert [event.kind for event in parsed.events] == ["messages.update"]


def test_a_customers_edit() -> None:
    key = {"remoteJid": "5511999990001@s.whatsapp.net", "fromMe": False, "id": "A1"}
    data: dict[str, Any] = {"key": key, "type": "MESSAGE_EDIT", "editedMessage": {"conversation": "dia 30"}}

    (first,) = _webhook("messages.edited", **data).messages
    (again,) = _webhook("messages.edited", **data).messages
    (later,) = _webhook("messages.edited", **{**data, "editedMessage": {"conversation": "dia 31"}}).messages

    assert (first.kind, first.text, first.reply_to) == (MessageKind.EDIT, "dia 30", "A1")
    assert first == again
    assert later.provider_message_id != first.provider_message_id


def test_an_edit_of_unknown_author_is_an_event() -> None:
    key = {"remoteJid": "5511999990001@s.whatsapp.net", "fromMe": True, "id": "A1"}

    parsed = _webhook("messages.edited", key=key, editedMessage={"conversation": "x"})

    assert [event.kind for event in parsed.events] == ["messages.edited"]


def test_a_list_of_messages_is_read_whole() -> None:
    one = {"key": {"remoteJid": "55@s.whatsapp.net", "fromMe": False, "id": "A1"}, "message": {"conversation": "a"}}
    two = {"key": {"remoteJid": "55@s.whatsapp.net", "fromMe": False, "id": "A2"}, "message": {"conversation": "b"}}
    envelope = {"event": "messages.upsert", "instance": INSTANCE, "data": [one, two]}

    assert [message.text for message in _parse(json.dumps(envelope).encode()).messages] == ["a", "b"]


def test_a_long_written_as_two_halves_is_a_time() -> None:
    parsed = _webhook(
        key={"remoteJid": "55@s.whatsapp.net", "id": "A1"},
        message={"conversation": "a"},
        messageTimestamp={"low": 1795197600, "high": 0, "unsigned": True},
    )

    assert parsed.messages[0].sent_at == SENT_AT
