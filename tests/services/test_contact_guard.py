"""The gate on a real PostgreSQL: each reason, what it leaves behind, and who comes first (design 5, N3)."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import cast
from uuid import UUID

import pytest

from domain.campaigns import Method, TargetState
from domain.messages import Medium, Provider
from domain.ports import DebtStatement
from services.contact_requests import Decision
from services.contact_senders import choose_account
from services.ledger import NewInvoice, put_customer_invoices
from services.opt_out import record_opt_out
from store import campaigns, targets
from store.contact_facts import CampaignAccount
from store.locks import lock_debtor
from store.targets import TargetRow
from tests.business_world import statement
from tests.contact_world import DOCUMENTS, TODAY, WORKER, ContactWorld, open_contact_world, phone_of
from tests.factories import make_account, make_tenant
from tests.fakes_clock import FakeClock

MARIA = DOCUMENTS[0]
NOW = datetime(2026, 11, 19, 14, 0, tzinfo=UTC)  # Thursday, 11:00 in São Paulo; the day after is a holiday


@pytest.fixture
async def world(database_url: str, clock: FakeClock) -> AsyncIterator[ContactWorld]:
    clock.set(NOW)
    async with open_contact_world(database_url, clock) as opened:
        yield opened


async def _decide(world: ContactWorld, *rows: TargetRow, **changes: object) -> list[Decision]:
    return await world.guard().decide(world.tenant_id, [world.request(row, **changes) for row in rows])


async def _one(world: ContactWorld, target: TargetRow, **changes: object) -> tuple[str, str]:
    (decision,) = await _decide(world, target, **changes)
    return decision.verdict, decision.reason


async def test_contact_is_claimed_with_its_message_conversation_and_evidence(world: ContactWorld) -> None:
    target = await world.add_target()
    (decision,) = await _decide(world, target)
    assert (decision.verdict, decision.reason) == ("contact", "allowed")
    now = world.clock.now()
    (message,) = await world.rows("SELECT * FROM messages")
    assert (message["status"], message["author"], message["locked_by"]) == ("sending", "campaign", WORKER)
    assert message["text"] == (
        "Olá, Maria! Sou Lia, assistente virtual da TR Telecom. Tenho um recado para você. Podemos conversar por aqui? "
        "Se não quiser mais receber mensagens, é só responder SAIR."
    )
    (talk,) = await world.rows("SELECT * FROM conversations")
    assert (talk["source"], talk["assigned_agent"], talk["target_id"]) == ("whatsapp_campaign", "cobranca", target.id)
    after = await world.target(target.id)
    assert (after.state, after.outcome, after.attempt_count, after.locked_by) == ("contacted", "sent", 1, None)
    assert (after.last_attempt_at, after.due_at) == (now, now + timedelta(days=1))
    assert (after.contact_id, after.conversation_id) == (talk["contact_id"], talk["id"])
    (row,) = await world.decisions(target.id)
    assert (row.verdict, row.message_id, row.cost_cents, row.match_key) == (
        "contact", message["id"], 40, after.match_key
    )  # fmt: skip


async def _pay(world: ContactWorld) -> None:
    await world.owe(MARIA, paid=True)


async def _promise(world: ContactWorld) -> None:
    contact = "(SELECT id FROM contacts LIMIT 1)"
    await world.execute("INSERT INTO contacts (tenant_id, id) SELECT id, gen_random_uuid() FROM tenants")
    await world.execute(
        "INSERT INTO promises (tenant_id, id, protocol, document, contact_id, amount_cents, due_on, protected_until, "
        f"created_at, updated_at) SELECT id, gen_random_uuid(), 'ABC123', '{MARIA}', {contact}, 11990, '2026-11-22', "
        "'2026-11-23T03:00:00Z', now(), now() FROM tenants"
    )


async def _claim(world: ContactWorld) -> None:
    await world.execute("INSERT INTO contacts (tenant_id, id) SELECT id, gen_random_uuid() FROM tenants")
    await world.execute(
        "INSERT INTO payment_claims (tenant_id, id, document, contact_id, hold_until, created_at) SELECT tenant_id, "
        f"gen_random_uuid(), '{MARIA}', id, '2026-11-23T15:00:00Z', now() FROM contacts"
    )


async def _opt_out(world: ContactWorld, *, scope: str = "all") -> None:
    """Somebody with this document refused, at another phone."""
    await world.execute(f"INSERT INTO contacts (tenant_id, id, document) SELECT id, id, '{MARIA}' FROM tenants")
    async with world.database.tenant(world.tenant_id) as connection:
        await record_opt_out(
            connection, tenant_id=world.tenant_id, contact_id=world.tenant_id, scope=scope, reason="teste",
            now=world.clock.now(),
        )  # fmt: skip


async def _write(world: ContactWorld) -> None:
    await world.write_in(phone_of(0))
    await world.execute("UPDATE conversations SET turn_due_at = NULL, status = 'waiting'")


async def _hand_over(world: ContactWorld) -> None:
    await _write(world)
    await world.execute("UPDATE conversations SET handler = 'human', last_inbound_at = now() - interval '9 days'")


async def _run(world: ContactWorld, *statements: str) -> None:
    for text in statements:
        await world.execute(text)


@pytest.mark.parametrize(
    ("prepare", "verdict", "reason", "state", "outcome"),
    [
        (_pay, "skip", "already_paid", "completed", "paid"),
        (_promise, "skip", "active_promise", "contacted", "promise_made"),
        (_claim, "postpone", "payment_claimed", "scheduled", None),
        (_opt_out, "skip", "opted_out", "completed", "opted_out"),
        (_write, "postpone", "live_conversation", "scheduled", None),
        (_hand_over, "postpone", "human_handling", "scheduled", None),
    ],
)
async def test_what_others_recorded_stops_the_contact(
    world: ContactWorld, prepare: object, verdict: str, reason: str, state: str, outcome: str | None
) -> None:
    target = await world.add_target()
    assert callable(prepare)
    await prepare(world)
    await world.execute(
        f"UPDATE targets SET state = 'scheduled', outcome = NULL, locked_by = '{WORKER}', due_at = '{NOW}', "
        "method = 'whatsapp'"
    )
    assert await _one(world, target) == (verdict, reason)
    after = await world.target(target.id)
    assert (after.state, after.outcome, after.locked_by) == (state, outcome, None)
    assert await world.rows("SELECT 1 FROM messages WHERE direction = 'out'") == []
    rows = await world.decisions(target.id)  # the fact may have left one of its own
    assert rows
    assert {(row.verdict, row.reason) for row in rows} == {(verdict, reason)}
    if verdict == "postpone":
        assert after.due_at is not None
        assert after.due_at > world.clock.now()


@pytest.mark.parametrize(
    ("statement", "verdict", "reason"),
    [
        ("UPDATE campaigns SET status = 'paused'", "skip", "campaign_not_active"),
        ("UPDATE channel_accounts SET status = 'stopped'", "postpone", "account_stopped"),
        ("UPDATE channel_accounts SET is_bot_enabled = false", "postpone", "bot_disabled"),
        ("UPDATE tenants SET is_bot_enabled = false", "postpone", "bot_disabled"),
        ("DELETE FROM invoices", "skip", "already_paid"),
        ("UPDATE invoices SET due_on = '2026-12-10'", "postpone", "not_overdue"),
        ("UPDATE targets SET attempt_count = 3", "skip", "attempts_exhausted"),
        ("UPDATE targets SET locked_by = 'somebody'", "skip", "target_not_due"),
        ("UPDATE targets SET state = 'pending'", "skip", "target_not_due"),
        ("UPDATE targets SET due_at = due_at + interval '1 hour'", "skip", "target_not_due"),
        ("UPDATE targets SET outcome_details = '{\"undeliverable\": [\"whatsapp\"]}'", "skip", "no_usable_method"),
        ("DELETE FROM campaign_accounts", "skip", "no_usable_method"),
        (
            "INSERT INTO tenant_holidays (tenant_id, day, name) SELECT id, '2026-11-19', 'Aniversário' FROM tenants",
            "postpone", "holiday",
        ),
        (
            "INSERT INTO wrong_numbers SELECT tenant_id, document, match_key, 'P', now() FROM targets",
            "skip", "wrong_person",
        ),
        (
            "INSERT INTO contact_decisions (tenant_id, id, engine, document, verdict, reason, decided_at) "
            "SELECT tenant_id, gen_random_uuid(), 'cadence', document, 'contact', 'allowed', '2026-11-19T13:00Z' "
            "FROM targets",
            "postpone", "frequency_cap",
        ),
        (
            "INSERT INTO contact_decisions (tenant_id, id, engine, match_key, verdict, reason, decided_at) "
            "SELECT tenant_id, gen_random_uuid(), 'follow_up', match_key, 'contact', 'allowed', "
            "'2026-11-14T13:00Z'::timestamptz + make_interval(days => n) FROM targets, generate_series(0, 2) AS n",
            "postpone", "frequency_cap",
        ),
    ],
)  # fmt: skip
async def test_reason(world: ContactWorld, statement: str, verdict: str, reason: str) -> None:
    target = await world.add_target()
    await world.execute(statement)
    assert await _one(world, target) == (verdict, reason)
    assert await world.rows("SELECT 1 FROM messages") == []
    assert [row.reason for row in await world.decisions(target.id)] == [reason]


async def test_voided_contacts_and_reminders_do_not_count_for_the_cap(world: ContactWorld) -> None:
    target = await world.add_target()
    await world.execute(
        "INSERT INTO contact_decisions (tenant_id, id, engine, document, verdict, reason, decided_at, voided_at) "
        "SELECT tenant_id, gen_random_uuid(), engine, document, 'contact', 'allowed', '2026-11-19T13:00Z', voided "
        "FROM targets, (VALUES ('reminder', NULL), ('campaign', '2026-11-19T13:00Z'::timestamptz)) "
        "AS v (engine, voided)"
    )
    assert await _one(world, target) == ("contact", "allowed")


@pytest.mark.parametrize(
    ("phone", "reason"),
    [
        (phone_of(1, area="92"), "outside_hours"),  # 08:59 in Manaus when it is 09:59 in São Paulo
        ("+551140001234", "no_usable_method"),
        ("+5508007270000", "number_not_contactable"),
        ("+14155550100", "number_not_contactable"),
    ],
)
async def test_phone_decides_where_and_how(world: ContactWorld, phone: str, reason: str) -> None:
    world.clock.advance(minutes=-61 if phone.startswith("+5592") else 0)
    await world.change_campaign(schedule_start=world.campaign.schedule_start.replace(hour=9))
    target = await world.add_target(phone=phone)
    assert (await _one(world, target))[1] == reason


async def test_customer_that_the_ledger_does_not_know_ends_the_target(world: ContactWorld) -> None:
    target = await world.add_target(owes=False)
    assert await _one(world, target) == ("skip", "unknown_customer")
    assert (await world.target(target.id)).state == "completed"


async def test_opt_out_of_one_medium_leaves_the_others(world: ContactWorld) -> None:
    await world.change_campaign(allowed_methods=[Method.WHATSAPP, Method.SMS], fallback_order=[Method.SMS])
    await _opt_out(world, scope="whatsapp")
    target = await world.add_target()
    assert await _one(world, target) == ("skip", "opted_out")
    after = await world.target(target.id)
    assert (after.state, after.due_at) == ("pending", world.clock.now())
    assert after.outcome_details["undeliverable"] == ["whatsapp"]


async def test_two_campaigns_contact_one_debtor_once(world: ContactWorld) -> None:
    other = await world.add_campaign(name="Dezembro")
    first = await world.add_target()
    second = await world.add_target(campaign=other)
    same_phone = await world.add_target(1, phone=phone_of(0))
    decisions = await _decide(world, first, second, same_phone)
    assert [decision.reason for decision in decisions] == ["allowed", "frequency_cap", "frequency_cap"]
    assert len(await world.rows("SELECT 1 FROM messages")) == 1


async def test_two_gates_at_once_contact_one_debtor_once(world: ContactWorld) -> None:
    rows = [
        await world.add_target(place, campaign=await world.add_campaign(name=f"{turn}"), phone=phone_of(place))
        for place in range(4)
        for turn in range(4)
    ]
    decided = await asyncio.gather(*(_decide(world, row) for row in rows))
    made = [decision.request.document for (decision,) in decided if decision.is_contact]
    assert sorted(made) == sorted(DOCUMENTS[:4])
    assert len(await world.rows("SELECT 1 FROM contacts")) == 4


async def test_group_of_a_hundred_is_decided_in_order(world: ContactWorld) -> None:
    rows = [await world.add_target(place, owes=place % 10 != 0) for place in range(100)]
    decisions = await _decide(world, *rows)
    assert [decision.request.target_id for decision in decisions] == [row.id for row in rows]
    assert [decision.reason for decision in decisions] == [
        "unknown_customer" if place % 10 == 0 else "allowed" for place in range(100)
    ]
    assert len(await world.rows("SELECT 1 FROM messages WHERE status = 'sending'")) == 90
    assert len(await world.rows("SELECT 1 FROM contact_decisions")) == 100


async def test_requests_of_the_same_moment_share_transactions(world: ContactWorld) -> None:
    rows = [await world.add_target(place) for place in range(30)]
    guard = world.guard()
    decisions = await asyncio.gather(*(guard.decide_one(world.request(row)) for row in rows))
    assert all(decision.is_contact for decision in decisions)
    transactions = await world.rows("SELECT DISTINCT xmin::text FROM contact_decisions")
    assert len(transactions) < 10


async def test_one_that_cannot_be_judged_is_put_off_and_holds_nobody_up(world: ContactWorld) -> None:
    rows = [await world.add_target(place) for place in range(3)]
    await world.execute(
        'UPDATE targets SET outcome_details = \'{"undeliverable": {}, "postponed": 1}\''  # odd, and no trouble
    )
    requests = [world.request(row) for row in rows]
    requests[1] = world.request(rows[1], client_name=cast("str", None))  # a bug of an engine
    decisions = await world.guard().decide(world.tenant_id, requests)
    assert [decision.reason for decision in decisions] == ["allowed", "internal", "allowed"]
    after = await world.target(rows[1].id)
    assert (after.state, after.locked_by, after.due_at) == (
        "scheduled", None, world.clock.now() + timedelta(minutes=15)
    )  # fmt: skip


# --- who comes first --------------------------------------------------------------------------------------------


async def _commit_while_the_gate_waits(world: ContactWorld, target: TargetRow, fact: str) -> tuple[str, str]:
    """Record a fact in a transaction that is open when the gate begins and commits only while it waits."""
    async with world.database.tenant(world.tenant_id) as connection:
        if fact == "payment":
            await put_customer_invoices(
                connection, tenant_id=world.tenant_id, document=MARIA, name="Maria", phone=None,
                new_invoices=[
                    NewInvoice(
                        number=f"FAT-{MARIA}", amount_cents=11990, due_on=TODAY - timedelta(days=41),
                        paid_at=world.clock.now(),
                    )
                ],
            )  # fmt: skip
        elif fact == "promise":
            await lock_debtor(connection, world.tenant_id, MARIA)
            await connection.execute(
                "INSERT INTO promises (tenant_id, id, protocol, document, contact_id, amount_cents, due_on, "
                "protected_until, created_at, updated_at) SELECT tenant_id, gen_random_uuid(), 'P1', document, "
                "(SELECT id FROM contacts LIMIT 1), 100, '2026-11-22', '2026-11-23T03:00Z', now(), now() FROM targets"
            )
        elif fact in ("opt_out", "opt_out_of_sms"):
            scope = "all" if fact == "opt_out" else "sms"
            (who,) = [row["id"] for row in await (await connection.execute("SELECT id FROM contacts")).fetchall()]
            await record_opt_out(
                connection, tenant_id=world.tenant_id, contact_id=who, scope=scope, reason="teste",
                now=world.clock.now(),
            )  # fmt: skip
        elif fact == "pause":
            await campaigns.lock(connection, world.campaign.id)
            await connection.execute("UPDATE campaigns SET status = 'paused'")
        elif fact == "inbound":
            await connection.execute("SELECT 1 FROM conversations FOR UPDATE")
            await connection.execute(
                "UPDATE conversations SET last_inbound_at = %(now)s, status = 'open'", {"now": world.clock.now()}
            )
        elif fact == "edit":
            await targets.lock(connection, [target.id])
            await connection.execute("UPDATE targets SET phone = '+5511999990007', match_key = '1199990007'")
        waiting = asyncio.create_task(_decide(world, target))
        await _until_blocked(world)
    (decision,) = await waiting
    return decision.verdict, decision.reason


async def _until_blocked(world: ContactWorld) -> None:
    """Return when some other session waits for a lock."""
    for _ in range(500):
        async with world.database.platform() as connection:
            cursor = await connection.execute(
                "SELECT count(*) AS waiting FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid "
                "WHERE NOT l.granted AND a.datname = current_database()"
            )
            row = await cursor.fetchone()
            if row and row["waiting"]:
                return
        await asyncio.sleep(0.01)
    raise AssertionError("the gate did not wait")


@pytest.mark.parametrize(
    ("fact", "expected"),
    [
        ("payment", ("skip", "already_paid")),
        ("promise", ("skip", "active_promise")),
        ("opt_out", ("skip", "target_not_due")),  # the opt-out ended the target itself
        ("pause", ("skip", "campaign_not_active")),
        ("inbound", ("postpone", "live_conversation")),
    ],
)
async def test_fact_committed_before_the_gates_own_commit_stops_the_contact(
    world: ContactWorld, fact: str, expected: tuple[str, str]
) -> None:
    await _write(world)
    await world.execute("UPDATE conversations SET last_inbound_at = '2026-11-01T12:00Z'")
    target = await world.add_target()
    assert await _commit_while_the_gate_waits(world, target, fact) == expected
    assert await world.rows("SELECT 1 FROM messages WHERE direction = 'out'") == []


async def test_refusal_of_one_medium_is_waited_for_too(world: ContactWorld) -> None:
    sms = await make_account(world.database, world.tenant_id, provider=Provider.TWILIO_SMS, external_id="+5511400012")
    campaign = await world.add_campaign(
        accounts=[sms], allowed_methods=[Method.SMS, Method.WHATSAPP], fallback_order=[Method.SMS]
    )
    await _write(world)
    await world.execute("UPDATE conversations SET last_inbound_at = '2026-11-01T12:00Z'")
    target = await world.add_target(campaign=campaign, method=Method.SMS)
    verdict, _ = await _commit_while_the_gate_waits(world, target, "opt_out_of_sms")
    assert verdict == "skip"
    assert await world.rows("SELECT 1 FROM messages WHERE direction = 'out'") == []


async def test_phone_edited_under_the_gate_is_the_one_contacted(world: ContactWorld) -> None:
    target = await world.add_target()
    assert await _commit_while_the_gate_waits(world, target, "edit") == ("contact", "allowed")
    (talk,) = await world.rows("SELECT address_value FROM conversations")
    assert talk["address_value"] == "+5511999990007"
    (row,) = await world.decisions(target.id)
    assert row.match_key == "1199990007"


async def test_two_gates_that_meet_in_a_circle_both_end(world: ContactWorld) -> None:
    rows = [await world.add_target(place) for place in range(40)]

    async def turn(part: list[TargetRow]) -> None:
        await _decide(world, *part)

    await asyncio.gather(turn(rows[:30]), turn(rows[::-1][:30]), turn(rows[10:]))
    assert len(await world.rows("SELECT 1 FROM messages")) == 40
    assert len(await world.rows("SELECT 1 FROM contact_decisions WHERE verdict = 'contact'")) == 40


# --- money ------------------------------------------------------------------------------------------------------


async def test_four_gates_keep_a_budget_to_the_cent(world: ContactWorld) -> None:
    await world.change_campaign(budget_cents=7 * 40 + 39)
    rows = [await world.add_target(place) for place in range(40)]
    guards = [world.guard() for _ in range(4)]
    decided = await asyncio.gather(
        *(guards[place % 4].decide_one(world.request(row)) for place, row in enumerate(rows))
    )
    assert sum(decision.is_contact for decision in decided) == 7
    assert {decision.reason for decision in decided} == {"allowed", "budget_exhausted", "campaign_not_active"}
    (campaign,) = await world.rows("SELECT spent_cents, status, pause_reason FROM campaigns")
    assert campaign == {"spent_cents": 280, "status": "paused", "pause_reason": "budget_exhausted"}
    (event,) = await world.rows("SELECT kind, data FROM events WHERE kind = 'campaign_paused'")
    assert event["data"] == {"campaignId": str(world.campaign.id), "reason": "budget_exhausted"}
    waiting = await world.rows("SELECT 1 FROM targets WHERE state = 'scheduled' AND locked_by IS NULL")
    assert len(waiting) == 33


# --- the CRM over HTTP --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("told", "problem", "reason"),
    [
        (statement(), None, "allowed"),
        (None, None, "crm_unavailable"),
        (None, "timeout", "crm_unavailable"),
        (None, "unknown_customer", "unknown_customer"),
        (statement(DOCUMENTS[1]), None, "crm_unavailable"),
        (DebtStatement(document=MARIA, customer_name="Maria", invoices=()), None, "already_paid"),
    ],
)
async def test_answer_of_the_crm(
    world: ContactWorld, told: DebtStatement | None, problem: str | None, reason: str
) -> None:
    world.is_ledger_used = False
    target = await world.add_target(owes=False)
    assert (await _one(world, target, statement=told, crm_problem=problem, asked_at=world.clock.now()))[1] == reason


async def test_answer_that_is_a_minute_old_is_no_answer(world: ContactWorld) -> None:
    world.is_ledger_used = False
    target = await world.add_target()
    asked_at = world.clock.now() - timedelta(minutes=1)
    assert await _one(world, target, statement=statement(), asked_at=asked_at) == ("postpone", "crm_unavailable")


async def test_silent_crm_is_asked_again_after_5_15_and_60_minutes(world: ContactWorld) -> None:
    world.is_ledger_used = False
    target = await world.add_target()
    waits = []
    for _ in range(4):
        await world.execute(f"UPDATE targets SET locked_by = '{WORKER}'")
        (decision,) = await _decide(world, target, crm_problem="timeout")
        assert decision.next_at is not None
        waits.append(int((decision.next_at - world.clock.now()).total_seconds()) // 60)
        assert decision.details == {"problem": "timeout"}
        world.clock.set(decision.next_at)
    assert waits == [5, 15, 60, 60]


# --- conversations and numbers -----------------------------------------------------------------------------------


async def test_silent_conversation_is_taken_up_again(world: ContactWorld) -> None:
    await _write(world)
    await world.execute("UPDATE conversations SET last_inbound_at = '2026-11-01T12:00Z'")
    target = await world.add_target()
    assert await _one(world, target) == ("contact", "allowed")
    (talk,) = await world.rows("SELECT * FROM conversations")
    assert (talk["status"], talk["assigned_agent"], talk["target_id"]) == ("waiting", "cobranca", target.id)
    assert len(await world.rows("SELECT 1 FROM contacts")) == 1


async def test_unanswered_turn_is_a_live_conversation(world: ContactWorld) -> None:
    await world.write_in(phone_of(0))
    await world.execute("UPDATE conversations SET last_inbound_at = '2026-11-01T12:00Z'")
    target = await world.add_target()
    assert await _one(world, target) == ("postpone", "live_conversation")


async def test_unreachable_address_takes_the_method_away(world: ContactWorld) -> None:
    await _write(world)
    await world.execute("UPDATE conversations SET last_inbound_at = '2026-11-01T12:00Z'")
    await world.execute("UPDATE addresses SET is_unreachable = true")
    target = await world.add_target()
    assert await _one(world, target) == ("skip", "no_usable_method")
    assert (await world.target(target.id)).outcome == "failed"


async def test_meta_number_needs_an_approved_template(world: ContactWorld) -> None:
    meta = await make_account(world.database, world.tenant_id, provider=Provider.META, external_id="301500000000001")
    template = await world.add_template(meta, status="pending")
    campaign = await world.add_campaign(accounts=[meta], template_id=template.id)
    target = await world.add_target(campaign=campaign)
    assert await _one(world, target) == ("postpone", "template_not_approved")
    await world.execute("UPDATE message_templates SET status = 'approved'")
    await world.execute(f"UPDATE targets SET due_at = '{world.clock.now()}', locked_by = '{WORKER}'")
    (decision,) = await _decide(world, target)
    assert decision.reason == "allowed"
    (message,) = await world.rows("SELECT kind, text, content FROM messages")
    assert message["text"] == "Olá, Maria! Aqui é da TR Telecom. Podemos conversar?"
    assert message["content"] == {
        "part": "template", "name": "primeiro_contato", "language": "pt_BR", "parameters": ["Maria", "TR Telecom"],
        "contentSid": "HX00000000000000000000000000000001",
    }  # fmt: skip


async def test_numbers_share_the_phones_and_a_stopped_one_is_left_out(world: ContactWorld) -> None:
    more = [await make_account(world.database, world.tenant_id, external_id=f"sim-{n}") for n in range(2)]
    campaign = await world.add_campaign(accounts=[world.account, *more])
    rows = [await world.add_target(place, campaign=campaign) for place in range(60)]
    decisions = await _decide(world, *rows)
    used = [decision.account_id for decision in decisions]
    assert set(used) == {world.account.id, *(account.id for account in more)}
    assert max(used.count(account) for account in set(used)) < 40
    await world.execute("UPDATE channel_accounts SET status = 'stopped' WHERE external_id <> 'sim-1'")
    later = await world.add_target(61, campaign=campaign)
    (decision,) = await _decide(world, later, account_id=world.account.id)
    assert decision.account_id == more[1].id


async def test_call_is_claimed_as_dialing(world: ContactWorld) -> None:
    voice = await make_account(world.database, world.tenant_id, external_id="voz")
    await world.execute("UPDATE channel_accounts SET medium = 'voice' WHERE external_id = 'voz'")
    campaign = await world.add_campaign(accounts=[voice], allowed_methods=[Method.VOICE])
    target = await world.add_target(campaign=campaign, method=Method.VOICE, phone="+551140001234")
    (decision,) = await _decide(world, target)
    assert (decision.reason, decision.message_id) == ("allowed", None)
    (call,) = await world.rows("SELECT * FROM calls")
    assert (call["id"], call["status"], call["phone"]) == (decision.call_id, "dialing", "+551140001234")
    after = await world.target(target.id)
    assert (after.state, after.attempt_count) == (TargetState.CALLING, 1)


async def test_unknown_contact_before_this_one_is_not_repeated(world: ContactWorld) -> None:
    target = await world.add_target()
    assert await _one(world, target) == ("contact", "allowed")
    world.clock.advance(days=4)  # Monday; the planner took it for unanswered while nobody judged the send
    await world.execute(
        f"UPDATE targets SET state = 'scheduled', outcome = 'no_answer', locked_by = '{WORKER}', due_at = '2026-11-23'"
    )
    assert await _one(world, target) == ("postpone", "target_not_due")
    await world.execute("UPDATE messages SET status = 'unknown'")
    await world.execute(f"UPDATE targets SET locked_by = '{WORKER}', due_at = '2026-11-23'")
    assert await _one(world, target) == ("postpone", "target_not_due")
    await world.execute("UPDATE messages SET status = 'delivered'")
    await world.execute(f"UPDATE targets SET locked_by = '{WORKER}', due_at = '2026-11-23'")
    assert await _one(world, target) == ("contact", "allowed")


async def test_target_that_was_deleted_leaves_no_trace(world: ContactWorld) -> None:
    target = await world.add_target()
    await world.execute("DELETE FROM targets")
    assert await _one(world, target) == ("skip", "target_not_due")
    assert await world.rows("SELECT 1 FROM contact_decisions") == []


async def test_campaign_of_another_tenant_is_not_seen(world: ContactWorld) -> None:
    target = await world.add_target()
    other = await make_tenant(world.database, "outra")
    (decision,) = await world.guard().decide(other, [world.request(target, tenant_id=other)])
    assert decision.reason == "target_not_due"
    assert (await world.target(target.id)).locked_by == WORKER


def test_account_choice_is_stable_and_prefers_the_number_known() -> None:
    accounts = [
        CampaignAccount(
            campaign_id=None, id=UUID(int=place), provider=Provider.META, medium=Medium.WHATSAPP, status="active",
            is_bot_enabled=True,
        )
        for place in range(3)
    ]  # fmt: skip
    chosen = choose_account(accounts, key="1199990001")
    assert choose_account(accounts[::-1], key="1199990001") == chosen
    assert choose_account(accounts, key="1199990001", talked_from={UUID(int=2)}) == accounts[2]
    assert choose_account([], key="1199990001") is None
