"""Every recorded Twilio form gives exactly these values."""

from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, urlencode

import pytest

from channels.base import WebhookRequest
from channels.twilio_inbound import parse_twilio
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

FORM = "application/x-www-form-urlencoded"
PHONE = Address(kind=AddressKind.PHONE, value="+5511999990001")
WHATSAPP = (
    PHONE,
    Address(kind=AddressKind.WA_ID, value="5511999990001"),
    Address(kind=AddressKind.BSUID, value="BR.1502000000000000001"),
)
OURS = "SM7709b2afe0692e38f703c45b89b7bf16"
MEDIA = "https://api.twilio.com/2010-04-01/Accounts/AC00000000000000000000000000000001/Messages/"


def _parse(request: WebhookRequest, reference: str | None = None) -> ParsedWebhook:
    return parse_twilio(request.body, content_type=FORM, reference=reference, received_at=RECEIVED_AT)


def _form(**fields: str) -> ParsedWebhook:
    return parse_twilio(urlencode(fields).encode(), content_type=FORM, reference=None, received_at=RECEIVED_AT)


def _whatsapp(message_id: str, kind: MessageKind, **rest: Any) -> InboundMessage:
    return InboundMessage(
        provider_message_id=message_id,
        account_external_id="whatsapp:+551140001234",
        addresses=WHATSAPP,
        sent_at=RECEIVED_AT,
        kind=kind,
        profile_name="Maria Aparecida",
        **rest,
    )


def _sms(message_id: str, **rest: Any) -> InboundMessage:
    return InboundMessage(
        provider_message_id=message_id,
        account_external_id="+5511400012340",
        addresses=(PHONE,),
        sent_at=RECEIVED_AT,
        kind=MessageKind.TEXT,
        **rest,
    )


MESSAGES = {
    "sms_inbound": _sms("SMe084a13cc812fc9d09d293dbd8ec4a52", text="Ja paguei ontem, segue o codigo"),
    "sms_inbound_stop": _sms("SMc2d3ff2174f95f4f6098e13eccf90422", text="SAIR", provider_opt_out="stop"),
    "whatsapp_inbound_text": _whatsapp(
        "SMd485c08d30eb6ca71468acb7402d92bc", MessageKind.TEXT, text="Oi, quero negociar minha dívida 🙏"
    ),
    "whatsapp_inbound_reply": _whatsapp(
        "SMe8db9a7a72429c244afcc92911cfaa4a", MessageKind.TEXT, text="esse valor está errado", reply_to=OURS
    ),
    "whatsapp_inbound_button": _whatsapp(
        "SM5ab97c40307d839aeb3b502642d8c7b6",
        MessageKind.CHOICE,
        text="Já paguei",
        choice_id="ja_paguei",
        reply_to=OURS,
    ),
    "whatsapp_inbound_list": _whatsapp(
        "SM26da30dbda0cde63bf34d40bce82ff96",
        MessageKind.CHOICE,
        text="Outubro/2026",
        choice_id="fatura:fat-2026-10-0001",
    ),
    "whatsapp_inbound_location": _whatsapp(
        "SM43a6a604e8e58976125b18e877dc45a7",
        MessageKind.LOCATION,
        text="Praça da Sé, Praça da Sé, São Paulo - SP",
        latitude=-23.55052,
        longitude=-46.633308,
    ),
    "whatsapp_inbound_image": _whatsapp(
        "SM292cac09f1217b182a4bdcd6a06df82f",
        MessageKind.IMAGE,
        text="comprovante",
        media=(
            MediaReference(
                url=f"{MEDIA}MMe1648372ee03e39d9595a4837d67f669/Media/ME2938f48d9ddf97b232ceaa466dae9305",
                mime_type="image/jpeg",
                caption="comprovante",
            ),
        ),
    ),
    "whatsapp_inbound_voice": _whatsapp(
        "SM25a23228b4c7040e01dfba67d5ddf112",
        MessageKind.AUDIO,
        media=(
            MediaReference(
                url=f"{MEDIA}MM3c5def8834e8e81b1efd128a34955273/Media/MEf8a4221371a1a93b415f2201a2813153",
                mime_type="audio/ogg",
                is_voice_note=True,
            ),
        ),
    ),
}
FAILED = DeliveryStatus.FAILED
STATUSES: dict[str, tuple[DeliveryStatus, ProviderError | None]] = {
    "status_sms_delivered": (DeliveryStatus.DELIVERED, None),
    "status_sms_undelivered_30003": (FAILED, ProviderError(error_class=ErrorClass.RETRY, code="30003")),
    "status_sms_undelivered_30006": (FAILED, ProviderError(error_class=ErrorClass.ADDRESS, code="30006")),
    "status_whatsapp_sent": (DeliveryStatus.SENT, None),
    "status_whatsapp_delivered": (DeliveryStatus.DELIVERED, None),
    "status_whatsapp_read": (DeliveryStatus.READ, None),
    "status_whatsapp_failed_63016": (
        FAILED,
        ProviderError(
            error_class=ErrorClass.WINDOW,
            code="63016",
            detail="Twilio Error: Failed to send freeform message because you are outside the allowed window.",
        ),
    ),
    "status_whatsapp_failed_63018": (FAILED, ProviderError(error_class=ErrorClass.RETRY, code="63018")),
    "status_whatsapp_undelivered_63024": (FAILED, ProviderError(error_class=ErrorClass.ADDRESS, code="63024")),
}
CALLS = {
    "conversationrelay_action_callback": ("voice_relay_ended", "+5511400012340"),
    "voice_amd_async_human": ("voice_answered_by", None),
    "voice_amd_async_machine": ("voice_answered_by", None),
    "voice_gather_speech": ("voice_gather", "+5511400012340"),
    "voice_inbound": ("voice_inbound", "+5511400012340"),
    "voice_status_answered": ("voice_status", "+5511400012340"),
    "voice_status_busy": ("voice_status", "+5511400012340"),
    "voice_status_canceled": ("voice_status", "+5511400012340"),
    "voice_status_completed": ("voice_status", "+5511400012340"),
    "voice_status_failed": ("voice_status", "+5511400012340"),
    "voice_status_initiated": ("voice_status", "+5511400012340"),
    "voice_status_no_answer": ("voice_status", "+5511400012340"),
    "voice_status_ringing": ("voice_status", "+5511400012340"),
    "voice_twiml_request_outbound": ("voice_request", "+5511400012340"),
}
OUTGOING = {"message_create_content_request", "message_create_scheduled_request"}


@pytest.mark.parametrize("name", MESSAGES)
def test_message(payload: Payload, name: str) -> None:
    assert _parse(payload(f"twilio/{name}.form")) == ParsedWebhook(messages=(MESSAGES[name],))


@pytest.mark.parametrize("name", STATUSES)
def test_status(payload: Payload, name: str) -> None:
    status, error = STATUSES[name]
    expected = StatusUpdate(
        account_external_id="whatsapp:+551140001234" if "whatsapp" in name else "+5511400012340",
        provider_message_id=OURS,
        status=status,
        occurred_at=RECEIVED_AT,
        error=error,
        addresses=(PHONE,),
    )

    assert _parse(payload(f"twilio/{name}.form")) == ParsedWebhook(statuses=(expected,))
    assert _parse(payload(f"twilio/{name}.form"), "msg-7").statuses == (replace(expected, reference="msg-7"),)


@pytest.mark.parametrize("name", CALLS)
def test_call(payload: Payload, name: str) -> None:
    request = payload(f"twilio/{name}.form")
    parsed = _parse(request)

    assert not parsed.messages
    assert not parsed.statuses
    (event,) = parsed.events
    assert (event.kind, event.account_external_id) == CALLS[name]
    assert event.data == {key: values[0] for key, values in parse_qs(request.body.decode(), True).items()}


def test_calls_in_different_states_have_different_keys(payload: Payload) -> None:
    keys = {_parse(payload(f"twilio/{name}.form")).events[0].key for name in CALLS}

    # The five ways to end carry the same sequence number in the recorded data: one of them ends a call.
    endings = {"busy", "canceled", "completed", "failed", "no_answer"}
    assert len(keys) == len(CALLS) - len(endings) + 1


def test_every_recorded_form_is_in_a_table() -> None:
    recorded = {path.stem for path in (PAYLOADS / "twilio").glob("*.form")}

    assert recorded == {*MESSAGES, *STATUSES, *CALLS, *OUTGOING}


def test_json_is_kept_as_an_event(payload: Payload) -> None:
    request = payload("twilio/message_create_response.json")

    parsed = parse_twilio(request.body, content_type="application/json", reference=None, received_at=RECEIVED_AT)

    assert [event.kind for event in parsed.events] == ["json"]


@pytest.mark.parametrize("word", ["STOP", "START", "HELP"])
def test_opt_out_words_of_the_provider(word: str) -> None:
    (message,) = _form(MessageSid="SM1", From="+5511999990001", To="+55", Body=word, OptOutType=word).messages

    assert message.provider_opt_out == word.lower()


def test_an_unknown_opt_out_word_is_left_aside() -> None:
    (message,) = _form(MessageSid="SM1", From="+55", To="+55", Body="x", OptOutType="MAYBE").messages

    assert message.provider_opt_out is None


def test_a_sender_without_phone() -> None:
    (message,) = _form(MessageSid="SM1", From="whatsapp:BR.150", To="whatsapp:+55", Body="oi").messages

    assert message.addresses == (Address(kind=AddressKind.BSUID, value="BR.150"),)


def test_a_malformed_scoped_id_is_left_aside() -> None:
    (message,) = _form(MessageSid="SM1", From="whatsapp:+55", To="whatsapp:+55", ExternalUserId="<x>").messages

    assert message.addresses == (Address(kind=AddressKind.PHONE, value="+55"),)


@pytest.mark.parametrize(
    ("mime_type", "kind"),
    [
        ("image/png", MessageKind.IMAGE),
        ("video/mp4", MessageKind.VIDEO),
        ("application/pdf", MessageKind.DOCUMENT),
        ("text/vcard", MessageKind.CONTACTS),
        ("", MessageKind.DOCUMENT),
    ],
)
def test_kind_of_media(mime_type: str, kind: MessageKind) -> None:
    fields = {"MessageSid": "SM1", "From": "+55", "To": "+55", "NumMedia": "1", "MediaUrl0": "https://x.invalid/1"}

    (message,) = _form(**fields, MediaContentType0=mime_type).messages

    assert message.kind is kind


@pytest.mark.parametrize("count", ["-1", "9" * 5000, "um", "0x2", "٣"])
def test_an_absurd_number_of_media(count: str) -> None:
    (message,) = _form(MessageSid="SM1", From="+55", To="+55", Body="oi", NumMedia=count).messages

    assert message.media == ()


@pytest.mark.parametrize("state", ["accepted", "queued", "scheduled", "sending"])
def test_a_state_before_sent_settles_that_twilio_has_it(state: str) -> None:
    (update,) = _form(MessageSid="SM1", From="+55", To="+56", MessageStatus=state).statuses

    assert update.status is DeliveryStatus.SENT


@pytest.mark.parametrize(
    ("fields", "kind"),
    [
        ({"MessageSid": "SM1", "MessageStatus": "teleported", "From": "+55"}, "status_unknown"),
        ({"MessageSid": "SM1", "Body": "oi"}, "message_incomplete"),
        ({"Body": "oi"}, "unknown"),
        ({}, "unknown"),
    ],
)
def test_what_is_not_understood_is_an_event(fields: dict[str, str], kind: str) -> None:
    parsed = _form(**fields)

    assert [event.kind for event in parsed.events] == [kind]
    assert parsed == _form(**fields)
