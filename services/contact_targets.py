"""What becomes of a target, or of a call asked for, when the gate has decided, and of contacts that were not made."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from uuid import UUID

from domain.call_requests import PATIENCE, RequestState
from domain.campaigns import Method, TargetOutcome, TargetState, method_order, next_method
from domain.contact_rules import EVERY_SCOPE, Judgement, Reason, usable_methods
from domain.messages import ErrorClass
from domain.phones import is_mobile
from store.call_requests import CallRequestRow, ChangedRequest
from store.campaigns import CampaignRow
from store.contact_writes import ChangedTarget
from store.targets import TargetRow

UNDELIVERABLE = "undeliverable"
POSTPONED = "postponed"
_ENDS: Mapping[Reason, TargetOutcome] = {
    Reason.ALREADY_PAID: TargetOutcome.PAID,
    Reason.OPTED_OUT: TargetOutcome.OPTED_OUT,
    Reason.WRONG_PERSON: TargetOutcome.WRONG_PERSON,
    Reason.UNKNOWN_CUSTOMER: TargetOutcome.UNKNOWN_CUSTOMER,
    Reason.NUMBER_NOT_CONTACTABLE: TargetOutcome.FAILED,
}
_STOPPED_PAUSE = timedelta(hours=1)
_CAP_PAUSE = timedelta(hours=24)  # Meta: no second try within a day
# A refusal after the gate said yes: the next try meets the frequency cap and the hours again, so minutes do.
_RETRY_PAUSE = timedelta(minutes=5)


def undeliverable_of(target: TargetRow | None) -> frozenset[Method]:
    """Give the methods that a provider refused for this target's phone for good."""
    listed = target.outcome_details.get(UNDELIVERABLE) if target else None
    return frozenset(method for method in Method if isinstance(listed, list) and method in listed)


def contacted(
    target: TargetRow, campaign: CampaignRow, *, method: Method, contact_id: UUID, conversation_id: UUID | None,
    now: datetime,
) -> ChangedTarget:  # fmt: skip
    """Give the target as a contact leaves it; when nothing comes back it is looked at again."""
    is_call = method is Method.VOICE
    return _changed(
        target,
        state=TargetState.CALLING if is_call else TargetState.CONTACTED,
        outcome=target.outcome if is_call else TargetOutcome.SENT,
        outcome_details=_without(target.outcome_details, POSTPONED),
        method=method,
        attempt_count=target.attempt_count + 1,
        first_contacted_at=target.first_contacted_at or now,
        last_attempt_at=now,
        contact_id=contact_id,
        conversation_id=conversation_id,
        due_at=None if is_call else now + timedelta(minutes=campaign.unanswered_after_minutes),
    )


def as_judged(target: TargetRow, campaign: CampaignRow | None, judgement: Judgement, *, now: datetime) -> ChangedTarget:
    """Give the target as a refusal of the gate leaves it."""
    reason = judgement.reason
    if reason is Reason.OPTED_OUT and judgement.details.get("scope") != EVERY_SCOPE:
        return without_method(target, campaign, now=now)
    if reason is Reason.NO_USABLE_METHOD:
        return without_method(target, campaign, now=now)
    if reason in _ENDS:
        return _changed(
            target, state=TargetState.COMPLETED, outcome=_ENDS[reason], due_at=None,
            outcome_details=_without(target.outcome_details, POSTPONED),
            paid_at=now if reason is Reason.ALREADY_PAID else target.paid_at,
        )  # fmt: skip
    if reason is Reason.ACTIVE_PROMISE:
        return _changed(
            target, state=TargetState.CONTACTED, outcome=TargetOutcome.PROMISE_MADE, due_at=judgement.next_at,
            outcome_details=_without(target.outcome_details, POSTPONED), promised_at=target.promised_at or now,
        )  # fmt: skip
    if reason is Reason.ATTEMPTS_EXHAUSTED:
        outcome = target.outcome if target.outcome not in (None, TargetOutcome.SENT) else TargetOutcome.NO_ANSWER
        return _changed(target, state=TargetState.COMPLETED, outcome=outcome, due_at=None)
    if judgement.verdict == "postpone":
        details = {**target.outcome_details, POSTPONED: _counted(target, reason)}
        return _changed(target, due_at=judgement.next_at, outcome_details=details)
    return _changed(target)


def refused_request(wanted: CallRequestRow, judgement: Judgement) -> ChangedRequest:
    """Give the request as a refusal leaves it: asked again later, as long as the customer may still expect the call."""
    if judgement.verdict == "postpone" and judgement.next_at is not None:
        due_at = min(judgement.next_at, wanted.wanted_at + PATIENCE)
        return ChangedRequest(
            id=wanted.id, state=RequestState.WAITING, outcome=judgement.reason, due_at=due_at, attempts=wanted.attempts
        )
    return ChangedRequest(
        id=wanted.id, state=RequestState.CANCELED, outcome=judgement.reason, due_at=None, attempts=wanted.attempts
    )


def without_method(target: TargetRow, campaign: CampaignRow | None, *, now: datetime) -> ChangedTarget:
    """Leave out a method that does not reach this phone; the next one is planned at once, or the target has failed."""
    gone = undeliverable_of(target) | ({target.method} if target.method else frozenset())
    details = {**_without(target.outcome_details, POSTPONED), UNDELIVERABLE: sorted(gone)}
    if _next_method(target, campaign, gone) is None:
        return _changed(
            target, state=TargetState.COMPLETED, outcome=TargetOutcome.FAILED, outcome_details=details, due_at=None
        )
    return _changed(target, state=TargetState.PENDING, outcome_details=details, due_at=now)


def not_made(
    target: TargetRow, campaign: CampaignRow, *, error_class: ErrorClass | None, last_method: Method | None,
    now: datetime, retry_at: datetime | None = None,
) -> ChangedTarget:  # fmt: skip
    """Give the target whose newest contact was surely not made: it does not count, and the method before it is the
    one that the planner goes on from."""
    if error_class is ErrorClass.ADDRESS:
        changed = without_method(target, campaign, now=now)
    else:
        pauses = {
            ErrorClass.CAP: _CAP_PAUSE, ErrorClass.STOP: _STOPPED_PAUSE, ErrorClass.CONTENT: _STOPPED_PAUSE,
            ErrorClass.WINDOW: _STOPPED_PAUSE,
        }  # fmt: skip
        pause = pauses.get(error_class, _RETRY_PAUSE) if error_class else _RETRY_PAUSE
        changed = _changed(target, state=TargetState.PENDING, outcome=None, due_at=max(now + pause, retry_at or now))
    is_first = target.attempt_count <= 1
    return ChangedTarget(
        **{name: getattr(changed, name) for name in ChangedTarget.__slots__}
        | {
            "attempt_count": max(0, target.attempt_count - 1),
            "method": last_method,
            "first_contacted_at": None if is_first else target.first_contacted_at,
        }
    )


def unchanged(target: TargetRow) -> ChangedTarget:
    """Give the target as it is, without its lease."""
    return _changed(target)


def _next_method(target: TargetRow, campaign: CampaignRow | None, gone: frozenset[Method]) -> Method | None:
    if campaign is None:
        return None
    allowed = frozenset(campaign.allowed_methods)
    usable = usable_methods(
        allowed=allowed, is_mobile=is_mobile(target.phone), undeliverable=gone, is_unreachable=False
    )
    order = method_order(campaign.contact_method, allowed=allowed, fallback_order=campaign.fallback_order)
    return next_method(order, usable=usable, last=target.method)


def _counted(target: TargetRow, reason: Reason) -> dict[str, object]:
    before = target.outcome_details.get(POSTPONED)
    count = before.get("count") if isinstance(before, dict) and before.get("reason") == reason else 0
    return {"reason": str(reason), "count": (count if isinstance(count, int) else 0) + 1}


def _without(details: Mapping[str, object], *names: str) -> dict[str, object]:
    return {name: value for name, value in details.items() if name not in names}


def _changed(target: TargetRow, **changes: object) -> ChangedTarget:
    kept = {name: getattr(target, name) for name in ChangedTarget.__slots__}
    return ChangedTarget(**(kept | changes))
