"""Every recorded Meta webhook gives exactly these values."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from channels.base import WebhookRequest
from channels.meta_inbound import parse_meta
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

ACCOUNT = "301500000000001"
MARIA = (
    Address(kind=AddressKind.WA_ID, value="5511999990001"),
    Address(kind=AddressKind.BSUID, value="BR.1502000000000000001"),
)
JOSE = (
    Address(kind=AddressKind.WA_ID, value="5511999990002"),
    Address(kind=AddressKind.BSUID, value="BR.1502000000000000002"),
)
OURS = "wamid.HBgNNTUxMTk5OTk5MDAwMRUCABEYEjFCMjUwMUEyMEZFMUJDRDgyQgA="


def _parse(request: WebhookRequest) -> ParsedWebhook:
    return parse_meta(request.body, received_at=RECEIVED_AT)


def _at(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, tz=UTC)


def _media(media_id: str, mime_type: str, sha256: str, **more: Any) -> tuple[MediaReference, ...]:
    return (MediaReference(media_id=media_id, mime_type=mime_type, sha256=sha256, **more),)


# name, who, seconds, kind, the rest
MESSAGES: list[tuple[str, tuple[Address, ...], int, MessageKind, dict[str, Any]]] = [
    (
        "text",
        MARIA,
        1795197600,
        MessageKind.TEXT,
        {"text": "Oi, recebi uma mensagem de cobrança. Qual é o valor da minha fatura? 🙏"},
    ),
    ("text_cpf", MARIA, 1795197680, MessageKind.TEXT, {"text": "meu cpf é 529.982.247-25"}),
    (
        "text_reply",
        MARIA,
        1795197640,
        MessageKind.TEXT,
        {
            "text": "Pode ser dia 28/11",
            "reply_to": "wamid.HBgNNTUxMTk5OTk5MDAwMRUCABEYEjIzNTJEQTcyODBGMURFQ0MzQQA=",
        },
    ),
    ("text_username_and_phone", MARIA, 1795197900, MessageKind.TEXT, {"text": "bom dia"}),
    (
        "image",
        MARIA,
        1795197720,
        MessageKind.IMAGE,
        {
            "text": "comprovante do pix",
            "media": _media(
                "1901000000000001",
                "image/jpeg",
                "TNm3Zy1/vuj7UfseBJ9pA0IDX1Q6jv5zS3tf+wwVSkU=",
                caption="comprovante do pix",
                url="https://lookaside.fbsbx.com/whatsapp_business/attachments/"
                "?mid=1901000000000001&source=webhook&ext=1795198000&hash=ficticio",
            ),
        },
    ),
    (
        "audio_voice",
        MARIA,
        1795197760,
        MessageKind.AUDIO,
        {
            "media": _media(
                "1901000000000002",
                "audio/ogg; codecs=opus",
                "9V/xb2b0M2Ama5Xbb4/sAddgMQVDBq5KSzgFmPbP0RQ=",
                is_voice_note=True,
            )
        },
    ),
    (
        "audio_file",
        MARIA,
        1795197761,
        MessageKind.AUDIO,
        {"media": _media("1901000000000003", "audio/mpeg", "LDpCSddwcAWGSdvYItyveVdYb85CjPssqIuUdB7aiwc=")},
    ),
    (
        "video",
        MARIA,
        1795197770,
        MessageKind.VIDEO,
        {
            "text": "olha o modem piscando",
            "media": _media(
                "1901000000000004",
                "video/mp4",
                "O/wmlZTvZJIo6adLqwDwQu/JHVrMb77jGjgugNQjiP4=",
                caption="olha o modem piscando",
            ),
        },
    ),
    (
        "document",
        JOSE,
        1795197780,
        MessageKind.DOCUMENT,
        {
            "media": _media(
                "1901000000000005",
                "application/pdf",
                "i1NjnxUsj8bvMIAv3kYroL6c8IX3WA3Gnv1y4AKruzU=",
                filename="comprovante_novembro.pdf",
            )
        },
    ),
    (
        "sticker",
        JOSE,
        1795197790,
        MessageKind.STICKER,
        {"media": _media("1901000000000006", "image/webp", "6LwWPILu4YczKIx9SsY22zpt6wE+8tN7aDIr4g7cRcw=")},
    ),
    (
        "location",
        JOSE,
        1795197800,
        MessageKind.LOCATION,
        {"text": "Praça da Sé, Praça da Sé, São Paulo - SP", "latitude": -23.55052, "longitude": -46.633308},
    ),
    ("contacts", JOSE, 1795197810, MessageKind.CONTACTS, {"text": "Cláudia Lima: +55 11 99999-0009"}),
    (
        "button_reply",
        MARIA,
        1795197820,
        MessageKind.CHOICE,
        {
            "text": "Vou pagar dia 28",
            "choice_id": "promessa:aceitar:fat-2026-11-0001",
            "reply_to": "wamid.HBgNNTUxMTk5OTk5MDAwMRUCABEYEjkyNTBCOTkxMkVFOTFENkI0NgA=",
        },
    ),
    (
        "list_reply",
        MARIA,
        1795197830,
        MessageKind.CHOICE,
        {
            "text": "Outubro/2026",
            "choice_id": "fatura:fat-2026-10-0001",
            "reply_to": "wamid.HBgNNTUxMTk5OTk5MDAwMRUCABEYEkRFMkQ5MURDMEEyNTgwNDE0RQA=",
        },
    ),
    (
        "template_button",
        MARIA,
        1795197840,
        MessageKind.CHOICE,
        {"text": "Já paguei", "choice_id": "ja_paguei", "reply_to": OURS},
    ),
    (
        "flow_reply",
        MARIA,
        1795197850,
        MessageKind.CHOICE,
        {
            "text": '{"flow_token":"acordo-0001","parcelas":"3","vencimento":"2026-11-28"}',
            "choice_id": "flow",
            "reply_to": "wamid.HBgNNTUxMTk5OTk5MDAwMRUCABEYEkU2NjcwNTA2Qzc1Q0UzN0JENQA=",
        },
    ),
    ("reaction", MARIA, 1795197860, MessageKind.REACTION, {"text": "👍🏽", "reply_to": OURS}),
    ("order", JOSE, 1795197870, MessageKind.ORDER, {"text": "1 x FIBRA-500 (BRL 119.9)"}),
    ("unsupported", JOSE, 1795197880, MessageKind.UNSUPPORTED, {}),
]


@pytest.mark.parametrize(("name", "who", "seconds", "kind", "rest"), MESSAGES, ids=[row[0] for row in MESSAGES])
def test_inbound_message(
    payload: Payload, name: str, who: tuple[Address, ...], seconds: int, kind: MessageKind, rest: dict[str, Any]
) -> None:
    request = payload(f"meta/inbound_{name}.json")
    raw = json.loads(request.body)["entry"][0]["changes"][0]["value"]["messages"][0]

    parsed = _parse(request)

    assert parsed == ParsedWebhook(
        messages=(
            InboundMessage(
                provider_message_id=raw["id"],
                account_external_id=ACCOUNT,
                addresses=who,
                sent_at=_at(seconds),
                kind=kind,
                profile_name="Maria Aparecida" if who is MARIA else "José Carlos Ferreira",
                **rest,
            ),
        )
    )


def test_every_recorded_inbound_file_is_in_the_table() -> None:
    files = {path.stem.removeprefix("inbound_") for path in (PAYLOADS / "meta").glob("inbound_*.json")}

    assert files == {row[0] for row in MESSAGES}


def _status(status: DeliveryStatus, seconds: int, *, error: ProviderError | None = None, **rest: Any) -> StatusUpdate:
    return StatusUpdate(
        account_external_id=ACCOUNT,
        provider_message_id=OURS,
        status=status,
        occurred_at=_at(seconds),
        error=error,
        **{"addresses": MARIA, **rest},
    )


def _failed(error_class: ErrorClass, code: str, detail: str) -> StatusUpdate:
    error = ProviderError(error_class=error_class, code=code, detail=detail)
    return _status(DeliveryStatus.FAILED, 1795197604, error=error)


STATUSES = {
    "sent": _status(DeliveryStatus.SENT, 1795197601, reference="campanha:42;contato:9001"),
    "delivered": _status(DeliveryStatus.DELIVERED, 1795197603),
    "delivered_legacy_cbp": _status(DeliveryStatus.DELIVERED, 1795197603, addresses=MARIA[:1]),
    "read": _status(DeliveryStatus.READ, 1795197609),
    "failed_131026": _failed(ErrorClass.ADDRESS, "131026", "Message Undeliverable."),
    "failed_131047": _failed(
        ErrorClass.WINDOW,
        "131047",
        "Message failed to send because more than 24 hours have passed since the customer last replied to this number.",
    ),
    "failed_131049": _failed(
        ErrorClass.CAP,
        "131049",
        "In order to maintain a healthy ecosystem engagement, the message failed to be delivered.",
    ),
    "failed_131050": _failed(
        ErrorClass.OPTOUT,
        "131050",
        "This recipient has chosen to stop receiving marketing messages on WhatsApp from your business.",
    ),
    "failed_130472": _failed(
        ErrorClass.CAP,
        "130472",
        "Failed to send message because this user's phone number is part of an experiment",
    ),
}


@pytest.mark.parametrize("name", STATUSES)
def test_status(payload: Payload, name: str) -> None:
    assert _parse(payload(f"meta/status_{name}.json")) == ParsedWebhook(statuses=(STATUSES[name],))


def test_every_recorded_status_file_is_in_the_table() -> None:
    files = {path.stem.removeprefix("status_") for path in (PAYLOADS / "meta").glob("status_*.json")}

    assert files == set(STATUSES)


def test_a_batch_is_read_to_its_end(payload: Payload) -> None:
    parsed = _parse(payload("meta/batch_two_changes.json"))

    assert [(message.text, message.sent_at) for message in parsed.messages] == [
        ("oi", _at(1795198000)),
        ("tem alguém aí?", _at(1795198001)),
    ]
    assert [status.status for status in parsed.statuses] == [DeliveryStatus.DELIVERED, DeliveryStatus.READ]
    assert not parsed.events


@pytest.mark.parametrize(
    ("name", "kind", "account", "expected"),
    [
        (
            "user_preferences_stop",
            "user_preferences",
            ACCOUNT,
            {
                "wa_id": "5511999990001",
                "user_id": "BR.1502000000000000001",
                "detail": "User requested to stop marketing messages",
                "category": "marketing_messages",
                "value": "stop",
                "timestamp": 1795197600,
                "waba_id": "201500000000001",
            },
        ),
        (
            "template_status_update_paused",
            "message_template_status_update",
            None,
            {
                "waba_id": "201500000000001",
                "value": {
                    "event": "PAUSED",
                    "message_template_id": 1501000000000001,
                    "message_template_name": "lembrete_fatura_v2",
                    "message_template_language": "pt_BR",
                    "reason": "NONE",
                    "message_template_category": "UTILITY",
                },
            },
        ),
        (
            "phone_number_quality_update",
            "phone_number_quality_update",
            None,
            {
                "waba_id": "201500000000001",
                "value": {"display_phone_number": "551140001234", "event": "FLAGGED", "current_limit": "TIER_2K"},
            },
        ),
    ],
)
def test_operations_become_events(
    payload: Payload, name: str, kind: str, account: str | None, expected: dict[str, Any]
) -> None:
    parsed = _parse(payload(f"meta/{name}.json"))

    assert not parsed.messages
    assert not parsed.statuses
    (event,) = parsed.events
    assert (event.kind, event.account_external_id, event.data) == (kind, account, expected)
    assert event.key == _parse(payload(f"meta/{name}.json")).events[0].key


def _webhook(field: str = "messages", **value: Any) -> ParsedWebhook:
    base = {"metadata": {"phone_number_id": ACCOUNT}, **value}
    body = {"object": "whatsapp_business_account", "entry": [{"id": "1", "changes": [{"field": field, "value": base}]}]}
    return parse_meta(json.dumps(body).encode(), received_at=RECEIVED_AT)


def _message(*contacts: dict[str, Any], **message: Any) -> InboundMessage:
    full = {"id": "wamid.1", "timestamp": "1795197600", "type": "text", "text": {"body": "oi"}, **message}
    parsed = _webhook(messages=[full], contacts=list(contacts))
    assert not parsed.events
    (found,) = parsed.messages
    return found


LUANA = Address(kind=AddressKind.BSUID, value="BR.1502000000000000004")


def test_a_person_without_phone_is_reached_by_the_scoped_id() -> None:
    contacts = [{"profile": {"name": "Luana", "username": "@luana"}, "user_id": LUANA.value, "wa_id": ""}]

    found = _message(*contacts, from_user_id=LUANA.value)

    assert found.addresses == (LUANA,)
    assert found.profile_name == "Luana"


def test_a_scoped_id_in_from_is_no_phone() -> None:
    assert _message(**{"from": LUANA.value}).addresses == (LUANA,)


def test_the_number_comes_from_the_contact_that_shares_the_scoped_id() -> None:
    contacts = [
        {"profile": {"name": "José"}, "wa_id": "5511999990002", "user_id": "BR.1502000000000000002"},
        {"profile": {"name": "Ana"}, "wa_id": "553188880003", "user_id": "BR.1502000000000000003"},
    ]

    found = _message(*contacts, from_user_id="BR.1502000000000000003")

    assert found.profile_name == "Ana"
    assert found.addresses == (
        Address(kind=AddressKind.WA_ID, value="553188880003"),
        Address(kind=AddressKind.BSUID, value="BR.1502000000000000003"),
    )


def test_a_contact_with_other_ids_lends_nothing() -> None:
    contacts = [{"profile": {"name": "José"}, "wa_id": "5511999990002"}]

    found = _message(*contacts, **{"from": "5511999990001"})

    assert found.addresses == MARIA[:1]
    assert found.profile_name is None


def test_an_address_is_kept_as_it_came_with_or_without_the_ninth_digit() -> None:
    assert _message(**{"from": "553188880003"}).addresses[0].value == "553188880003"
    assert _message(**{"from": "5531988880003"}).addresses[0].value == "5531988880003"


def test_an_echo_names_the_customer_and_is_marked() -> None:
    echo = {"id": "wamid.e", "from": "551140001234", "to": "5511999990001", "timestamp": "1795197600"}

    parsed = _webhook("smb_message_echoes", message_echoes=[{**echo, "type": "text", "text": {"body": "eu assumo"}}])

    (message,) = parsed.messages
    assert message.is_echo
    assert message.addresses == MARIA[:1]
    assert (message.provider_message_id, message.text) == ("wamid.e", "eu assumo")


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (
            {
                "type": "edit",
                "edit": {"original_message_id": "w.0", "message": {"type": "text", "text": {"body": "50"}}},
            },
            (MessageKind.EDIT, "50", "w.0"),
        ),
        ({"type": "revoke", "revoke": {"original_message_id": "w.0"}}, (MessageKind.REVOKE, None, "w.0")),
        ({"type": "reaction", "reaction": {"message_id": "w.0"}}, (MessageKind.REACTION, None, "w.0")),
        ({"type": "interactive"}, (MessageKind.UNSUPPORTED, None, None)),
        ({"type": "interactive", "interactive": {"type": "new"}}, (MessageKind.UNSUPPORTED, None, None)),
        ({"type": "text", "text": "plain"}, (MessageKind.TEXT, None, None)),
        ({"type": "hologram", "hologram": {"id": 1}}, (MessageKind.UNSUPPORTED, None, None)),
        ({"type": ["text"]}, (MessageKind.UNSUPPORTED, None, None)),
        ({"type": "request_welcome"}, (MessageKind.SYSTEM, None, None)),
    ],
)
def test_rarer_kinds(message: dict[str, Any], expected: tuple[MessageKind, str | None, str | None]) -> None:
    found = _message(**{"from": "5511999990001", **message})

    assert (found.kind, found.text, found.reply_to) == expected


def test_a_changed_number_is_the_one_to_reply_to() -> None:
    system = {"type": "user_changed_number", "body": "mudou", "wa_id": "5511999990009"}

    found = _message(type="system", system=system, **{"from": "5511999990001"})

    assert found.kind is MessageKind.SYSTEM
    assert [address.value for address in found.addresses] == ["5511999990009", "5511999990001"]


@pytest.mark.parametrize(
    "stamp", ["", None, "ontem", "0", -5, "1600000000000000", 9e99, {}, [], True, "NaN", "9" * 400]
)
def test_an_absurd_time_is_the_time_of_arrival(stamp: object) -> None:
    assert _message(**{"from": "5511999990001", "timestamp": stamp}).sent_at == RECEIVED_AT


@pytest.mark.parametrize("stamp", ["1795197600", 1795197600, 1795197600.0])
def test_a_time_is_read_as_text_and_as_number(stamp: object) -> None:
    assert _message(**{"from": "5511999990001", "timestamp": stamp}).sent_at == _at(1795197600)


def test_what_cannot_be_answered_or_belongs_to_nobody_is_an_event() -> None:
    text = {"timestamp": "1795197600", "type": "text", "text": {"body": "oi"}}
    parsed = _webhook(
        messages=[
            {**text, "from": "5511999990001"},
            {**text, "id": "w.1"},
            {**text, "id": "w.2", "from": "5511999990001", "group_id": "g.1"},
            {**text, "id": "w" * 5000, "from": "5511999990001"},
            "junk",
            {**text, "id": "w.3", "from": "5511999990001"},
        ],
        statuses=[{"id": "w.9", "status": "deleted"}],
        errors=[{"code": 131000}],
    )

    assert [message.provider_message_id for message in parsed.messages] == ["w.3"]
    assert [event.kind for event in parsed.events] == [
        "message_incomplete",
        "message_incomplete",
        "group_message",
        "message_incomplete",
        "message_incomplete",
        "status_unknown",
        "errors",
    ]


def test_text_is_fit_for_the_database() -> None:
    body = b'{"entry":[{"changes":[{"field":"messages","value":{"metadata":{"phone_number_id":"1"},"messages":'
    body += b'[{"id":"w.1","from":"55","type":"text","text":{"body":"a\\u0000b\\ud83dc \\ud83d\\ude4f"}}]}}]}]}'

    (message,) = parse_meta(body, received_at=RECEIVED_AT).messages

    assert message.text == "ab?c 🙏"
