"""N6, spec 3.10: a whole conversation leaves no CPF, phone, name or e-mail in logs and spans, and no full document
in what operators see of its turns."""

import base64
import io
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from domain.messages import Address, AddressKind
from graphs.engine import open_runner
from services.ledger import NewInvoice, upsert_customer_invoices
from store import conversations, messages, turns
from tests.factories import TEST_KEY, inbound, make_account, make_tenant, webhook
from tests.fakes_clock import FakeClock
from wiring.deps import Deps, open_deps
from wiring.logging import configure_logging
from wiring.settings import load_settings

CPF, CPF_TYPED = "39053344705", "390.533.447-05"
PHONE = "+5521987654321"
NAME = "Zuleica Quaresma"
EMAIL = "zuleica.quaresma@exemplo.com.br"
CANARIES = (CPF, CPF_TYPED, PHONE, PHONE[1:], NAME, "Zuleica", EMAIL)
TALK = (
    f"oi, aqui é a {NAME}, quero ver minha fatura",
    f"meu cpf é {CPF_TYPED} e meu email é {EMAIL}",
    "pago tudo na sexta que vem",
    "sim",
    "manda o pix",
    f"meu telefone novo é {PHONE}",
    "quero falar com um atendente",
)


@pytest.fixture
def spans() -> InMemorySpanExporter:
    exporter = InMemorySpanExporter()
    provider = trace.get_tracer_provider()
    if not isinstance(provider, TracerProvider):
        provider = TracerProvider()
        trace.set_tracer_provider(provider)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    return exporter


@pytest.fixture
async def deps(database_url: str, clean_redis_url: str, clock: FakeClock, tmp_path: Path) -> AsyncIterator[Deps]:
    settings = load_settings(
        env_file=None, database_url=database_url, redis_url=clean_redis_url, data_dir=tmp_path, log_level="DEBUG",
        log_format="json", encryption_keys="test:" + base64.b64encode(TEST_KEY["test"]).decode(),
    )  # fmt: skip
    async with open_deps(settings, clock=clock) as opened:
        yield opened


async def test_conversation_leaves_no_personal_data_behind(
    deps: Deps, clock: FakeClock, spans: InMemorySpanExporter
) -> None:
    log = io.StringIO()
    configure_logging(deps.settings, stream=log)
    tenant_id = await make_tenant(deps.database)
    account = await make_account(deps.database, tenant_id)
    await upsert_customer_invoices(
        deps.database, tenant_id=tenant_id, document=CPF, name=NAME, phone=PHONE,
        new_invoices=[NewInvoice(number="F-1", amount_cents=9990, due_on=clock.now().date())],
    )  # fmt: skip
    address = Address(kind=AddressKind.PHONE, value=PHONE)
    async with open_runner(deps) as runner:
        for text in TALK:
            message = inbound(text, addresses=[address], sent_at=clock.now())
            await deps.inbox.receive(account, webhook(message), now=clock.now())
            clock.advance(seconds=11)
            assert await runner.start_due() == 1
            await runner.wait_until_idle()
    async with deps.database.tenant(tenant_id) as connection:
        (conversation,), _ = await conversations.page(
            connection, status=None, handler=None, contact_id=None, limit=1, offset=0
        )
        said = await messages.after(connection, conversation.id, seq=0, limit=100)
        traced = json.dumps([row.trace for row in await turns.traces(connection, conversation.id, limit=50)])
    replies = [row.text or "" for row in said if row.direction == "out"]
    assert any("R$ 99,90" in text for text in replies)
    assert conversation.handler == "human"

    # What may be read by many: logs and spans hold none of it.
    assert log.getvalue().count("\n") > 0
    assert [canary for canary in CANARIES if canary in log.getvalue()] == []
    finished = spans.get_finished_spans()
    assert len(finished) == len(TALK)
    assert [canary for canary in CANARIES if canary in "".join(map(ReadableSpan.to_json, finished))] == []
    # Replies and the turn's trace may name the customer, and never hold a whole document.
    assert [text for text in replies if CPF in text or CPF_TYPED in text] == []
    assert CPF not in traced
    assert CPF_TYPED not in traced
