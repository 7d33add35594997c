"""Meta: the documented requests, the receipts, the error codes."""

import pytest

from channels.base import (
    ChannelError,
    OutcomeUnknown,
    RateLimited,
    Rejected,
    Unavailable,
)
from channels.meta import MetaChannel
from domain.messages import (
    Address,
    AddressKind,
    Buttons,
    Choice,
    ErrorClass,
    Location,
    Media,
    Menu,
    SendReceipt,
    Template,
    Text,
)
from tests.channels.lines import BSUID, LID, PHONE, WA_ID, Line, recorded


async def test_meta_text_is_the_documented_request(meta: Line) -> None:
    await meta.send(reference="turno:8f1c")

    assert meta.last_json() == recorded("meta/send_text_request.json")


async def test_meta_reply_quotes_the_message(meta: Line) -> None:
    await meta.send(Text(text="Claro, Maria!"), reply_to="wamid.0")

    assert meta.last_json()["context"] == {"message_id": "wamid.0"}


async def test_meta_reaches_a_person_without_phone(meta: Line) -> None:
    await meta.send(to=BSUID)

    body = meta.last_json()
    assert body["recipient"] == BSUID.value
    assert "to" not in body


async def test_meta_buttons_and_list_have_the_documented_shape(meta: Line) -> None:
    choices = tuple(
        Choice(id=reply["reply"]["id"], title=reply["reply"]["title"])
        for reply in recorded("meta/send_buttons_request.json")["interactive"]["action"]["buttons"]
    )
    rows = recorded("meta/send_list_request.json")["interactive"]["action"]["sections"][0]["rows"]

    await meta.send(Buttons(text="Como prefere resolver?", choices=choices))
    buttons = meta.last_json()["interactive"]
    await meta.send(Menu(text="Escolha a fatura", button="Ver faturas", choices=tuple(Choice(**row) for row in rows)))
    menu = meta.last_json()["interactive"]

    expected = recorded("meta/send_buttons_request.json")["interactive"]
    assert buttons == {name: expected[name] for name in ("type", "body", "action")}
    assert menu["action"] == {"button": "Ver faturas", "sections": [{"rows": rows}]}


async def test_meta_media_location_and_template(meta: Line) -> None:
    await meta.send(
        Media(kind="image", url="https://exemplo.invalid/qr.png", mime_type="image/png", caption="QR Code Pix")
    )
    assert meta.last_json()["image"] == recorded("meta/send_image_by_link_request.json")["image"]

    await meta.send(Media(kind="audio", url="https://exemplo.invalid/a.mp3", mime_type="audio/mpeg", caption="x"))
    assert meta.last_json()["audio"] == {"link": "https://exemplo.invalid/a.mp3"}

    await meta.send(Location(latitude=-23.5, longitude=-46.6, name="Loja"))
    assert meta.last_json()["location"] == {"latitude": -23.5, "longitude": -46.6, "name": "Loja"}

    await meta.send(Template(name="lembrete_fatura_v2", parameters=("Maria\nda  Silva", "R$ 119,90", "10/11/2026")))
    assert meta.last_json()["template"] == {
        "name": "lembrete_fatura_v2",
        "language": {"code": "pt_BR"},
        "components": [
            {
                "type": "body",
                "parameters": [
                    {"type": "text", "text": "Maria da Silva"},
                    {"type": "text", "text": "R$ 119,90"},
                    {"type": "text", "text": "10/11/2026"},
                ],
            }
        ],
    }
    assert len(meta.fake.ledger) == 4


@pytest.mark.parametrize(
    ("name", "to", "aliases"),
    [
        ("send_response", WA_ID, ()),
        ("send_response", PHONE, (WA_ID,)),
        (
            "send_response_wa_id_without_9",
            Address(kind=AddressKind.WA_ID, value="5531988880003"),
            (Address(kind=AddressKind.WA_ID, value="553188880003"),),
        ),
        ("send_response_bsuid", BSUID, ()),
    ],
)
async def test_meta_receipt_teaches_the_aliases(
    meta: Line, name: str, to: Address, aliases: tuple[Address, ...]
) -> None:
    answer = recorded(f"meta/{name}.json")
    meta.fake.program("meta", {"status": 200, "body": answer})

    receipt = await meta.send(to=to)

    assert receipt == SendReceipt(provider_message_id=answer["messages"][0]["id"], aliases=aliases)


@pytest.mark.parametrize(
    ("code", "status", "error", "error_class"),
    [
        (130429, 429, RateLimited, ErrorClass.RETRY),
        (131056, 400, RateLimited, ErrorClass.PAIR),
        (131016, 500, Unavailable, ErrorClass.RETRY),
        (131000, 400, Unavailable, ErrorClass.RETRY),
        (131047, 400, Rejected, ErrorClass.WINDOW),
        (131026, 400, Rejected, ErrorClass.ADDRESS),
        (131049, 400, Rejected, ErrorClass.CAP),
        (131050, 400, Rejected, ErrorClass.OPTOUT),
        (131009, 400, Rejected, ErrorClass.CONTENT),
        (132001, 404, Rejected, ErrorClass.CONTENT),
        (190, 401, Rejected, ErrorClass.STOP),
        (368, 403, Rejected, ErrorClass.STOP),
        (131048, 429, Rejected, ErrorClass.STOP),
        (201, 400, Rejected, ErrorClass.STOP),
        (138005, 400, Rejected, ErrorClass.CONTENT),
        (999999, 400, Rejected, ErrorClass.CONTENT),
        (999999, 503, Unavailable, ErrorClass.RETRY),
    ],
)
async def test_meta_error_codes(
    meta: Line, code: int, status: int, error: type[ChannelError], error_class: ErrorClass
) -> None:
    meta.fake.program("meta", {"status": status, "code": code})

    with pytest.raises(error) as caught:
        await meta.send()

    assert type(caught.value) is error
    assert (caught.value.error_class, caught.value.code) == (error_class, str(code))


@pytest.mark.parametrize(
    "name", ["190_token_expired", "368", "130429", "131009", "131016", "131047", "131056", "132001"]
)
async def test_meta_recorded_errors_are_read(meta: Line, name: str) -> None:
    body = recorded(f"meta/error_{name}.json")
    meta.fake.program("meta", {"status": 400, "body": body})

    with pytest.raises(ChannelError) as caught:
        await meta.send()

    assert caught.value.code == str(body["error"]["code"])
    assert not isinstance(caught.value, OutcomeUnknown)


async def test_meta_pair_limit_waits_six_seconds_without_a_word_of_the_provider(meta: Line) -> None:
    meta.fake.program("meta", {"status": 400, "code": 131056})

    with pytest.raises(RateLimited) as caught:
        await meta.send()

    assert caught.value.retry_after_seconds == 6


async def test_meta_error_in_a_200_is_an_error(meta: Line) -> None:
    meta.fake.program("meta", {"status": 200, "body": recorded("meta/error_131047.json")})

    with pytest.raises(Rejected) as caught:
        await meta.send()

    assert caught.value.error_class is ErrorClass.WINDOW


async def test_meta_mark_read_is_the_documented_request(meta: Line) -> None:
    expected = recorded("meta/mark_read_typing_request.json")
    assert isinstance(meta.channel, MetaChannel)

    await meta.channel.mark_read(meta.account, expected["message_id"])

    assert meta.last_json() == expected
    assert meta.fake.state.reads == [{"account": "301500000000001", "message_id": expected["message_id"]}]


async def test_meta_does_not_reach_a_lid(meta: Line) -> None:
    with pytest.raises(Rejected) as caught:
        await meta.send(to=LID)

    assert caught.value.error_class is ErrorClass.ADDRESS
    assert meta.fake.state.requests == []


async def test_meta_200_with_an_error_nobody_knows_is_unknown(meta: Line) -> None:
    meta.fake.program("meta", {"status": 200, "body": {"error": {"code": 999999}}})

    with pytest.raises(OutcomeUnknown):
        await meta.send()
