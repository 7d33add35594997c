"""Evolution: the documented requests, the jids, the errors."""

from typing import Any

import pytest

from channels.base import (
    ChannelError,
    OutcomeUnknown,
    Rejected,
    Unavailable,
)
from domain.messages import (
    Address,
    Buttons,
    Choice,
    ErrorClass,
    Location,
    Media,
    Menu,
    Template,
)
from tests.channels.lines import LID, PHONE, TEXT, WA_ID, Line, recorded


@pytest.mark.parametrize(
    ("to", "number"),
    [(WA_ID, "5511999990001@s.whatsapp.net"), (LID, "103800000000001@lid"), (PHONE, "5511999990001")],
)
async def test_evolution_replies_to_the_jid_as_it_came(evolution: Line, to: Address, number: str) -> None:
    await evolution.send(to=to)

    assert evolution.last_json() == {"number": number, "text": TEXT.text, "linkPreview": False}


async def test_evolution_learns_the_jid_of_a_phone(evolution: Line) -> None:
    assert (await evolution.send(to=PHONE)).aliases == (WA_ID,)


async def test_evolution_parts(evolution: Line) -> None:
    await evolution.send(
        Media(
            kind="document",
            url="https://exemplo.invalid/boleto.pdf",
            mime_type="application/pdf",
            caption="Segunda via",
            filename="boleto.pdf",
        ),
        to=PHONE,
    )
    assert evolution.last_json() == recorded("evolution/send_media_request.json")
    await evolution.send(Location(latitude=-23.5, longitude=-46.6, name="Loja"), reply_to="A1")
    assert evolution.last_json()["quoted"] == {"key": {"id": "A1"}}
    await evolution.send(Buttons(text="Pode ser?", choices=(Choice(id="s", title="Sim"),)))
    await evolution.send(Menu(text="Qual?", button="Ver", choices=(Choice(id="s", title="Sim"),)))

    assert [row["part"]["action"] for row in evolution.fake.ledger] == [
        "sendMedia",
        "sendLocation",
        "sendButtons",
        "sendList",
    ]


async def test_evolution_has_no_templates(evolution: Line) -> None:
    with pytest.raises(Rejected) as caught:
        await evolution.send(Template(name="x"))

    assert caught.value.error_class is ErrorClass.CONTENT


@pytest.mark.parametrize(
    ("status", "body", "error", "error_class"),
    [
        (400, recorded("evolution/error_number_not_on_whatsapp.json"), Rejected, ErrorClass.ADDRESS),
        (401, recorded("evolution/error_unauthorized.json"), Rejected, ErrorClass.STOP),
        (404, {"status": 404, "response": {"message": ["The instance does not exist"]}}, Rejected, ErrorClass.STOP),
        (400, {"response": {"message": ["instance requires property"]}}, Rejected, ErrorClass.CONTENT),
        (400, {"response": {"message": ["Error: Connection Closed"]}}, Unavailable, ErrorClass.RETRY),
        (500, {"response": {"message": "Connection Closed"}}, Unavailable, ErrorClass.RETRY),
        (400, {"response": {"message": ["Error: Timed Out"]}}, OutcomeUnknown, ErrorClass.RETRY),
        (500, {"message": "Timed Out"}, OutcomeUnknown, ErrorClass.RETRY),
    ],
)
async def test_evolution_errors(
    evolution: Line, status: int, body: Any, error: type[ChannelError], error_class: ErrorClass
) -> None:
    evolution.fake.program("evolution", {"status": status, "body": body})

    with pytest.raises(error) as caught:
        await evolution.send()

    assert type(caught.value) is error
    assert caught.value.error_class is error_class
