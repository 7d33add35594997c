"""escalar_para_voz: what the agent may tell the customer, and what the turn leaves (docs/tools.md)."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from domain.call_requests import RequestState
from domain.effects import CancelCall, RequestCall
from domain.messages import Medium, Provider
from store import call_requests
from store.call_requests import CallRequestRow
from tests.business_world import PHONE
from tests.factories import make_account
from tests.tools.conftest import Desk
from tools.registry import TOOLS_BY_AGENT, offered_on

_NAME = "escalar_para_voz"
NOW = datetime(2026, 11, 18, 14, 0, tzinfo=UTC)  # Wednesday, 11:00 in São Paulo


async def _at(desk: Desk, now: datetime = NOW, *, has_line: bool = True) -> None:
    desk.run = replace(desk.run, turn=replace(desk.run.turn, now=now))
    if has_line:
        await make_account(
            desk.world.database, desk.world.tenant.id, provider=Provider.TWILIO_VOICE, external_id="+551140001234"
        )


async def _open(desk: Desk) -> CallRequestRow | None:
    async with desk.world.database.tenant(desk.world.tenant.id) as connection:
        return await call_requests.open_of(connection, desk.world.contact_id)


async def test_call_is_planned_and_stored_with_the_turn(desk: Desk) -> None:
    await _at(desk)
    answer = await desk.call(_NAME, motivo="quer negociar a fatura")
    assert answer == {"ok": True, "situacao": "agendada", "quando": "em 2 minutos"}
    assert desk.last.effects == (
        RequestCall(reason="quer negociar a fatura", wanted_at=NOW + timedelta(minutes=2), phone=PHONE),
    )
    assert ("action", "call_scheduled") in desk.backed
    assert await _open(desk) is None  # until the turn is committed
    await desk.says("ok")
    row = await _open(desk)
    assert row is not None
    assert (row.state, row.wanted_at, row.phone, row.conversation_id) == (
        RequestState.WAITING, NOW + timedelta(minutes=2), PHONE, desk.world.conversation_id
    )  # fmt: skip


async def test_turn_that_runs_again_leaves_one_request(desk: Desk) -> None:
    await _at(desk)
    await desk.call(_NAME, motivo="retorno")
    again = desk.run
    await desk.says("ok")
    desk.run = again
    await desk.says("ok")
    async with desk.world.database.tenant(desk.world.tenant.id) as connection:
        _, total = await call_requests.page(connection, state=None, contact_id=None, limit=9, offset=0)
    assert total == 1


async def test_hour_that_the_customer_says(desk: Desk) -> None:
    await _at(desk)
    answer = await desk.call(_NAME, motivo="retorno", quando="amanhã às 15h")
    assert answer["quando"] == "amanhã, às 15 horas"
    assert ("date", "2026-11-19") in desk.backed


async def test_outside_hours_offers_the_next_and_takes_it_when_it_comes_back(desk: Desk) -> None:
    await _at(desk, datetime(2026, 11, 18, 23, 30, tzinfo=UTC))
    answer = await desk.call(_NAME, motivo="urgente")
    assert (answer["ok"], answer["erro"], answer["proximo_horario"]) == (
        False, "fora_do_horario", "amanhã, às 8 horas"
    )  # fmt: skip
    assert desk.last.effects == ()
    assert ("action", "call_scheduled") not in desk.backed
    confirmed = await desk.call(_NAME, motivo="urgente", quando=answer["proximo_horario"])
    assert (confirmed["situacao"], confirmed["quando"]) == ("agendada", "amanhã, às 8 horas")


async def test_holiday_offers_the_day_after(desk: Desk) -> None:
    await _at(desk, datetime(2026, 11, 20, 14, 0, tzinfo=UTC))
    answer = await desk.call(_NAME, motivo="urgente")
    assert answer["proximo_horario"] == "amanhã, às 8 horas"  # a Saturday, on which state law lets phones ring


async def test_second_call_of_the_tool_tells_what_is_agreed_or_moves_it(desk: Desk) -> None:
    await _at(desk)
    await desk.call(_NAME, motivo="retorno")
    same_turn = await desk.call(_NAME, motivo="retorno")
    assert (same_turn["erro"], same_turn["quando"]) == ("ja_agendada", "em 2 minutos")
    assert ("action", "call_scheduled") in desk.backed
    await desk.says("na verdade, às 16h")
    assert (await desk.call(_NAME, motivo="retorno"))["erro"] == "ja_agendada"
    moved = await desk.call(_NAME, motivo="retorno", quando="às 16h")
    assert moved["quando"] == "hoje, às 16 horas"
    await desk.says("ok")
    row = await _open(desk)
    assert row is not None
    assert row.wanted_at == datetime(2026, 11, 18, 19, 0, tzinfo=UTC)


async def test_customer_no_longer_wants_it(desk: Desk) -> None:
    await _at(desk)
    assert (await desk.call(_NAME, motivo="-", quando="cancelar"))["erro"] == "nada_agendado"
    await desk.call(_NAME, motivo="retorno")
    await desk.says("não precisa mais ligar")
    answer = await desk.call(_NAME, motivo="desistiu", quando="não precisa mais")
    assert answer == {"ok": True, "situacao": "cancelada"}
    assert desk.last.effects == (CancelCall(),)
    await desk.says("valeu")
    assert await _open(desk) is None


@pytest.mark.parametrize("when", ["hoje às 9h", "sei lá", "31/02 às 10h", "2020-01-01T10:00", "daqui a 20 dias às 10h"])
async def test_hours_that_cannot_be(desk: Desk, when: str) -> None:
    await _at(desk)
    assert (await desk.call(_NAME, motivo="x", quando=when))["erro"] == "horario_invalido"
    assert desk.last.effects == ()


@pytest.mark.parametrize(
    ("statement", "error"),
    [
        ("UPDATE contacts SET opted_out_at = now()", "nao_permitido"),
        ("UPDATE contacts SET is_bot_enabled = false", "nao_permitido"),
        ("UPDATE channel_accounts SET status = 'stopped' WHERE medium = 'voice'", "indisponivel"),
        ("UPDATE conversations SET address_kind = 'lid', address_value = '77@lid'", "sem_telefone"),
        ("UPDATE conversations SET address_value = '+14155550100'", "sem_telefone"),
    ],
)
async def test_who_cannot_be_called(desk: Desk, statement: str, error: str) -> None:
    await _at(desk)
    async with desk.world.database.tenant(desk.world.tenant.id) as connection:
        await connection.execute(statement.encode())
    answer = await desk.call(_NAME, motivo="x")
    assert (answer["ok"], answer["erro"]) == (False, error)
    assert desk.last.effects == ()
    assert answer["mensagem"]


def test_tool_is_for_text_alone() -> None:
    for tools in TOOLS_BY_AGENT.values():
        assert _NAME in {tool.name for tool in offered_on(Medium.WHATSAPP, tools)}
        assert _NAME not in {tool.name for tool in offered_on(Medium.VOICE, tools)}
