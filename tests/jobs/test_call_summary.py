"""Summaries of calls on real rows: made once, checked, sent where the customer writes, else only kept."""

import asyncio
import base64
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from langchain_core.messages import BaseMessage
from pydantic import SecretStr

from agents.models import Models
from agents.prices import cost_usd
from domain.calls import CallReport, CallStatus
from domain.messages import Provider
from jobs import call_summary, post_call
from services.call_context import brief, whisper
from services.call_events import CallFacts, note_ended
from services.call_summaries import CallSummaries
from services.calls import SUMMARY_AFTER, receive_report
from services.opt_out import record_opt_out
from store import calls, contact_changes, conversations, effect_log, kanban, promises, tenants
from store.call_facts import of_conversation
from store.calls import CallRow
from store.message_templates import TemplateRow
from store.message_templates import insert as insert_template
from store.promises import PromiseRow
from tests.agents.scripted_model import ScriptedModel
from tests.business_world import MARIA, World, make_world
from tests.factories import make_account
from tests.fakes_clock import FakeClock
from wiring.deps import Deps, open_deps
from wiring.settings import Settings

NOW = datetime(2026, 11, 18, 14, 0, tzinfo=UTC)
TALK: tuple[tuple[str, str, dict[str, object]], ...] = (
    ("out", "Olá! Aqui quem fala é a Lia.", {}),
    ("in", "Oi, sou a Maria.", {}),
    ("out", "A fatura é de cento e dezenove reais e noventa centavos.", {"meant": "A fatura é de R$ 119,90."}),
    ("in", "Consigo pagar na sexta que vem, dia 27.", {}),
)
WRITTEN = "Maria, ficou combinado R$ 119,90 para sexta-feira, 27/11, protocolo P7F3K2Q. É só responder por aqui."


@dataclass
class Phone:
    """A customer with a text conversation who was called."""

    world: World
    deps: Deps
    clock: FakeClock
    call: CallRow
    asked: list[list[BaseMessage]] = field(default_factory=list)

    async def one(self, query: str) -> dict[str, Any]:
        (row,) = await self.rows(query)
        return row

    async def rows(self, query: str) -> list[dict[str, Any]]:
        async with self.world.database.tenant(self.world.tenant.id) as connection:
            cursor = await connection.execute(query.encode())
            return await cursor.fetchall() if cursor.description else []

    async def say(self, *talk: tuple[str, str, dict[str, object]]) -> None:
        for direction, text, content in talk:
            await self.rows(
                "INSERT INTO messages (tenant_id, id, conversation_id, channel_account_id, direction, author, kind, "
                f"text, content, sent_at, call_id) VALUES ('{self.world.tenant.id}', '{uuid4()}', "
                f"'{self.call.conversation_id}', '{self.call.channel_account_id}', '{direction}', "
                f"'{'customer' if direction == 'in' else 'agent'}', 'text', '{text}', "
                f"'{'{}' if not content else str(content).replace(chr(39), chr(34))}', '{self.clock.now()}', "
                f"'{self.call.id}')"
            )

    async def confirm(self) -> None:
        """Let the call's conversation have proved who speaks."""
        assert self.call.conversation_id is not None
        async with self.world.database.tenant(self.world.tenant.id) as connection:
            await effect_log.record_once(
                connection, tenant_id=self.world.tenant.id, event_id=uuid4(), kind="identity_confirmed",
                severity="info", conversation_id=self.call.conversation_id, data={}, now=self.clock.now(),
            )  # fmt: skip

    async def promise(self) -> None:
        now = self.clock.now()
        row = PromiseRow(
            id=uuid4(), protocol="P7F3K2Q", document=MARIA, contact_id=self.world.contact_id,
            conversation_id=self.call.conversation_id, turn_seq=1, amount_cents=11990, due_on=date(2026, 11, 27),
            protected_until=now + timedelta(days=10), method=None, notes=None, status="pending", replaced_by=None,
            created_at=now, updated_at=now,
        )  # fmt: skip
        async with self.world.database.tenant(self.world.tenant.id) as connection:
            await promises.put(connection, self.world.tenant.id, row)

    async def end(self, *, answered_by: str | None = None) -> None:
        """Let the provider say that it ended, and the post-call drain take it up."""
        report = CallReport(
            provider_call_id="call-1", account_sid="AC", status=CallStatus.COMPLETED, duration_seconds=61,
            answered_by=answered_by,
        )  # fmt: skip
        async with self.world.database.tenant(self.world.tenant.id) as connection:
            assert await receive_report(connection, self.call.id, report, now=self.clock.now())
        await post_call.drain(self.deps)
        self.clock.advance(SUMMARY_AFTER)

    async def sum_up(self, *script: Any) -> int:
        """Run the drain; with a script a model answers so, else the offline model is all there is."""
        if not script:
            return await call_summary.drain(self.deps)
        model = ScriptedModel(script=list(script))
        models = Models(
            self.deps.settings, self.deps.database, self.clock, factories={"scripted": lambda *_: model}
        )  # fmt: skip
        await self.rows(
            "INSERT INTO model_settings (tenant_id, agent, chain, updated_at) "
            "SELECT id, '*', ARRAY['scripted:one'], now() FROM tenants "
            "ON CONFLICT DO NOTHING"
        )
        handled = await call_summary.drain(self.deps, models=models)
        self.asked += model.asked
        return handled

    async def read(self) -> CallRow:
        async with self.world.database.tenant(self.world.tenant.id) as connection:
            row = await calls.by_id(connection, self.call.id)
        assert row is not None
        return row

    async def texts(self) -> list[str]:
        return [
            row["text"]
            for row in await self.rows(
                f"SELECT text FROM messages WHERE conversation_id = '{self.world.conversation_id}' "
                "AND direction = 'out' ORDER BY seq"
            )
        ]


@pytest.fixture
async def phone(database_url: str, clock: FakeClock) -> AsyncIterator[Phone]:
    clock.set(NOW)
    key = SecretStr("test:" + base64.b64encode(b"k" * 32).decode())
    settings = Settings(_env_file=None, database_url=SecretStr(database_url), encryption_keys=key)  # type: ignore[call-arg]
    async with open_deps(settings, clock=clock) as deps:
        world = await make_world(deps.database, voice_minute_cost_cents=30)
        voice = await make_account(
            deps.database, world.tenant.id, provider=Provider.TWILIO_VOICE, external_id="+551140001234",
            settings={"transfer_number": "+551140009999"},
        )  # fmt: skip
        spoken, call_id = uuid4(), uuid4()
        async with deps.database.tenant(world.tenant.id) as connection:
            await conversations.open_conversation(
                connection, tenant_id=world.tenant.id, conversation_id=spoken, contact_id=world.contact_id,
                channel_account_id=voice.id, address_kind="phone", address_value="+5511999990001", source="customer",
                now=NOW,
            )  # fmt: skip
            await connection.execute(
                b"INSERT INTO calls (tenant_id, id, channel_account_id, contact_id, conversation_id, direction, phone, "
                b"status, status_at, created_at, answered_at, provider_call_id, purpose) VALUES (%(tenant)s, %(id)s, "
                b"%(account)s, %(contact)s, %(conversation)s, 'in', '+5511999990001', 'in_progress', %(now)s, %(now)s, "
                b"%(now)s, 'call-1', 'inbound')",
                {
                    "tenant": world.tenant.id, "id": call_id, "account": voice.id, "contact": world.contact_id,
                    "conversation": spoken, "now": NOW,
                },
            )  # fmt: skip
            row = await calls.by_id(connection, call_id)
        assert row is not None
        yield Phone(world=world, deps=deps, clock=clock, call=row)


async def test_summary_of_the_model_is_kept_and_sent_once(phone: Phone) -> None:
    await phone.say(*TALK)
    await phone.promise()
    await phone.end()
    assert await phone.sum_up(WRITTEN) == 1
    assert await phone.sum_up(WRITTEN) == 0
    row = await phone.read()
    assert row.summary == WRITTEN
    assert await phone.texts() == [WRITTEN]
    assert (await phone.one("SELECT id FROM messages WHERE author = 'system'"))["id"] == row.summary_message_id
    (asked,) = phone.asked
    given = str(asked[-1].content)
    assert "R$ 119,90" in given  # as it was written, not as it was spoken
    assert "P7F3K2Q" in given
    usage = await phone.one("SELECT agent, feature, input_tokens, conversation_id FROM usage_records")
    assert usage == {
        "agent": "summary", "feature": "summary", "input_tokens": 10, "conversation_id": phone.call.conversation_id
    }  # fmt: skip


async def test_nothing_is_due_before_the_last_words_are_in(phone: Phone) -> None:
    await phone.say(*TALK)
    await phone.end()
    phone.clock.advance(-SUMMARY_AFTER)
    assert await phone.sum_up() == 0


async def test_amount_that_nobody_said_is_not_sent(phone: Phone) -> None:
    await phone.say(*TALK)
    await phone.promise()
    await phone.end()
    await phone.sum_up(WRITTEN.replace("119,90", "59,90"))
    (text,) = await phone.texts()
    assert "R$ 119,90" in text
    assert "59,90" not in text
    assert (await phone.read()).summary == text


@pytest.mark.parametrize("script", [(), (RuntimeError("down"),), ("",)])
async def test_without_a_model_the_rows_speak(phone: Phone, script: Sequence[Any]) -> None:
    await phone.say(*TALK)
    await phone.promise()
    await phone.end()
    await phone.sum_up(*script)
    (text,) = await phone.texts()
    assert text.startswith("Maria, ficou combinado por telefone: R$ 119,90 para sexta-feira, 27/11.")


async def test_no_debt_is_told_when_nobody_proved_who_they_are(phone: Phone) -> None:
    await phone.say(*TALK)
    await phone.end()
    await phone.sum_up("Maria, falamos da sua fatura em aberto de R$ 119,90.")
    (text,) = await phone.texts()
    assert text == (
        "Maria, foi bom falar com você por telefone. Se precisar de mais alguma coisa, é só responder por aqui."
    )


async def test_confirmed_identity_lets_the_debt_be_named(phone: Phone) -> None:
    await phone.say(*TALK)
    await phone.confirm()
    await phone.end()
    said = "Maria, falamos da sua fatura de R$ 119,90. É só responder por aqui."
    await phone.sum_up(said)
    assert await phone.texts() == [said]


@pytest.mark.parametrize("scope", ["all", "whatsapp"])
async def test_who_refused_messages_gets_none(phone: Phone, scope: str) -> None:
    await phone.say(*TALK)
    async with phone.world.database.tenant(phone.world.tenant.id) as connection:
        await record_opt_out(
            connection, tenant_id=phone.world.tenant.id, contact_id=phone.world.contact_id, scope=scope, reason="x",
            now=NOW,
        )  # fmt: skip
    await phone.end()
    await phone.sum_up()
    assert await phone.texts() == []
    assert (await phone.read()).summary is not None


async def test_talk_with_a_machine_or_a_hello_alone_is_not_summed_up(phone: Phone) -> None:
    await phone.say(("out", "Olá!", {}), ("in", "alô?", {}))
    await phone.end()
    assert await phone.sum_up() == 1
    assert (await phone.read()).summary is None
    assert await phone.texts() == []
    assert await phone.sum_up() == 0


async def test_answering_machine_has_no_talk(phone: Phone) -> None:
    await phone.say(*TALK)
    await phone.end(answered_by="machine_start")
    assert await phone.sum_up() == 0


async def test_wrong_person_is_told_nothing(phone: Phone) -> None:
    await phone.say(*TALK)
    assert phone.call.conversation_id is not None
    async with phone.world.database.tenant(phone.world.tenant.id) as connection:
        await effect_log.record_once(
            connection, tenant_id=phone.world.tenant.id, event_id=uuid4(), kind="wrong_person", severity="warning",
            conversation_id=phone.call.conversation_id, data={}, now=NOW,
        )  # fmt: skip
    await phone.end()
    await phone.sum_up()
    assert await phone.texts() == []


async def _behind_meta(phone: Phone, *, last_inbound: timedelta, settings: dict[str, str] | None = None) -> UUID:
    account = await make_account(
        phone.deps.database, phone.world.tenant.id, provider=Provider.META, external_id="301500000000001",
        settings=settings or {},
    )  # fmt: skip
    await phone.rows(
        f"UPDATE conversations SET channel_account_id = '{account.id}', last_inbound_at = '{NOW - last_inbound}' "
        f"WHERE id = '{phone.world.conversation_id}'"
    )
    return account.id


async def test_inside_the_window_free_text_goes_out(phone: Phone) -> None:
    await _behind_meta(phone, last_inbound=timedelta(hours=2))
    await phone.say(*TALK)
    await phone.end()
    await phone.sum_up()
    assert (await phone.one("SELECT content ->> 'part' AS part FROM messages WHERE author = 'system'"))[
        "part"
    ] == "text"


@pytest.mark.parametrize(("status", "is_sent"), [("approved", True), ("pending", False)])
async def test_outside_the_window_the_approved_template_or_nothing(phone: Phone, status: str, is_sent: bool) -> None:
    account_id = await _behind_meta(
        phone, last_inbound=timedelta(hours=30), settings={"summary_template": "resumo_ligacao"}
    )
    template = TemplateRow(
        tenant_id=phone.world.tenant.id, id=uuid4(), channel_account_id=account_id, name="resumo_ligacao",
        language="pt_BR", category="utility", body="{{1}}, segue o resumo: {{2}}",
        variables=["contact.first_name", "call.summary"], content_sid=None, status=status, status_reason=None,
        status_at=NOW, created_at=NOW,
    )  # fmt: skip
    async with phone.world.database.tenant(phone.world.tenant.id) as connection:
        assert await insert_template(connection, template)
    await phone.say(*TALK)
    await phone.end()
    await phone.sum_up()
    row = await phone.read()
    assert row.summary is not None
    sent = await phone.rows("SELECT content FROM messages WHERE author = 'system'")
    assert (row.summary_message_id is not None) is is_sent
    assert [item["content"]["parameters"] for item in sent] == ([["Maria", row.summary]] if is_sent else [])


async def test_two_drains_send_one_message(phone: Phone) -> None:
    await phone.say(*TALK)
    await phone.end()
    await asyncio.gather(call_summary.drain(phone.deps), call_summary.drain(phone.deps))
    assert len(await phone.texts()) == 1


async def test_drain_that_dies_leaves_the_summary_to_the_next(phone: Phone) -> None:
    await phone.say(*TALK)
    await phone.end()
    summaries = CallSummaries(
        database=phone.deps.database, tenants=phone.deps.tenants, clock=phone.clock, price=cost_usd
    )
    assert len(await summaries.claim(10)) == 1  # and the process is gone
    assert await phone.sum_up() == 0  # leased
    phone.clock.advance(minutes=2)
    assert await phone.sum_up() == 1
    assert len(await phone.texts()) == 1


async def test_call_of_an_agent_at_the_provider_is_summed_up_from_its_transcript(phone: Phone) -> None:
    await phone.end()
    assert await phone.sum_up() == 0
    facts = CallFacts(
        provider_transcript=[
            {"role": "agent", "text": "Olá!", "startSeconds": 0},
            {"role": "user", "text": "Oi, sou a Maria.", "startSeconds": 2.5},
            {"role": "user", "text": "Está tudo certo, obrigada.", "startSeconds": 8},
            {"role": "tool", "text": "{}", "startSeconds": "9"},
        ],
        recording_url="https://gravacoes.exemplo/1.wav", cost_usd_cents=14, disconnection_reason="user_hangup",
        agent_version="3", duration_seconds=999,
    )  # fmt: skip
    async with phone.world.database.tenant(phone.world.tenant.id) as connection:
        assert await note_ended(connection, phone.call.id, facts, now=phone.clock.now())
        assert await note_ended(connection, phone.call.id, CallFacts(cost_usd_cents=None), now=phone.clock.now())
        assert not await note_ended(connection, uuid4(), facts, now=phone.clock.now())
    assert await phone.sum_up() == 1
    assert len(await phone.texts()) == 1
    row = await phone.read()
    assert (row.cost_cents, row.recording_url, row.disconnection_reason, row.agent_version, row.duration_seconds) == (
        77, "https://gravacoes.exemplo/1.wav", "user_hangup", "3", 61
    )  # fmt: skip
    assert row.provider_transcript is not None
    assert [entry["role"] for entry in row.provider_transcript] == ["agent", "user", "user"]


async def test_hostile_facts_are_cut_down(phone: Phone) -> None:
    facts = CallFacts(
        disconnection_reason="x\x07" * 500, recording_url="javascript:alert(1)", cost_usd_cents=-5,
        agent_version=" \n ",
        provider_transcript=[{"role": "user", "text": "a\x00b" * 5000, "startSeconds": -1}, {"role": 7}],
        answered_by="human",
    )  # fmt: skip
    async with phone.world.database.tenant(phone.world.tenant.id) as connection:
        await note_ended(connection, phone.call.id, facts, now=NOW)
    row = await phone.read()
    assert (row.recording_url, row.cost_cents, row.agent_version, row.answered_by) == (None, None, None, "human")
    assert row.disconnection_reason is not None
    assert len(row.disconnection_reason) <= 120
    assert row.provider_transcript is not None
    assert [(len(str(e["text"])), e["startSeconds"]) for e in row.provider_transcript] == [(4000, None)]


async def test_cost_is_by_our_own_rate_until_the_provider_tells(phone: Phone) -> None:
    await phone.end()
    assert (await phone.read()).cost_cents == 60  # 61 seconds are two minutes of 30 cents
    async with phone.world.database.tenant(phone.world.tenant.id) as connection:
        await note_ended(connection, phone.call.id, CallFacts(cost_usd_cents=9), now=NOW)
    assert (await phone.read()).cost_cents == 50  # 0.09 dollars at 5.50 reais, and half a cent counts whole


async def test_dollars_count_at_the_tenants_rate(phone: Phone) -> None:
    await phone.end()
    async with phone.world.database.platform() as connection:
        await tenants.merge_settings(connection, phone.world.tenant.id, {"usd_brl_cents": 612})
    async with phone.world.database.tenant(phone.world.tenant.id) as connection:
        await note_ended(connection, phone.call.id, CallFacts(cost_usd_cents=100), now=NOW)
    assert (await phone.read()).cost_cents == 612


async def test_card_and_facts_tell_of_the_call(phone: Phone) -> None:
    async with phone.world.database.tenant(phone.world.tenant.id) as connection:
        board = await kanban.put_board(connection, tenant_id=phone.world.tenant.id, board_id=uuid4(), name="Vendas")
        await kanban.put_stages(connection, tenant_id=phone.world.tenant.id, board_id=board, names=["Novo"])
        (stage,) = await kanban.stages(connection)
        card_id = await kanban.put_card(
            connection, tenant_id=phone.world.tenant.id, stage=stage, contact_id=phone.world.contact_id,
            title="Maria", now=NOW,
        )  # fmt: skip
    await phone.say(*TALK)
    await phone.end()
    await phone.sum_up()
    async with phone.world.database.tenant(phone.world.tenant.id) as connection:
        (move,) = await kanban.history(connection, card_id)
    assert (move.from_stage_id, move.to_stage_id, move.moved_by) == (stage.id, stage.id, "call")
    assert move.reason.startswith("Ligação de 18/11/2026: Maria, foi bom")
    facts = (await phone.one("SELECT facts FROM contacts"))["facts"]
    assert facts["last_call"].startswith("18/11/2026: Maria, foi bom")


async def test_brief_and_whisper_say_who_what_and_whether_it_is_proved(phone: Phone) -> None:
    async with phone.world.database.tenant(phone.world.tenant.id) as connection:
        known = await brief(connection, phone.call)
        before = await whisper(connection, phone.call.id)
    assert (known.purpose, known.first_name, known.has_text_thread, known.can_transfer, known.transfer_number) == (
        "inbound", "Maria", True, True, "+551140009999"
    )  # fmt: skip
    assert before == "Cliente Maria, ligou para nós; ainda não confirmou a identidade."
    await phone.promise()
    async with phone.world.database.tenant(phone.world.tenant.id) as connection:
        await contact_changes.confirm_document(
            connection, phone.world.contact_id, document=MARIA, name="Maria da Silva", now=NOW
        )
        after = await whisper(connection, phone.call.id)
        assert await whisper(connection, uuid4()) == ""
        record = await of_conversation(connection, phone.world.conversation_id)
    assert after == (
        "Cliente Maria, ligou para nós; já confirmou a identidade. Combinou pagar R$ 119,90 para sexta-feira, 27/11."
    )
    assert MARIA not in after
    assert (record.promise, record.has_payment_claim, record.is_identity_confirmed) == (None, False, False)
