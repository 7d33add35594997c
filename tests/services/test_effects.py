"""Effects are written in the turn's transaction, once, however often the turn is run."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from uuid import uuid4

import pytest

from domain.effects import (
    ClaimPayment,
    ConfirmIdentity,
    ConfirmPayment,
    CountIdentityTry,
    Effect,
    HandOff,
    MarkWrongPerson,
    MoveCard,
    NoteFacts,
    OptOut,
    RecordPromise,
    SaveContactField,
)
from domain.messages import Address, AddressKind
from services.effects import apply_effects
from store import contact_changes, contacts, conversations, events, kanban, opt_outs, payment_claims, promises, turns
from store.contacts import ContactRow
from store.database import Connection
from store.locks import lock_debtor
from tests.business_world import JOAO, MARIA, World
from tests.fakes_clock import DEFAULT_NOW

DUE = date(2026, 11, 27)


def promise(
    protocol: str = "P234678", *, document: str = MARIA, cents: int = 11990, due_on: date = DUE
) -> RecordPromise:
    return RecordPromise(protocol=protocol, document=document, amount_cents=cents, due_on=due_on, method="Pix")


async def apply(world: World, *effects: Effect, seq: int = 1, now: datetime = DEFAULT_NOW) -> None:
    async with world.database.tenant(world.tenant.id) as connection:
        await apply_effects(
            connection, effects, tenant=world.tenant, contact_id=world.contact_id,
            conversation_id=world.conversation_id, turn_seq=seq, now=now,
        )  # fmt: skip


async def promises_of(world: World, document: str = MARIA) -> list[promises.PromiseRow]:
    async with world.database.tenant(world.tenant.id) as connection:
        return await promises.of_document(connection, document)


async def contact_of(world: World) -> ContactRow:
    async with world.database.tenant(world.tenant.id) as connection:
        row = await contacts.by_id(connection, world.contact_id)
    assert row is not None
    return row


async def event_kinds(world: World) -> list[object]:
    async with world.database.tenant(world.tenant.id) as connection:
        return [event["kind"] for event in await events.newest(connection, limit=50)]


async def test_promise_protects_through_the_whole_local_day(world: World) -> None:
    await apply(world, promise())
    (row,) = await promises_of(world)
    assert (row.status, row.amount_cents, row.due_on, row.protocol) == ("pending", 11990, DUE, "P234678")
    assert row.protected_until == datetime(2026, 11, 28, 3, 0, tzinfo=UTC)
    assert row.contact_id == world.contact_id
    assert row.conversation_id == world.conversation_id


async def test_new_promise_makes_the_pending_one_renegotiated(world: World) -> None:
    await apply(world, promise("P222222"), seq=1)
    await apply(world, promise("P333333", cents=5000), seq=2, now=DEFAULT_NOW + timedelta(hours=1))
    old, new = await promises_of(world)
    assert (old.status, new.status) == ("renegotiated", "pending")
    assert old.replaced_by == new.id


async def test_promises_of_two_documents_do_not_touch_each_other(world: World) -> None:
    await apply(world, promise("P222222"), promise("P333333", document=JOAO))
    assert [row.status for row in await promises_of(world)] == ["pending"]
    assert [row.status for row in await promises_of(world, JOAO)] == ["pending"]


async def test_turn_run_again_replaces_its_promise(world: World) -> None:
    await apply(world, promise("P222222"), seq=4)
    await apply(world, promise("P333333", cents=5000, due_on=date(2026, 11, 30)), seq=4)
    (row,) = await promises_of(world)
    assert (row.protocol, row.amount_cents, row.status) == ("P333333", 5000, "pending")
    assert row.protected_until == datetime(2026, 12, 1, 3, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    "effects",
    [
        (promise(), MoveCard(stage="Fechado", reason="ok", moved_by="agent")),
        (CountIdentityTry(on=date(2026, 11, 20)), CountIdentityTry(on=date(2026, 11, 20))),
        (OptOut(scope="all", reason="pediu"), HandOff(reason="pediu")),
        (ClaimPayment(document=MARIA, hold_until=DEFAULT_NOW), NoteFacts(facts={"sentimento": "calmo"})),
        (MarkWrongPerson(reason="disse"), SaveContactField(name="email", value="a@b.example")),
        (ConfirmIdentity(document=MARIA, customer_name="Maria"), ConfirmPayment(document=MARIA)),
    ],
)
async def test_same_effects_twice_leave_what_once_leaves(world: World, effects: Sequence[Effect]) -> None:
    await _make_board(world)
    await apply(world, *effects, seq=3)
    once = await _everything(world)
    await apply(world, *effects, seq=3)
    assert await _everything(world) == once


async def _everything(world: World) -> list[object]:
    """Give all that effects can change."""
    found: list[object] = [
        await promises_of(world),
        await contact_of(world),
        sorted(map(str, await event_kinds(world))),
    ]
    async with world.database.tenant(world.tenant.id) as connection:
        found.append(await payment_claims.of_document(connection, MARIA))
        found.append(await opt_outs.live_of(connection, world.contact_id))
        found.append(await conversations.by_id(connection, world.conversation_id))
        for card in await kanban.cards_of(connection, world.contact_id):
            found += [card, await kanban.history(connection, card.id)]
    return found


async def _make_board(world: World) -> None:
    async with world.database.tenant(world.tenant.id) as connection:
        board = await kanban.put_board(connection, tenant_id=world.tenant.id, board_id=uuid4(), name="Vendas")
        await kanban.put_stages(
            connection, tenant_id=world.tenant.id, board_id=board, names=["Novo", "Proposta enviada", "Fechado"]
        )


async def test_card_is_made_then_moved_and_keeps_its_history(world: World) -> None:
    await _make_board(world)
    await apply(world, MoveCard(stage="Novo", reason="chegou", moved_by="agent"), seq=1)
    later = DEFAULT_NOW + timedelta(minutes=5)
    await apply(world, MoveCard(stage="proposta  ENVIADA", reason="pediu", moved_by="agent"), seq=2, now=later)
    await apply(world, MoveCard(stage="Proposta enviada", reason="de novo", moved_by="agent"), seq=3, now=later)
    async with world.database.tenant(world.tenant.id) as connection:
        (card,) = await kanban.cards_of(connection, world.contact_id)
        history = await kanban.history(connection, card.id)
        stages = {stage.id: stage.name for stage in await kanban.stages(connection)}
    assert (card.title, card.stage) == ("Maria da Silva", "Proposta enviada")
    assert [(stages.get(move.from_stage_id), stages[move.to_stage_id]) for move in history if move.from_stage_id] == [
        ("Novo", "Proposta enviada")
    ]
    assert [move.reason for move in history] == ["chegou", "pediu"]


async def test_stage_that_was_removed_meanwhile_does_not_stop_the_turn(world: World) -> None:
    await apply(world, MoveCard(stage="Novo", reason="chegou", moved_by="agent"), promise())
    assert len(await promises_of(world)) == 1
    assert "card_stage_missing" in await event_kinds(world)


async def test_confirmed_identity_links_the_document_and_forgets_the_tries(world: World) -> None:
    await apply(world, CountIdentityTry(on=date(2026, 11, 20)), CountIdentityTry(on=date(2026, 11, 20)), seq=1)
    assert (await contact_of(world)).identity_tries == 2
    await apply(world, ConfirmIdentity(document=MARIA, customer_name="Maria da Silva"), seq=2)
    row = await contact_of(world)
    assert (row.document, row.identity_tries, row.identity_tries_on) == (MARIA, 0, None)


async def test_tries_start_anew_on_another_day(world: World) -> None:
    await apply(world, CountIdentityTry(on=date(2026, 11, 20)), CountIdentityTry(on=date(2026, 11, 20)), seq=1)
    await apply(world, CountIdentityTry(on=date(2026, 11, 21)), seq=2)
    row = await contact_of(world)
    assert (row.identity_tries, row.identity_tries_on) == (1, date(2026, 11, 21))


async def test_known_document_is_not_replaced_by_another(world: World) -> None:
    await apply(world, ConfirmIdentity(document=MARIA, customer_name="Maria"), seq=1)
    await apply(world, ConfirmIdentity(document=JOAO, customer_name="João"), seq=2)
    assert (await contact_of(world)).document == MARIA
    assert "document_conflict" in await event_kinds(world)


async def test_opt_out_of_the_same_person_on_another_address_comes_along(world: World) -> None:
    other = uuid4()
    async with world.database.tenant(world.tenant.id) as connection:
        await contacts.insert(connection, tenant_id=world.tenant.id, contact_id=other, name="Maria", document=MARIA)
        await contact_changes.opt_out(connection, other, now=DEFAULT_NOW)
    await apply(world, ConfirmIdentity(document=MARIA, customer_name="Maria"), now=DEFAULT_NOW + timedelta(days=1))
    assert (await contact_of(world)).opted_out_at == DEFAULT_NOW


async def test_opt_out_of_all_marks_the_contact_and_of_one_medium_only_notes_it(world: World) -> None:
    await apply(world, OptOut(scope="sms", reason="pediu"), seq=1)
    assert (await contact_of(world)).opted_out_at is None
    await apply(world, OptOut(scope="all", reason="pediu"), seq=2)
    assert (await contact_of(world)).opted_out_at == DEFAULT_NOW
    async with world.database.tenant(world.tenant.id) as connection:
        assert {row.scope for row in await opt_outs.live_of(connection, world.contact_id)} == {"sms", "all"}


async def test_handoff_silences_the_bot_and_tells_the_operators(world: World) -> None:
    await apply(world, HandOff(reason="quer falar com gente"))
    async with world.database.tenant(world.tenant.id) as connection:
        row = await conversations.by_id(connection, world.conversation_id)
    assert row is not None
    assert (row.handler, row.handoff_reason, row.turn_due_at) == ("human", "quer falar com gente", None)
    assert row.handed_off_at == DEFAULT_NOW
    assert await event_kinds(world) == ["handed_off"]


async def _person(connection: Connection, world: World) -> turns.PersonRow | None:
    return await turns.person(
        connection, world.contact_id, conversation_id=world.conversation_id, since=DEFAULT_NOW, is_call=False
    )


async def test_wrong_person_is_no_longer_linked_by_the_phone(world: World) -> None:
    address = Address(kind=AddressKind.PHONE, value="+5511999990001")
    async with world.database.tenant(world.tenant.id) as connection:
        await contacts.add_address(
            connection, tenant_id=world.tenant.id, contact_id=world.contact_id, address=address,
            match_key="1199990001",
        )  # fmt: skip
        before = await _person(connection, world)
    await apply(world, MarkWrongPerson(reason="não conheço"))
    async with world.database.tenant(world.tenant.id) as connection:
        after = await _person(connection, world)
    assert before is not None
    assert after is not None
    assert (before.match_keys, after.match_keys) == (["1199990001"], [])


async def test_wrong_person_loses_the_document(world: World) -> None:
    await apply(world, ConfirmIdentity(document=MARIA, customer_name="Maria"), seq=1)
    await apply(world, MarkWrongPerson(reason="não é ela"), seq=2)
    assert (await contact_of(world)).document is None
    assert "wrong_person" in await event_kinds(world)


async def test_paid_fulfils_the_promise_and_confirms_the_claim(world: World) -> None:
    await apply(world, promise(), ClaimPayment(document=MARIA, hold_until=DEFAULT_NOW), seq=1)
    await apply(world, ConfirmPayment(document=MARIA), seq=2)
    assert [row.status for row in await promises_of(world)] == ["fulfilled"]
    async with world.database.tenant(world.tenant.id) as connection:
        assert [row.status for row in await payment_claims.of_document(connection, MARIA)] == ["confirmed"]


async def test_second_claim_renews_the_open_one(world: World) -> None:
    await apply(
        world, ClaimPayment(document=MARIA, hold_until=DEFAULT_NOW + timedelta(days=1), notes="pix ontem"), seq=1
    )
    longer = DEFAULT_NOW + timedelta(days=2)
    await apply(world, ClaimPayment(document=MARIA, hold_until=longer), seq=2)
    async with world.database.tenant(world.tenant.id) as connection:
        (claim,) = await payment_claims.of_document(connection, MARIA)
    assert (claim.hold_until, claim.notes) == (longer, "pix ontem")


async def test_claim_whose_hold_is_over_is_refuted_by_the_next(world: World) -> None:
    await apply(world, ClaimPayment(document=MARIA, hold_until=DEFAULT_NOW), seq=1)
    await apply(world, ClaimPayment(document=MARIA, hold_until=DEFAULT_NOW + timedelta(days=3)), seq=2)
    async with world.database.tenant(world.tenant.id) as connection:
        claims = await payment_claims.of_document(connection, MARIA)
    assert sorted(claim.status for claim in claims) == ["open", "refuted"]


async def test_facts_and_fields_are_merged(world: World) -> None:
    await apply(
        world,
        NoteFacts(facts={"sentimento": "bravo", "cidade": "SP"}),
        SaveContactField(name="email", value="a@b.example"),
    )
    await apply(
        world, NoteFacts(facts={"sentimento": "calmo"}), SaveContactField(name="endereco", value="Rua A\x00, 1"), seq=2
    )
    row = await contact_of(world)
    assert row.facts == {"sentimento": "calmo", "cidade": "SP"}
    assert row.custom_fields == {"email": "a@b.example", "endereco": "Rua A, 1"}


async def test_rolled_back_turn_leaves_nothing(world: World) -> None:
    with pytest.raises(RuntimeError):
        await _apply_and_crash(world)
    assert await promises_of(world) == []
    assert await event_kinds(world) == []


async def _apply_and_crash(world: World) -> None:
    async with world.database.tenant(world.tenant.id) as connection:
        await apply_effects(
            connection, (promise(), HandOff(reason="x")), tenant=world.tenant, contact_id=world.contact_id,
            conversation_id=world.conversation_id, turn_seq=1, now=DEFAULT_NOW,
        )  # fmt: skip
        raise RuntimeError


async def test_promise_waits_for_whoever_holds_the_debtor(world: World) -> None:
    async with world.database.tenant(world.tenant.id) as connection:
        await lock_debtor(connection, world.tenant.id, MARIA)
        writing = asyncio.create_task(apply(world, promise()))
        done, _ = await asyncio.wait({writing}, timeout=0.2)
        assert not done
        assert await promises.of_document(connection, MARIA) == []
    await writing
    assert len(await promises_of(world)) == 1


async def test_two_promises_at_once_leave_one_pending(world: World) -> None:
    await asyncio.gather(*(apply(world, promise(f"P{seq}"), seq=seq) for seq in range(1, 5)))
    statuses = sorted(row.status for row in await promises_of(world))
    assert statuses == ["pending", "renegotiated", "renegotiated", "renegotiated"]
