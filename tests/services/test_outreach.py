"""Contacts over real HTTP: Meta and a CRM as strict fakes, a ledger that counts what was sent (N3, N4, design 4)."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from uuid import UUID

import httpx
import pytest

from channels import transport
from channels.crm import HttpCrm
from channels.meta import MetaChannel
from channels.twilio import TwilioSms
from domain.buffering import QuietWindow
from domain.campaigns import Method
from domain.messages import DeliveryStatus, ErrorClass, ParsedWebhook, Provider, ProviderError, StatusUpdate
from services.accounts import AccountDirectory
from services.delivery import Delivery
from services.inbox import Inbox
from services.outreach import Outreach
from services.turns import TurnStore
from store.campaigns import CampaignRow
from store.channel_accounts import AccountRow
from store.cipher import Cipher
from store.targets import TargetRow
from tests.contact_world import ContactWorld, document_of, open_contact_world, phone_of
from tests.factories import TEST_KEY, make_account
from tests.fakes.providers import CRM_KEY, META_TOKEN, TWILIO_SID, TWILIO_TOKEN, FakeProviders
from tests.fakes_clock import FakeClock
from wiring.rates import LocalRateLimiter

NOW = datetime(2026, 11, 19, 14, 0, tzinfo=UTC)  # Thursday, 11:00 in São Paulo
NUMBER = "301500000000001"


@dataclass
class Sending:
    world: ContactWorld
    fake: FakeProviders
    http: httpx.AsyncClient
    passed: list[str]

    def outreach(self, worker: str = "worker-1", *, die_at: str | None = None) -> Outreach:
        """Give a process of its own. `die_at` names the instant at which it is gone."""

        def failpoint(name: str) -> None:
            self.passed.append(name)
            if name == die_at:
                raise asyncio.CancelledError(name)

        return Outreach(
            database=self.world.database, guard=self.world.guard(), tenants=self.world.tenants,
            accounts=AccountDirectory(self.world.database, Cipher(TEST_KEY), public_base_url="https://exemplo.invalid"),
            channels={
                Provider.META: MetaChannel(self.http, base_url=self.fake.url),
                Provider.TWILIO_SMS: TwilioSms(self.http, base_url=self.fake.url),
            },
            limiter=LocalRateLimiter(),
            crm_for=lambda tenant: HttpCrm(self.http, url=self.fake.url, api_key=CRM_KEY, clock=self.world.clock),
            clock=self.world.clock, worker=worker, failpoint=failpoint,
        )  # fmt: skip

    async def add(self, place: int = 0, *, campaign: CampaignRow | None = None, **changes: object) -> TargetRow:
        """Add a due target that nobody has claimed, whom the CRM knows as a debtor."""
        target = await self.world.add_target(
            place, campaign=campaign, owes=False, locked_by=None, locked_until=None, **changes
        )
        self.owes(target.document)
        return target

    def owes(self, document: str, *, amount: float | None = 119.9) -> None:
        faturas = [] if amount is None else [
            {"numero_fatura": "FAT-1", "valor": amount, "data_vencimento": "2026-10-10", "dias_atraso": 40}
        ]  # fmt: skip
        self.fake.set_customers(
            {
                document: {
                    "nome": "Maria da Silva", "cpf_cnpj": document, "faturas_em_aberto": len(faturas),
                    "valor_total": amount or 0, "faturas": faturas,
                }
            }
        )  # fmt: skip

    async def outcome(self, target: TargetRow) -> tuple[str, str | None]:
        row = await self.world.target(target.id)
        return row.state, row.outcome

    async def reasons(self, target: TargetRow) -> list[str]:
        return [row.reason for row in await self.world.decisions(target.id)]

    async def message(self) -> dict[str, object]:
        (row,) = await self.world.rows("SELECT * FROM messages WHERE direction = 'out'")
        return row

    async def report(self, status: DeliveryStatus, *, account: AccountRow | None = None, **error: object) -> None:
        """Let the provider tell what became of the one message."""
        message = await self.message()
        update = StatusUpdate(
            account_external_id=NUMBER, provider_message_id=str(message["provider_message_id"] or "wamid.later"),
            status=status, occurred_at=self.world.clock.now(), reference=str(message["id"]), **error,  # type: ignore[arg-type]
        )  # fmt: skip
        inbox = Inbox(self.world.database, QuietWindow())
        await inbox.receive(
            account or self.world.account, ParsedWebhook(statuses=(update,)), now=self.world.clock.now()
        )

    async def drain_delivery(self) -> None:
        delivery = Delivery(
            database=self.world.database, channels={}, limiter=LocalRateLimiter(), clock=self.world.clock,
            accounts=AccountDirectory(self.world.database, Cipher(TEST_KEY), public_base_url="https://exemplo.invalid"),
            sender="delivery", failpoint=lambda name: None,
        )  # fmt: skip
        await delivery.drain(10)


@pytest.fixture
async def sending(database_url: str, clock: FakeClock, fake_providers: FakeProviders) -> AsyncIterator[Sending]:
    clock.set(NOW)
    async with (
        open_contact_world(
            database_url, clock, provider=Provider.META, external_id=NUMBER, is_ledger_used=False,
            secrets={"access_token": META_TOKEN},
        ) as world,
        httpx.AsyncClient(timeout=2, limits=httpx.Limits(max_connections=50)) as http,
    ):  # fmt: skip
        template = await world.add_template(world.account)
        await world.change_campaign(template_id=template.id)
        yield Sending(world, fake_providers, http, [])


async def test_due_targets_are_contacted_once_by_two_processes(sending: Sending) -> None:
    rows = [await sending.add(place) for place in range(30)]
    handled = await asyncio.gather(sending.outreach("a").contact_due(100), sending.outreach("b").contact_due(100))
    assert sum(handled) == 30
    assert sorted(entry["to"] for entry in sending.fake.ledger) == sorted(
        phone_of(place).removeprefix("+") for place in range(30)
    )
    assert {await sending.outcome(row) for row in rows} == {("contacted", "sent")}
    stored = await sending.world.rows("SELECT status, provider_message_id, locked_by FROM messages")
    assert {(row["status"], row["locked_by"]) for row in stored} == {("sent", None)}
    assert all(row["provider_message_id"] for row in stored)
    assert {tuple(await sending.reasons(row)) for row in rows} == {("allowed",)}
    assert await sending.outreach().contact_due(100) == 0


async def test_template_goes_out_with_its_variables_and_our_reference(sending: Sending) -> None:
    await sending.add()
    await sending.outreach().contact_due(10)
    (entry,) = sending.fake.ledger
    assert entry["part"]["content"] == {
        "name": "primeiro_contato", "language": {"code": "pt_BR"},
        "components": [
            {"type": "body", "parameters": [{"type": "text", "text": "Maria"}, {"type": "text", "text": "TR Telecom"}]}
        ],
    }  # fmt: skip
    assert entry["reference"] == str((await sending.message())["id"])


@pytest.mark.parametrize(
    ("step", "problem"),
    [
        ({"status": 500}, "http_500"),
        ({"status": 200, "body": "<html>Bad proxy</html>"}, "not_json"),
        ({"status": 200, "body": {"cpf_cnpj": "11144477735", "nome": "Outro", "faturas": []}}, "wrong_document"),
        ({"status": 200, "body": {"cpf_cnpj": document_of(0), "nome": "Maria", "valor_total": -5,
                                  "faturas": []}}, "bad_total"),
        ({"drop_connection": True}, "broken_exchange"),
    ],
)  # fmt: skip
async def test_crm_in_trouble_contacts_nobody_and_marks_nobody_paid(
    sending: Sending, step: dict[str, object], problem: str
) -> None:
    target = await sending.add()
    sending.fake.program("crm", step)
    await sending.outreach().contact_due(10)
    assert sending.fake.ledger == []
    (decision,) = await sending.world.decisions(target.id)
    assert (decision.reason, decision.details["problem"]) == ("crm_unavailable", problem)
    after = await sending.world.target(target.id)
    assert (after.state, after.due_at, after.locked_by) == ("scheduled", NOW + timedelta(minutes=5), None)
    sending.world.clock.advance(minutes=5)
    await sending.outreach().contact_due(10)
    assert len(sending.fake.ledger) == 1


async def test_who_has_paid_is_not_contacted(sending: Sending) -> None:
    target = await sending.add()
    sending.owes(target.document, amount=None)
    unknown = await sending.add(1)
    sending.fake.state.customers.pop(unknown.document)
    await sending.outreach().contact_due(10)
    assert sending.fake.ledger == []
    assert await sending.outcome(target) == ("completed", "paid")
    assert await sending.outcome(unknown) == ("completed", "unknown_customer")


async def _until_asked(sending: Sending) -> None:
    """Return when the CRM has been asked."""
    for _ in range(500):
        if sending.fake.state.requests:
            return
        await asyncio.sleep(0.01)
    raise AssertionError("nobody asked the CRM")


async def test_promise_made_between_the_crms_answer_and_the_gate_stops_the_contact(sending: Sending) -> None:
    """The CRM answers slowly; meanwhile another process commits a promise."""
    target = await sending.add()
    sending.fake.program("crm", {"delay_seconds": 1.0})
    contacting = asyncio.create_task(sending.outreach().contact_due(10))
    await _until_asked(sending)
    await sending.world.execute("INSERT INTO contacts (tenant_id, id) SELECT id, id FROM tenants")
    await sending.world.execute(
        "INSERT INTO promises (tenant_id, id, protocol, document, contact_id, amount_cents, due_on, protected_until, "
        f"created_at, updated_at) SELECT id, id, 'P1', '{target.document}', id, 100, '2026-11-30', "
        "'2026-12-01T03:00Z', now(), now() FROM tenants"
    )
    await contacting
    assert sending.fake.ledger == []
    after = await sending.world.target(target.id)
    assert (after.state, after.outcome, after.due_at) == (
        "contacted", "promise_made", datetime(2026, 12, 1, 3, tzinfo=UTC)
    )  # fmt: skip
    (decision,) = await sending.world.decisions(target.id)
    assert (decision.reason, decision.details["daysLeft"]) == ("active_promise", 12)


# --- the provider's answers ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "step", [{"accept_then_timeout": True}, {"accept_then_drop": True}, {"accept_then_garbage": True}]
)
async def test_unknown_outcome_is_flagged_and_never_sent_again(
    sending: Sending, step: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transport, "TIMEOUT", httpx.Timeout(0.5))  # a provider that is silent may be so for 15 s
    target = await sending.add()
    sending.fake.program("meta", step)
    await sending.outreach().contact_due(10)
    assert await sending.outcome(target) == ("contacted", "unknown")
    assert (await sending.world.target(target.id)).due_at is None
    assert (await sending.message())["status"] == "unknown"
    sending.world.clock.advance(minutes=11)
    await sending.drain_delivery()
    await sending.outreach().contact_due(10)
    assert (await sending.message())["flagged_at"] is not None
    assert len(sending.fake.ledger) == 1


async def test_later_status_settles_an_unknown_outcome(sending: Sending) -> None:
    target = await sending.add()
    sending.fake.program("meta", {"accept_then_drop": True})
    await sending.outreach().contact_due(10)
    sending.world.clock.advance(minutes=3)
    await sending.report(DeliveryStatus.DELIVERED)
    after = await sending.world.target(target.id)
    assert (after.state, after.outcome, after.due_at) == ("contacted", "sent", NOW + timedelta(days=1))


async def test_reply_settles_an_unknown_outcome(sending: Sending) -> None:
    target = await sending.add()
    sending.fake.program("meta", {"accept_then_drop": True})
    await sending.outreach().contact_due(10)
    sending.world.clock.advance(minutes=3)
    await sending.world.write_in(phone_of(0))
    await sending.outreach().contact_due(10)
    after = await sending.world.target(target.id)
    assert (after.outcome, after.due_at) == ("answered", sending.world.clock.now())
    (campaign,) = await sending.world.rows("SELECT plan_due_at FROM campaigns")
    assert campaign["plan_due_at"] == sending.world.clock.now()


async def test_unreachable_address_is_voided_and_the_next_method_follows(sending: Sending) -> None:
    await sending.world.change_campaign(
        allowed_methods=[Method.WHATSAPP, Method.SMS], fallback_order=[Method.SMS], budget_cents=1000
    )
    target = await sending.add()
    sending.fake.program("meta", {"status": 400, "code": 131026})
    await sending.outreach().contact_due(10)
    after = await sending.world.target(target.id)
    assert (after.state, after.due_at, after.attempt_count, after.method) == ("pending", NOW, 0, None)
    assert (after.outcome_details["undeliverable"], after.first_contacted_at) == (["whatsapp"], None)
    (decision,) = await sending.world.decisions(target.id)
    assert decision.voided_at == NOW
    message = await sending.message()
    assert (message["status"], message["error_class"]) == ("failed", "address")
    (campaign,) = await sending.world.rows("SELECT spent_cents, plan_due_at FROM campaigns")
    assert campaign == {"spent_cents": 0, "plan_due_at": NOW}
    (address,) = await sending.world.rows("SELECT is_unreachable FROM addresses")
    assert address["is_unreachable"]


async def test_unreachable_address_without_another_method_ends_the_target(sending: Sending) -> None:
    target = await sending.add()
    sending.fake.program("meta", {"status": 400, "code": 131026})
    await sending.outreach().contact_due(10)
    assert await sending.outcome(target) == ("completed", "failed")


@pytest.mark.parametrize(
    ("step", "minutes", "campaign", "account"),
    [
        ({"status": 500}, 5, "active", "active"),
        ({"status": 429, "retry_after": 1800, "code": 130429}, 30, "active", "active"),
        ({"status": 401, "code": 190}, 60, "active", "stopped"),
        ({"status": 400, "code": 132001}, 60, "paused", "active"),
        ({"status": 400, "code": 131049}, 1440, "active", "active"),
    ],
)
async def test_refusal_is_voided_and_the_target_goes_on_later(
    sending: Sending, step: dict[str, object], minutes: int, campaign: str, account: str
) -> None:
    target = await sending.add()
    sending.fake.program("meta", step)
    await sending.outreach().contact_due(10)
    after = await sending.world.target(target.id)
    assert (after.state, after.outcome, after.attempt_count) == ("pending", None, 0)
    assert after.due_at == NOW + timedelta(minutes=minutes)
    (decision,) = await sending.world.decisions(target.id)
    assert decision.voided_at == NOW
    assert [row["status"] for row in await sending.world.rows("SELECT status FROM campaigns")] == [campaign]
    assert [row["status"] for row in await sending.world.rows("SELECT status FROM channel_accounts")] == [account]


async def test_failure_that_a_status_reports_is_voided_too(sending: Sending) -> None:
    target = await sending.add()
    await sending.outreach().contact_due(10)
    sending.world.clock.advance(minutes=1)
    error = ProviderError(error_class=ErrorClass.CAP, code="131049")
    await sending.report(DeliveryStatus.FAILED, error=error)
    await sending.report(DeliveryStatus.FAILED, error=error)  # delivered twice
    after = await sending.world.target(target.id)
    assert (after.state, after.attempt_count) == ("pending", 0)
    assert after.due_at == NOW + timedelta(minutes=1, days=1)


async def test_refusal_of_the_person_at_the_provider_opts_out(sending: Sending) -> None:
    target = await sending.add()
    sending.fake.program("meta", {"status": 400, "code": 131050})
    await sending.outreach().contact_due(10)
    (scope,) = await sending.world.rows("SELECT scope FROM opt_outs")
    assert scope["scope"] == "all"
    assert await sending.outcome(target) == ("completed", "opted_out")


# --- rates and crashes --------------------------------------------------------------------------------------------


async def test_rate_of_the_number_is_kept_to(sending: Sending) -> None:
    await sending.world.execute("UPDATE channel_accounts SET sends_per_second = 0.01, burst = 3")
    rows = [await sending.add(place) for place in range(8)]
    await sending.outreach().contact_due(100)
    assert len(sending.fake.ledger) == 3
    waiting = [row for row in [await sending.world.target(row.id) for row in rows] if row.state == "scheduled"]
    assert len(waiting) == 5
    dues = sorted(row.due_at for row in waiting if row.due_at)
    assert all(row.locked_by is None for row in waiting)
    assert [round((later - earlier).total_seconds()) for earlier, later in pairwise(dues)] == [100] * 4
    assert {tuple(await sending.reasons(row)) for row in waiting} == {("rate_limited",)}


@pytest.mark.parametrize(("instant", "sent"), [("contact.claimed", 0), ("contact.accepted", 1)])
async def test_crash_between_claim_and_record_leaves_unknown_and_repeats_nothing(
    sending: Sending, instant: str, sent: int
) -> None:
    target = await sending.add()
    with pytest.raises(asyncio.CancelledError):
        await sending.outreach("dead", die_at=instant).contact_due(10)
    assert len(sending.fake.ledger) == sent
    await sending.outreach("next").contact_due(10)
    sending.world.clock.advance(minutes=2)
    await sending.outreach("next").contact_due(10)
    assert await sending.outcome(target) == ("contacted", "sent")
    await sending.drain_delivery()
    assert await sending.outcome(target) == ("contacted", "unknown")
    assert (await sending.world.target(target.id)).due_at is None
    await sending.outreach("next").contact_due(10)
    assert len(sending.fake.ledger) == sent


async def test_process_that_slept_between_gate_and_provider_does_not_send(sending: Sending) -> None:
    target = await sending.add()
    outreach = sending.outreach()

    def sleep(name: str) -> None:
        if name == "contact.claimed":
            sending.world.clock.advance(minutes=10)

    outreach._failpoint = sleep
    await outreach.contact_due(10)
    assert sending.fake.ledger == []
    after = await sending.world.target(target.id)
    assert (after.state, after.attempt_count) == ("pending", 0)


async def test_lease_of_a_dead_process_is_taken_over(sending: Sending) -> None:
    target = await sending.add()
    await sending.world.execute(
        f"UPDATE targets SET locked_by = 'dead', locked_until = '{NOW + timedelta(seconds=60)}'"
    )
    await sending.outreach().contact_due(10)
    assert sending.fake.ledger == []
    sending.world.clock.advance(seconds=61)
    await sending.outreach().contact_due(10)
    assert len(sending.fake.ledger) == 1
    assert await sending.outcome(target) == ("contacted", "sent")


async def test_paused_campaign_is_not_looked_at(sending: Sending) -> None:
    await sending.add()
    await sending.world.execute("UPDATE campaigns SET status = 'paused'")
    assert await sending.outreach().contact_due(10) == 0
    assert sending.fake.ledger == []


async def test_sms_goes_by_its_own_number(sending: Sending) -> None:
    sms = await make_account(
        sending.world.database, sending.world.tenant_id, provider=Provider.TWILIO_SMS, external_id="+5511400012345",
        secrets={"account_sid": TWILIO_SID, "auth_token": TWILIO_TOKEN},
    )  # fmt: skip
    campaign = await sending.world.add_campaign(
        accounts=[sending.world.account, sms], allowed_methods=[Method.WHATSAPP, Method.SMS],
        fallback_order=[Method.SMS], sms_text="{{tenant.name}}: oi {{contact.first_name}}, responda por aqui.",
    )  # fmt: skip
    target = await sending.add(campaign=campaign, method=Method.SMS)
    await sending.outreach().contact_due(10)
    (entry,) = sending.fake.ledger
    assert (entry["provider"], entry["to"], entry["text"]) == (
        "twilio_sms", phone_of(0), "TR Telecom: oi Maria, responda por aqui."
    )  # fmt: skip
    assert await sending.outcome(target) == ("contacted", "sent")
    (talk,) = await sending.world.rows("SELECT source, channel_account_id FROM conversations")
    assert talk == {"source": "sms_campaign", "channel_account_id": sms.id}


async def test_reply_is_answered_by_the_collector_who_knows_what_was_sent_and_says_who_it_is(
    sending: Sending,
) -> None:
    world = sending.world
    await sending.add()
    await sending.outreach().contact_due(10)
    world.clock.advance(days=4)  # Monday: a second contact in the same conversation
    await world.execute(
        "UPDATE targets SET state = 'scheduled', due_at = '2026-11-23T14:00Z', locked_by = NULL, locked_until = NULL"
    )
    await sending.outreach().contact_due(10)
    world.clock.advance(minutes=1)
    await world.write_in(phone_of(0), "quem é?")
    world.clock.advance(seconds=30)
    turns = TurnStore(
        database=world.database, tenants=world.tenants, clock=world.clock, runner="runner", lease_seconds=60,
        accounts=AccountDirectory(world.database, Cipher(TEST_KEY), public_base_url="https://exemplo.invalid"),
        price=lambda usage: Decimal(0), failpoint=lambda name: None,
    )  # fmt: skip
    (claimed,) = await turns.claim(10)
    turn = await turns.load(claimed)
    assert turn is not None
    assert (turn.context.source, turn.context.assigned_agent) == ("campaign", "cobranca")
    assert turn.context.is_first_reply
    opening = "Olá, Maria! Aqui é da TR Telecom. Podemos conversar?"
    assert [row.text for row in turn.said] == [opening, opening, "quem é?"]


async def test_reminder_goes_through_the_gate_and_counts_for_nothing(sending: Sending) -> None:
    target = await sending.add()
    await sending.world.write_in(phone_of(0))
    await sending.world.execute(
        "UPDATE conversations SET turn_due_at = NULL, last_inbound_at = last_inbound_at - interval '3 hours'"
    )
    await sending.world.execute(
        "INSERT INTO promises (tenant_id, id, protocol, document, contact_id, amount_cents, due_on, protected_until, "
        f"created_at, updated_at) SELECT tenant_id, id, 'P1', '{target.document}', id, 100, '2026-11-30', "
        "'2026-12-01T03:00Z', now(), now() FROM contacts"
    )
    (promise,) = await sending.world.rows("SELECT id FROM promises")
    request = replace(
        sending.world.request(target), engine="reminder", target_id=None, promise_id=UUID(str(promise["id"])),
        account_id=sending.world.account.id, text="Oi, Maria! Passando para lembrar do combinado.",
    )  # fmt: skip
    decision = await sending.outreach().contact(request)
    assert decision.is_contact
    assert [entry["text"] for entry in sending.fake.ledger] == ["Oi, Maria! Passando para lembrar do combinado."]
    await sending.world.execute("UPDATE promises SET status = 'fulfilled'")
    assert (await sending.outreach().contact(request)).reason == "target_not_due"
    await sending.world.execute("UPDATE conversations SET last_inbound_at = last_inbound_at - interval '3 days'")
    await sending.outreach().contact_due(10)  # the cap knows nothing of the reminder
    assert [reason for reason in await sending.reasons(target)] == ["allowed"]
