"""What becomes of a contact after the gate let it go: surely not made, or made after all."""

from datetime import datetime
from uuid import UUID

from domain.campaigns import Method, TargetOutcome, TargetState
from domain.messages import DeliveryStatus, ErrorClass
from services.contact_guard import pause_campaign
from services.contact_targets import not_made
from store import campaigns, contact_decisions, contact_writes, targets
from store.contact_decisions import DecisionRow
from store.database import Connection
from store.messages import MessageRow
from store.targets import TargetRow

_PROACTIVE = frozenset({"campaign", "system"})
_WAITING = (TargetOutcome.SENT, TargetOutcome.UNKNOWN)


async def take_back_message(
    connection: Connection, message_id: UUID, *, error_class: ErrorClass | None, code: str, now: datetime,
    retry_at: datetime | None = None,
) -> None:  # fmt: skip
    """Void the contact of a message that the provider surely did not take; its target goes on. Idempotent."""
    decision = await contact_decisions.void_by_message(connection, message_id, now=now)
    if decision is not None:
        await _take_back(connection, decision, error_class=error_class, code=code, now=now, retry_at=retry_at)


async def take_back_call(
    connection: Connection, call_id: UUID, *, error_class: ErrorClass | None, code: str, now: datetime,
    retry_at: datetime | None = None,
) -> None:  # fmt: skip
    """The same for a call that was surely not placed."""
    decision = await contact_decisions.void_by_call(connection, call_id, now=now)
    if decision is not None:
        await _take_back(connection, decision, error_class=error_class, code=code, now=now, retry_at=retry_at)


async def note_status(
    connection: Connection, message: MessageRow, status: DeliveryStatus, *, error_class: ErrorClass | None, code: str,
    now: datetime,
) -> None:  # fmt: skip
    """Follow what a provider says later of a message that opened a contact."""
    if message.author not in _PROACTIVE:
        return
    if status is DeliveryStatus.FAILED:
        await take_back_message(connection, message.id, error_class=error_class, code=code, now=now)
    elif message.status == DeliveryStatus.UNKNOWN:
        await contact_writes.mark_targets_sent(connection, [message.id], now=now)


async def _take_back(
    connection: Connection, decision: DecisionRow, *, error_class: ErrorClass | None, code: str, now: datetime,
    retry_at: datetime | None,
) -> None:  # fmt: skip
    if decision.target_id is None or decision.campaign_id is None:
        return
    held = await targets.lock(connection, [decision.target_id])
    campaign = await campaigns.by_id(connection, decision.campaign_id)
    if campaign is None:
        return
    for target in held:
        if _is_newest(target, decision):
            last = await contact_decisions.last_method(connection, target.id)
            changed = not_made(
                target, campaign, error_class=error_class, last_method=Method(last) if last else None, now=now,
                retry_at=retry_at,
            )  # fmt: skip
            await contact_writes.targets(connection, decision.tenant_id, [changed], now=now)
            if changed.due_at is not None:
                await campaigns.wake(connection, campaign.id, changed.due_at)
    await contact_writes.give_back(connection, campaign.id, decision.cost_cents)
    if error_class is ErrorClass.CONTENT:
        # Every other contact of the campaign would be refused the same way.
        await pause_campaign(
            connection, decision.tenant_id, campaign.id, reason=f"provider refused the content ({code})", now=now
        )


def _is_newest(target: TargetRow, decision: DecisionRow) -> bool:
    """Tell whether the target still waits for what came of this very contact."""
    if target.last_attempt_at != decision.decided_at:
        return False
    if target.state is TargetState.CALLING:
        return True
    return target.state is TargetState.CONTACTED and target.outcome in _WAITING
