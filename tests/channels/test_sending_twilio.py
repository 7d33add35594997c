"""Twilio: the documented forms and the error codes."""

import json
from urllib.parse import parse_qs

import pytest

from channels.base import (
    ChannelAccount,
    ChannelError,
    RateLimited,
    Rejected,
)
from domain.messages import (
    Buttons,
    Choice,
    ErrorClass,
    Location,
    Media,
    Menu,
    Part,
    Provider,
    Template,
)
from tests.channels.lines import BSUID, CALLBACK, PAYLOADS, TEXT, WA_ID, Line, recorded


async def test_twilio_forms(sms: Line, whatsapp: Line) -> None:
    callback = f"{CALLBACK}&ref=msg-1"
    await sms.send()
    assert sms.last_form() == {
        "To": "+5511999990001",
        "From": "+5511400012340",
        "Body": TEXT.text,
        "StatusCallback": callback,
    }
    await whatsapp.send(to=WA_ID)
    assert whatsapp.last_form() == {
        "To": "whatsapp:+5511999990001",
        "From": "whatsapp:+551140001234",
        "Body": TEXT.text,
        "StatusCallback": callback,
    }
    await whatsapp.send(to=BSUID)
    assert whatsapp.last_form()["To"] == f"whatsapp:{BSUID.value}"


async def test_twilio_template_is_the_documented_form(whatsapp: Line) -> None:
    expected = parse_qs((PAYLOADS / "twilio/message_create_content_request.form").read_text())

    await whatsapp.send(
        Template(name="x", content_sid="HX00000000000000000000000000000001", parameters=("Maria", "R$ 119,90"))
    )

    form = whatsapp.last_form()
    assert form["ContentSid"] == expected["ContentSid"][0]
    assert json.loads(form["ContentVariables"]) == json.loads(expected["ContentVariables"][0])


async def test_twilio_media_and_messaging_service(whatsapp: Line, sms: Line) -> None:
    await whatsapp.send(Media(kind="image", url="https://exemplo.invalid/qr.png", mime_type="image/png", caption="QR"))
    assert (whatsapp.last_form()["MediaUrl"], whatsapp.last_form()["Body"]) == ("https://exemplo.invalid/qr.png", "QR")

    service = "MG00000000000000000000000000000001"
    sms.account = ChannelAccount(
        provider=Provider.TWILIO_SMS,
        external_id="+5511400012340",
        secrets=sms.account.secrets,
        settings={"messaging_service_sid": service},
    )
    await sms.send()
    assert sms.last_form()["MessagingServiceSid"] == service
    assert "From" not in sms.last_form()


@pytest.mark.parametrize(
    "part",
    [
        Buttons(text="?", choices=(Choice(id="s", title="Sim"),)),
        Menu(text="?", button="Ver", choices=(Choice(id="s", title="Sim"),)),
        Location(latitude=0, longitude=0),
        Template(name="x"),
    ],
)
async def test_twilio_refuses_what_must_be_degraded_first(sms: Line, part: Part) -> None:
    with pytest.raises(Rejected) as caught:
        await sms.send(part)

    assert caught.value.error_class is ErrorClass.CONTENT
    assert sms.fake.state.requests == []


async def test_sms_does_not_reach_a_scoped_id(sms: Line) -> None:
    with pytest.raises(Rejected) as caught:
        await sms.send(to=BSUID)

    assert caught.value.error_class is ErrorClass.ADDRESS


@pytest.mark.parametrize(
    ("code", "status", "error", "error_class"),
    [
        (20429, 429, RateLimited, ErrorClass.RETRY),
        (63018, 400, RateLimited, ErrorClass.RETRY),
        (63016, 400, Rejected, ErrorClass.WINDOW),
        (21610, 400, Rejected, ErrorClass.OPTOUT),
        (21211, 400, Rejected, ErrorClass.ADDRESS),
        (21408, 403, Rejected, ErrorClass.CONTENT),
        (63032, 400, Rejected, ErrorClass.CAP),
        (20003, 401, Rejected, ErrorClass.STOP),
        (99999, 400, Rejected, ErrorClass.CONTENT),
        (99999, 404, Rejected, ErrorClass.STOP),
    ],
)
async def test_twilio_error_codes(
    whatsapp: Line, code: int, status: int, error: type[ChannelError], error_class: ErrorClass
) -> None:
    whatsapp.fake.program("twilio", {"status": status, "code": code})

    with pytest.raises(error) as caught:
        await whatsapp.send()

    assert type(caught.value) is error
    assert (caught.value.error_class, caught.value.code) == (error_class, str(code))


@pytest.mark.parametrize("code", ["20003", "20429", "21211", "21408", "21610"])
async def test_twilio_recorded_errors_are_read_and_show_no_phone(sms: Line, code: str) -> None:
    body = recorded(f"twilio/error_{code}.json")
    sms.fake.program("twilio", {"status": body["status"], "body": body})

    with pytest.raises(ChannelError) as caught:
        await sms.send()

    assert caught.value.code == code
    assert "55119999" not in str(caught.value)
