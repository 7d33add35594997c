"""Write what a turn planned, inside the transaction that commits the turn (ADR 2)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid5

from domain.effects import (
    CancelCall,
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
    RequestCall,
    SaveContactField,
)
from domain.tenants import Tenant
from services import target_events
from services.call_requests import cancel_open
from services.kanban import find_stage
from services.opt_out import record_opt_out
from services.plain_text import tidy, tidy_line
from services.promise_dates import promise_dates
from store import call_requests, contact_changes, conversations, effect_log, kanban, payment_claims, promises, targets
from store.database import Connection
from store.locks import lock_debtor

_TEXT_LIMIT = 500


@dataclass(frozen=True, kw_only=True, slots=True)
class _Turn:
    tenant: Tenant
    contact_id: UUID
    conversation_id: UUID
    turn_seq: int
    now: datetime

    def id_of(self, *what: object) -> UUID:
        return effect_id(self.conversation_id, self.turn_seq, *what)


def effect_id(conversation_id: UUID, turn_seq: int, *what: object) -> UUID:
    """Name a row by what it is and by the turn, so that a second run of the turn replaces it (design: the turn)."""
    return uuid5(conversation_id, ":".join(map(str, (turn_seq, *what))))


async def apply_effects(
    connection: Connection, effects: Sequence[Effect], *, tenant: Tenant, contact_id: UUID, conversation_id: UUID,
    turn_seq: int, now: datetime,
) -> None:  # fmt: skip
    """Write all effects in their order. Takes the locks of the debtors they touch first, in one order."""
    turn = _Turn(tenant=tenant, contact_id=contact_id, conversation_id=conversation_id, turn_seq=turn_seq, now=now)
    for document in await _debtors(connection, effects, contact_id):
        await lock_debtor(connection, tenant.id, document)
    for place, effect in enumerate(effects):
        await _apply(connection, effect, turn, place)


async def _debtors(connection: Connection, effects: Sequence[Effect], contact_id: UUID) -> list[str]:
    documents = {e.document for e in effects if isinstance(e, RecordPromise | ClaimPayment | ConfirmPayment)}
    if any(isinstance(effect, OptOut | MarkWrongPerson | HandOff) for effect in effects):
        documents.update(await targets.debtors_of_contact(connection, contact_id))
    return sorted(documents)


async def _apply(connection: Connection, effect: Effect, turn: _Turn, place: int) -> None:
    match effect:
        case RecordPromise():
            await _record_promise(connection, effect, turn)
        case ClaimPayment():
            await _claim_payment(connection, effect, turn)
        case ConfirmPayment():
            await promises.fulfill_pending(connection, effect.document, now=turn.now)
            await payment_claims.confirm_open(connection, effect.document)
            await target_events.payment_confirmed(
                connection, tenant_id=turn.tenant.id, document=effect.document, now=turn.now
            )
        case ConfirmIdentity():
            await _confirm_identity(connection, effect, turn)
        case CountIdentityTry():
            if await _note(connection, turn, "identity_try_failed", "info", place):
                await contact_changes.count_try(connection, turn.contact_id, on=effect.on, now=turn.now)
        case HandOff():
            reason = tidy(effect.reason, limit=_TEXT_LIMIT)
            await conversations.hand_off(connection, turn.conversation_id, reason=reason, now=turn.now)
            await _note(connection, turn, "handed_off", "warning")
        case OptOut():
            await _opt_out(connection, effect, turn)
        case MarkWrongPerson():
            await target_events.wrong_person(
                connection, tenant_id=turn.tenant.id, contact_id=turn.contact_id, now=turn.now,
                conversation_id=turn.conversation_id,
            )  # fmt: skip
            await contact_changes.unlink_document(connection, turn.contact_id, now=turn.now)
            await _note(connection, turn, "wrong_person", "warning")
        case MoveCard():
            await _move_card(connection, effect, turn)
        case SaveContactField():
            value = tidy(effect.value, limit=_TEXT_LIMIT)
            await contact_changes.save_field(connection, turn.contact_id, name=effect.name, value=value, now=turn.now)
        case RequestCall():
            await _request_call(connection, effect, turn)
        case CancelCall():
            await cancel_open(connection, turn.contact_id, now=turn.now)
        case NoteFacts():
            facts = {tidy_line(k, limit=60): tidy(v, limit=_TEXT_LIMIT) for k, v in effect.facts.items()}
            await contact_changes.merge_facts(connection, turn.contact_id, facts, now=turn.now)


async def _record_promise(connection: Connection, effect: RecordPromise, turn: _Turn) -> None:
    promise_id = promise_id_of(turn.conversation_id, turn.turn_seq, effect.document)
    dates = await promise_dates(
        connection, tenant=turn.tenant, contact_id=turn.contact_id, due_on=effect.due_on, now=turn.now
    )
    await promises.renegotiate_pending(connection, effect.document, replaced_by=promise_id, now=turn.now)
    row = promises.PromiseRow(
        id=promise_id,
        protocol=effect.protocol,
        document=effect.document,
        contact_id=turn.contact_id,
        conversation_id=turn.conversation_id,
        turn_seq=turn.turn_seq,
        amount_cents=effect.amount_cents,
        due_on=effect.due_on,
        protected_until=dates.protected_until,
        method=effect.method,
        notes=effect.notes,
        status="pending",
        replaced_by=None,
        created_at=turn.now,
        updated_at=turn.now,
        debt_cents=effect.debt_cents,
        invoices=effect.invoices,
        review_due_at=dates.review_due_at,
        reminder_due_at=dates.reminder_due_at,
    )
    await promises.put(connection, turn.tenant.id, row)
    await target_events.promise_recorded(
        connection, tenant_id=turn.tenant.id, document=effect.document, protected_until=row.protected_until,
        now=turn.now,
    )  # fmt: skip


def promise_id_of(conversation_id: UUID, turn_seq: int, document: str) -> UUID:
    """Name the promise that a turn records for a document."""
    return effect_id(conversation_id, turn_seq, "promise", document)


async def _claim_payment(connection: Connection, effect: ClaimPayment, turn: _Turn) -> None:
    row = payment_claims.ClaimRow(
        id=turn.id_of("payment_claim", effect.document),
        document=effect.document,
        contact_id=turn.contact_id,
        conversation_id=turn.conversation_id,
        notes=effect.notes,
        hold_until=effect.hold_until,
        status="open",
        created_at=turn.now,
    )
    await payment_claims.refute_expired(connection, effect.document, renewed_by=row.id, now=turn.now)
    await payment_claims.put(connection, turn.tenant.id, row)
    await target_events.payment_claimed(
        connection, tenant_id=turn.tenant.id, document=effect.document, hold_until=effect.hold_until, now=turn.now
    )


async def _confirm_identity(connection: Connection, effect: ConfirmIdentity, turn: _Turn) -> None:
    is_linked = await contact_changes.confirm_document(
        connection, turn.contact_id, document=effect.document, name=effect.customer_name, now=turn.now
    )
    await _note(connection, turn, "identity_confirmed", "info")
    if not is_linked:
        await _note(connection, turn, "document_conflict", "warning")


async def _request_call(connection: Connection, effect: RequestCall, turn: _Turn) -> None:
    row = call_requests.NewCallRequest(
        id=turn.id_of("call_request"), contact_id=turn.contact_id, conversation_id=turn.conversation_id,
        phone=effect.phone, reason=tidy(effect.reason, limit=_TEXT_LIMIT), wanted_at=effect.wanted_at,
    )  # fmt: skip
    if await call_requests.put(connection, turn.tenant.id, row, now=turn.now) is None:
        await _note(connection, turn, "call_request_too_late", "info")  # the phone rings already


async def _opt_out(connection: Connection, effect: OptOut, turn: _Turn) -> None:
    await record_opt_out(
        connection, tenant_id=turn.tenant.id, contact_id=turn.contact_id, scope=effect.scope,
        reason=tidy(effect.reason, limit=_TEXT_LIMIT), now=turn.now,
    )  # fmt: skip


async def _move_card(connection: Connection, effect: MoveCard, turn: _Turn) -> None:
    stages = await kanban.stages(connection)
    cards = await kanban.cards_of(connection, turn.contact_id)
    stage = find_stage(stages, cards, effect.stage)
    if stage is None:  # an operator removed it meanwhile
        await _note(connection, turn, "card_stage_missing", "warning")
        return
    card = next((card for card in cards if card.board_id == stage.board_id), None)
    contact = await contact_changes.name_of(connection, turn.contact_id)
    card_id = await kanban.put_card(
        connection, tenant_id=turn.tenant.id, stage=stage, contact_id=turn.contact_id,
        title=contact or "Cliente", now=turn.now,
    )  # fmt: skip
    if card is None or card.stage_id != stage.id:
        move = kanban.MoveRow(
            id=turn.id_of("card_move", stage.board_id),
            card_id=card_id,
            from_stage_id=card.stage_id if card else None,
            to_stage_id=stage.id,
            reason=tidy(effect.reason, limit=_TEXT_LIMIT),
            moved_by=effect.moved_by,
            moved_at=turn.now,
        )
        await kanban.put_move(connection, turn.tenant.id, move)


async def _note(connection: Connection, turn: _Turn, kind: str, severity: effect_log.Severity, *what: object) -> bool:
    """Put a line into the tenant's event log once per turn; say whether it is new."""
    return await effect_log.record_once(
        connection, tenant_id=turn.tenant.id, event_id=turn.id_of(kind, *what), kind=kind, severity=severity,
        conversation_id=turn.conversation_id, data={"contact_id": str(turn.contact_id)}, now=turn.now,
    )  # fmt: skip
