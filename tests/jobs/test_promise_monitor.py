"""The drain as workers run it: real PostgreSQL, the CRM over real HTTP, slow, down and lying."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from pydantic import SecretStr

from domain.effects import RecordPromise
from domain.promises import PromisedInvoice
from jobs.promise_monitor import drain
from services.effects import apply_effects
from store import promises
from store.promises import PromiseRow
from tests.business_world import JOAO, MARIA, World, make_world
from tests.fakes.providers import CRM_KEY, FakeProviders
from tests.fakes_clock import DEFAULT_NOW, FakeClock
from tests.server.conftest import make_settings
from wiring.deps import Deps, open_deps

DUE = date(2026, 11, 27)
END = datetime(2026, 11, 28, 3, 0, tzinfo=UTC)
DAY = timedelta(days=1)
INVOICE = {"numero_fatura": "FAT-1", "valor": 119.90, "data_vencimento": "2026-10-10", "dias_atraso": 41}
OTHER = {"numero_fatura": "FAT-2", "valor": 119.90, "data_vencimento": "2026-11-10", "dias_atraso": 10}


@dataclass(frozen=True, kw_only=True, slots=True)
class Rig:
    deps: Deps
    world: World
    crm: FakeProviders
    clock: FakeClock

    async def promise(self, *, cents: int = 11990) -> None:
        effect = RecordPromise(
            protocol=f"P{uuid4().hex[:6]}", document=MARIA, amount_cents=cents, due_on=DUE, debt_cents=23980,
            invoices=tuple(PromisedInvoice(number=number, amount_cents=11990) for number in ("FAT-1", "FAT-2")),
        )  # fmt: skip
        async with self.deps.database.tenant(self.world.tenant.id) as connection:
            await apply_effects(
                connection, (effect,), tenant=self.world.tenant, contact_id=self.world.contact_id,
                conversation_id=self.world.conversation_id, turn_seq=1, now=DEFAULT_NOW,
            )  # fmt: skip

    async def stored(self) -> PromiseRow:
        async with self.deps.database.tenant(self.world.tenant.id) as connection:
            (row,) = await promises.of_document(connection, MARIA)
        return row

    def answer(self, *invoices: Mapping[str, Any], **changed: Any) -> None:
        self.crm.set_customers({MARIA: _answer(*invoices, **changed)})


def _answer(*invoices: Mapping[str, Any], **changed: Any) -> dict[str, Any]:
    return {
        "nome": "Maria da Silva", "cpf_cnpj": MARIA, "valor_total": round(119.90 * len(invoices), 2),
        "faturas_em_aberto": len(invoices), "faturas": list(invoices), **changed,
    }  # fmt: skip


@pytest.fixture
async def rig(database_url: str, fake_providers: FakeProviders, clock: FakeClock) -> AsyncIterator[Rig]:
    settings = make_settings(database_url, crm_api_url=fake_providers.url, crm_api_key=SecretStr(CRM_KEY))
    async with open_deps(settings, clock=clock) as deps:
        yield Rig(deps=deps, world=await make_world(deps.database), crm=fake_providers, clock=clock)


async def test_payment_that_the_crm_shows_fulfils(rig: Rig) -> None:
    await rig.promise()
    rig.answer()
    assert await drain(rig.deps) == 0
    rig.clock.set(END + DAY)
    assert await drain(rig.deps) == 1
    found = await rig.stored()
    assert (found.status, found.fulfilled_at) == ("fulfilled", END + DAY)
    assert await drain(rig.deps) == 0


async def test_part_paid_breaks_after_the_days_of_grace_and_keeps_what_was_paid(rig: Rig) -> None:
    await rig.promise(cents=23980)
    rig.answer(OTHER)
    rig.clock.set(END + DAY)
    await drain(rig.deps)
    assert ((await rig.stored()).status, (await rig.stored()).paid_cents) == ("pending", 11990)
    rig.clock.set(END + 7 * DAY)
    await drain(rig.deps)
    assert ((await rig.stored()).status, (await rig.stored()).paid_cents) == ("broken", 11990)


@pytest.mark.parametrize(
    "lie",
    [
        {"cpf_cnpj": JOAO},
        {"valor_total": -119.90},
        {"valor_total": 0},
        {"faturas": [{**INVOICE, "valor": -119.90}], "valor_total": -119.90, "faturas_em_aberto": 1},
        {"faturas_em_aberto": 3},
        {"faturas": "nenhuma"},
        {"nome": ""},
    ],
)
@pytest.mark.parametrize("invoices", [(), (INVOICE, OTHER)])
async def test_lying_crm_neither_breaks_nor_fulfils(
    rig: Rig, lie: dict[str, Any], invoices: tuple[dict[str, Any], ...]
) -> None:
    if lie == {"valor_total": 0} and not invoices:
        lie = {"valor_total": 0.02}
    await rig.promise()
    rig.answer(*invoices, **lie)
    rig.clock.set(END + 30 * DAY)
    assert await drain(rig.deps) == 1
    found = await rig.stored()
    assert (found.status, found.paid_cents, found.attempts) == ("pending", 0, 1)
    assert found.review_due_at == rig.clock.now() + timedelta(minutes=5)


@pytest.mark.parametrize(
    "step",
    [
        {"status": 500},
        {"status": 401},
        {"drop_connection": True},
        {"status": 200, "body": "<html>em manutenção</html>"},
    ],
)
async def test_crm_that_fails_is_asked_again_and_then_believed(rig: Rig, step: dict[str, Any]) -> None:
    await rig.promise()
    rig.answer()
    rig.crm.program("crm", step)
    rig.clock.set(END + 30 * DAY)
    await drain(rig.deps)
    assert ((await rig.stored()).status, (await rig.stored()).attempts) == ("pending", 1)
    assert await drain(rig.deps) == 0
    rig.clock.advance(minutes=5)
    await drain(rig.deps)
    assert (await rig.stored()).status == "fulfilled"


async def test_customer_unknown_to_the_crm_keeps_the_promise_pending(rig: Rig) -> None:
    await rig.promise()
    rig.clock.set(END + 30 * DAY)
    assert await drain(rig.deps) == 1
    assert (await rig.stored()).status == "pending"


async def test_due_work_is_seen_by_the_tick(rig: Rig) -> None:
    await rig.promise()

    async def has_due() -> bool:
        async with rig.deps.database.platform() as connection:
            return await promises.has_due(connection, now=rig.clock.now())

    rig.clock.set(END + DAY - timedelta(seconds=1))
    assert not await has_due()
    rig.clock.set(END + DAY)
    assert await has_due()
    rig.answer()
    await drain(rig.deps)
    assert not await has_due()
