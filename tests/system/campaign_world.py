"""An active campaign with thousands of debtors, for tests in which many processes contact them at once."""

import json
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, LiteralString
from uuid import UUID, uuid4

import httpx
import psycopg

from domain.campaigns import ContactMethod, Method
from domain.phones import match_key
from services.campaigns import NewCampaign, activate_campaign, create_campaign
from store import message_templates
from store.channel_accounts import AccountRow
from store.database import Database
from store.message_templates import TemplateRow
from tests.fakes.providers import CRM_KEY, Json
from tests.ports import free_port
from tests.system.customers import AMOUNT_CENTS, Customer
from tests.system.launch import start_function
from tests.system.stack import Stack, wait_for

# A Wednesday without a holiday anywhere, 11:00 in São Paulo.
START = datetime(2026, 11, 18, 14, 0, tzinfo=UTC)
DUE_ON = date(2026, 10, 9)
_TARGETS: LiteralString = (
    "COPY targets (tenant_id, id, campaign_id, client_name, phone, match_key, document, debt_cents, due_at, "
    "created_at, updated_at) FROM STDIN"
)
_CUSTOMERS: LiteralString = "COPY customers (tenant_id, document, name, phone, match_key) FROM STDIN"
_INVOICES: LiteralString = "COPY invoices (tenant_id, document, number, amount_cents, due_on) FROM STDIN"


@dataclass(frozen=True, kw_only=True)
class Debtors:
    """Who is in a campaign: one target each."""

    tenant_id: UUID
    campaign_id: UUID
    customers: Sequence[Customer]


def name_of(customer: Customer) -> str:
    return "Maria " + "".join(chr(ord("a") + int(digit)) for digit in str(customer.number)).capitalize()


async def make_campaign(
    database: Database, account: AccountRow, *, now: datetime, template: bool = False, **changes: Any
) -> UUID:
    """Make a draft that writes over one WhatsApp account, as fast as the account allows."""
    template_id = await _approved_template(database, account, now) if template else None
    new = NewCampaign(
        name="Novembro", contact_method=ContactMethod.WHATSAPP_PRIMARY, allowed_methods=(Method.WHATSAPP,),
        account_ids=(account.id,), template_id=template_id, pacing="asap", **changes,
    )  # fmt: skip
    return (await create_campaign(database, account.tenant_id, new, now=now)).row.id


async def _approved_template(database: Database, account: AccountRow, now: datetime) -> UUID:
    row = TemplateRow(
        tenant_id=account.tenant_id, id=uuid4(), channel_account_id=account.id, name="ola", language="pt_BR",
        category="utility", body="Olá, {{1}}! Sou {{2}}, da {{3}}. Podemos conversar por aqui?",
        variables=["contact.first_name", "assistant.name", "tenant.name"], content_sid=None, status="approved",
        status_reason=None, status_at=now, created_at=now,
    )  # fmt: skip
    async with database.tenant(account.tenant_id) as connection:
        assert await message_templates.insert(connection, row)
    return row.id


async def add_targets(
    database_url: str, tenant_id: UUID, campaign_id: UUID, customers: Sequence[Customer], *, now: datetime
) -> Debtors:
    """Put debtors into a campaign."""
    rows = (
        (
            tenant_id, uuid4(), campaign_id, name_of(customer), customer.phone, match_key(customer.phone),
            customer.document, AMOUNT_CENTS, now, now, now,
        )
        for customer in customers
    )  # fmt: skip
    await _copy(database_url, _TARGETS, rows)
    return Debtors(tenant_id=tenant_id, campaign_id=campaign_id, customers=customers)


async def add_to_ledger(database_url: str, tenant_id: UUID, customers: Sequence[Customer]) -> None:
    """Give each an overdue invoice in the tenant's own ledger."""
    await _copy(
        database_url, _CUSTOMERS,
        ((tenant_id, one.document, name_of(one), one.phone, match_key(one.phone)) for one in customers),
    )  # fmt: skip
    await _copy(
        database_url, _INVOICES,
        ((tenant_id, one.document, invoice_of(one), AMOUNT_CENTS, DUE_ON) for one in customers),
    )  # fmt: skip


async def _copy(database_url: str, statement: LiteralString, rows: Iterable[tuple[object, ...]]) -> None:
    connection = await psycopg.AsyncConnection.connect(database_url)
    async with connection, connection.cursor() as cursor, cursor.copy(statement) as copy:
        for row in rows:
            await copy.write_row(row)


def invoice_of(customer: Customer) -> str:
    return f"FAT-{customer.number}"


async def activate(database: Database, debtors: Debtors, *, now: datetime) -> None:
    await activate_campaign(database, debtors.tenant_id, debtors.campaign_id, now=now)


async def analyze(database_url: str) -> None:
    """Let the planner know the rows that came in one go, as the server itself does after a minute."""
    async with await psycopg.AsyncConnection.connect(database_url, autocommit=True) as connection:
        await connection.execute("ANALYZE")


# --- the providers, in a process of their own so that they do not share a core's lock with the test


@dataclass(frozen=True, kw_only=True)
class RemoteFakes:
    """The fake providers behind their control requests."""

    url: str

    async def ledger(self) -> list[Json]:
        async with httpx.AsyncClient(verify=False, timeout=30) as http:
            answer = await http.get(f"{self.url}/__ledger")
            found: list[Json] = answer.json()
            return found

    async def delay(self, provider: str, *, seconds: float, times: int) -> None:
        """Make the next answers of a provider late."""
        await self._post("/__control", {"provider": provider, "next": [{"delay_seconds": seconds, "times": times}]})

    async def set_debtors(self, customers: Sequence[Customer]) -> None:
        """Make the CRM know each of them with one overdue invoice."""
        await self._post("/__crm", {customer.document: crm_answer(customer) for customer in customers})

    async def _post(self, path: str, body: Mapping[str, object]) -> None:
        async with httpx.AsyncClient(verify=False, timeout=30) as http:
            (await http.post(self.url + path, content=json.dumps(body))).raise_for_status()

    def crm_environment(self) -> dict[str, str]:
        return {"CRM_API_URL": self.url, "CRM_API_KEY": CRM_KEY}


def crm_answer(customer: Customer) -> Json:
    """Give what the CRM says of somebody with one overdue invoice."""
    invoice = {
        "numero_fatura": invoice_of(customer), "valor": AMOUNT_CENTS / 100, "data_vencimento": DUE_ON.isoformat(),
    }  # fmt: skip
    return {
        "nome": name_of(customer), "cpf_cnpj": customer.document, "valor_total": AMOUNT_CENTS / 100,
        "faturas_em_aberto": 1, "faturas": [invoice],
    }  # fmt: skip


def _serve_fakes(port: int) -> None:
    import sys

    from tests.fakes.providers import main

    sys.argv = ["providers", "--port", str(port)]
    main()


@asynccontextmanager
async def remote_fakes(stack: Stack) -> AsyncIterator[RemoteFakes]:
    """Run the fake providers as a process; end it afterwards."""
    port = free_port()
    folder = stack.folder / "fakes"
    folder.mkdir(parents=True, exist_ok=True)
    process = start_function(_serve_fakes, (port,), {"PATH": "/usr/bin:/bin"}, folder / "fakes.log")
    fakes = RemoteFakes(url=f"http://127.0.0.1:{port}")

    async def is_up() -> bool:
        try:
            await fakes.ledger()
        except httpx.TransportError:
            return False
        return True

    try:
        await wait_for("the fake providers answer", is_up)
        yield fakes
    finally:
        process.kill()
        process.join()
        process.close()
