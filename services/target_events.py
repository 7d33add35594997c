"""What a promise, a payment, a refusal or a wrong number does to the targets of campaigns.

Called inside the transaction of whoever records the fact, after the debtors' locks, so that the gate sees the fact and
the targets as one. Each may be called again for the same fact (a turn is run again) and then changes nothing more.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID, uuid4

from domain.campaigns import (
    CampaignStatus,
    Method,
    Move,
    Standing,
    TargetOutcome,
    TargetState,
    after_broken_promise,
    after_claim,
    after_payment,
    after_promise,
    media_of,
)
from domain.contact_rules import Reason
from services.campaign_targets import method_made
from services.promise_protocols import protocol_of
from store import campaigns, contact_changes, contact_decisions, contacts, targets
from store.contact_decisions import NewDecision
from store.database import Connection
from store.targets import TargetRow

_EVERYTHING = "all"
_WAITING = (TargetState.PENDING, TargetState.SCHEDULED)
_REASONS: Mapping[TargetOutcome, Reason] = {
    TargetOutcome.PROMISE_MADE: Reason.ACTIVE_PROMISE,
    TargetOutcome.PAYMENT_CLAIMED: Reason.PAYMENT_CLAIMED,
    TargetOutcome.PAID: Reason.ALREADY_PAID,
    TargetOutcome.OPTED_OUT: Reason.OPTED_OUT,
    TargetOutcome.WRONG_PERSON: Reason.WRONG_PERSON,
}


async def promise_recorded(
    connection: Connection, *, tenant_id: UUID, document: str, protected_until: datetime, now: datetime
) -> None:
    """Let the debtor's targets rest, in every campaign, until the promised day is over."""
    for target, status in await _of_debtor(connection, document):
        move = after_promise(
            standing(target), protected_until=protected_until, is_campaign_over=status is CampaignStatus.COMPLETED
        )
        if move is not None:
            await _apply(connection, target, move, now=now, promised_at=target.promised_at or now)


async def payment_claimed(
    connection: Connection, *, tenant_id: UUID, document: str, hold_until: datetime, now: datetime
) -> None:
    """Let the debtor's targets rest while the payment may still arrive."""
    for target, status in await _of_debtor(connection, document):
        move = after_claim(standing(target), hold_until=hold_until, is_campaign_over=status is CampaignStatus.COMPLETED)
        if move is not None:
            await _apply(connection, target, move, now=now)


async def payment_confirmed(connection: Connection, *, tenant_id: UUID, document: str, now: datetime) -> None:
    """End the debtor's targets as paid: the CRM shows nothing open. The first time it was seen stays."""
    for target in await targets.of_debtor(connection, document):
        if target.paid_at is None or target.state is not TargetState.COMPLETED:
            await _apply(connection, target, after_payment(standing(target)), now=now, paid_at=target.paid_at or now)


async def promise_broken(connection: Connection, *, tenant_id: UUID, document: str, now: datetime) -> None:
    """Bring back to `pending` the targets whose debtor promised and did not pay (spec 3.7)."""
    for target, status in await _of_debtor(connection, document, wakes=True):
        if target.promised_at is None and target.outcome is not TargetOutcome.PROMISE_MADE:  # came after it
            continue
        move = after_broken_promise(standing(target), is_campaign_over=status is CampaignStatus.COMPLETED, now=now)
        if move is not None:
            await _apply(connection, target, move, now=now)
            if move.state is TargetState.PENDING:
                await campaigns.wake(connection, target.campaign_id, now)


async def opted_out(
    connection: Connection, *, tenant_id: UUID, contact_id: UUID, now: datetime, scope: str = _EVERYTHING
) -> None:
    """End the targets of a person who wants no contact; who refuses one medium only is planned for the others."""
    held = await targets.of_contact(connection, contact_id)
    if scope == _EVERYTHING:
        for target in held:
            move = Move(state=TargetState.COMPLETED, outcome=TargetOutcome.OPTED_OUT, due_at=None)
            await _apply(connection, target, move, now=now)
        return
    refused = [str(method) for method in Method if scope in {medium.value for medium in media_of(method)}]
    changed = [target for target in held if not set(refused) <= set(undeliverable(target.outcome_details))]
    await campaigns.statuses(connection, [target.campaign_id for target in changed], wakes=True)
    for target in changed:
        details = {"undeliverable": sorted({*undeliverable(target.outcome_details), *refused})}
        is_planned = target.state is TargetState.SCHEDULED and target.method in refused
        move = Move(
            state=TargetState.PENDING if is_planned else target.state, outcome=target.outcome,
            due_at=now if is_planned else target.due_at,
        )  # fmt: skip
        await _apply(connection, target, move, now=now, details=details)
        if is_planned:
            await campaigns.wake(connection, target.campaign_id, now)


async def wrong_person(
    connection: Connection, *, tenant_id: UUID, contact_id: UUID, now: datetime, conversation_id: UUID | None = None
) -> str:
    """Part this person's phones from the debtors looked for there, for good; give the protocol (compliance 3).

    In a campaign's conversation it is the debtor of that campaign, else everybody whom campaigns look for there.
    """
    keys = {row.match_key for row in await contacts.addresses_of(connection, contact_id) if row.match_key}
    held = [target for target in await targets.of_contact(connection, contact_id) if target.match_key in keys]
    documents = {target.document for target in held}
    own = await contact_changes.document_of(connection, contact_id)
    documents |= {own} if own else set()
    asked = None if conversation_id is None else await targets.document_of_conversation(connection, conversation_id)
    if asked is not None:
        documents = {asked}
    protocols = {
        (document, key): await targets.put_wrong_number(
            connection, tenant_id=tenant_id, document=document, match_key=key, now=now,
            protocol=_wrong_number_protocol(tenant_id, document, key),
        )
        for document in sorted(documents)
        for key in sorted(keys)
    }  # fmt: skip
    for target in held:
        protocol = protocols.get((target.document, target.match_key))
        if protocol is not None:
            move = Move(state=TargetState.COMPLETED, outcome=TargetOutcome.WRONG_PERSON, due_at=None)
            await _apply(connection, target, move, now=now, details={"protocol": protocol})
    return next(iter(protocols.values()), _wrong_number_protocol(tenant_id, str(contact_id), ""))


def standing(target: TargetRow) -> Standing:
    """Give what of a target decides its next move."""
    return Standing(
        state=target.state, outcome=target.outcome, attempt_count=target.attempt_count,
        last_attempt_at=target.last_attempt_at, due_at=target.due_at,
    )  # fmt: skip


def undeliverable(details: Mapping[str, object]) -> list[str]:
    """List the methods that are known not to reach this phone, or that its holder refused."""
    methods = details.get("undeliverable")
    return [method for method in methods if isinstance(method, str)] if isinstance(methods, list) else []


def _wrong_number_protocol(tenant_id: UUID, document: str, match_key: str) -> str:
    return "N" + protocol_of("wrong_number", tenant_id, document, match_key)[1:]


async def _of_debtor(
    connection: Connection, document: str, *, wakes: bool = False
) -> Sequence[tuple[TargetRow, CampaignStatus]]:
    """Hold a debtor's targets, then their campaigns: none is completed under a target that comes back to life."""
    held = await targets.of_debtor(connection, document)
    if not held:
        return []
    statuses = await campaigns.statuses(connection, [target.campaign_id for target in held], wakes=wakes)
    return [(target, statuses[target.campaign_id]) for target in held if target.campaign_id in statuses]


async def _apply(
    connection: Connection, target: TargetRow, move: Move, *, now: datetime, promised_at: datetime | None = None,
    paid_at: datetime | None = None, details: Mapping[str, object] | None = None,
) -> None:  # fmt: skip
    await _note(connection, target, move, now)
    await targets.change(
        connection, target, state=move.state, outcome=move.outcome,
        details={**target.outcome_details, **(details or {})}, method=await method_made(connection, target, move.state),
        due_at=move.due_at, now=now, promised_at=promised_at, paid_at=paid_at, is_new_round=move.is_new_round,
    )  # fmt: skip


async def _note(connection: Connection, target: TargetRow, move: Move, now: datetime) -> None:
    """Write down why a contact that was waiting is not made: the gate will not be asked about it."""
    reason = _REASONS.get(move.outcome) if move.outcome else None
    if reason is None or target.state not in _WAITING or move.state in _WAITING:
        return
    decision = NewDecision(
        id=uuid4(), engine="campaign", document=target.document, match_key=target.match_key, method=target.method,
        verdict="postpone" if reason is Reason.PAYMENT_CLAIMED else "skip", reason=reason, decided_at=now,
        campaign_id=target.campaign_id, target_id=target.id, contact_id=target.contact_id,
        details={"nextAt": move.due_at.isoformat()} if move.due_at else {},
    )  # fmt: skip
    await contact_decisions.insert(connection, target.tenant_id, [decision])
