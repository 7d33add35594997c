"""Collection campaigns: states of campaigns and targets, outcomes, the order in which methods are tried (spec 3)."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from domain.messages import Medium


class CampaignStatus(StrEnum):
    DRAFT = "draft"
    ACTIVE = "active"
    PAUSED = "paused"
    COMPLETED = "completed"


class ContactMethod(StrEnum):
    """How a campaign begins: by voice, by WhatsApp, or by voice with WhatsApp as what follows."""

    VOICE = "voice"
    WHATSAPP_PRIMARY = "whatsapp_primary"
    WHATSAPP_FALLBACK = "whatsapp_fallback"


class Method(StrEnum):
    """How one contact is made."""

    WHATSAPP = "whatsapp"
    VOICE = "voice"
    SMS = "sms"


class TargetState(StrEnum):
    PENDING = "pending"  # waits to be planned
    SCHEDULED = "scheduled"  # has a method and a slot
    CALLING = "calling"  # the phone rings
    CONTACTED = "contacted"  # a contact was made; an answer, a promise or a payment is awaited
    COMPLETED = "completed"  # nothing more will be done


class TargetOutcome(StrEnum):
    """What came of a target so far; `completed` targets keep their last one."""

    SENT = "sent"  # a message went out, nothing came back yet
    ANSWERED = "answered"
    NO_ANSWER = "no_answer"
    BUSY = "busy"
    FAILED = "failed"  # the provider or the address refused every method
    CANCELED = "canceled"  # by an operator
    VOICEMAIL = "voicemail"
    UNKNOWN = "unknown"  # nobody knows whether the contact went out: never repeated by itself
    PROMISE_MADE = "promise_made"
    PROMISE_BROKEN = "promise_broken"
    PAYMENT_CLAIMED = "payment_claimed"
    CALLBACK_REQUESTED = "callback_requested"
    PAID = "paid"
    OPTED_OUT = "opted_out"
    WRONG_PERSON = "wrong_person"
    UNKNOWN_CUSTOMER = "unknown_customer"  # the CRM knows nobody with this document


_CAMPAIGN_MOVES: Mapping[CampaignStatus, frozenset[CampaignStatus]] = {
    CampaignStatus.DRAFT: frozenset({CampaignStatus.ACTIVE}),
    CampaignStatus.ACTIVE: frozenset({CampaignStatus.PAUSED, CampaignStatus.COMPLETED}),
    CampaignStatus.PAUSED: frozenset({CampaignStatus.ACTIVE, CampaignStatus.COMPLETED}),
    CampaignStatus.COMPLETED: frozenset(),
}
_TARGET_MOVES: Mapping[TargetState, frozenset[TargetState]] = {
    TargetState.PENDING: frozenset({TargetState.SCHEDULED, TargetState.CONTACTED, TargetState.COMPLETED}),
    TargetState.SCHEDULED: frozenset(
        {TargetState.PENDING, TargetState.CALLING, TargetState.CONTACTED, TargetState.COMPLETED}
    ),
    TargetState.CALLING: frozenset({TargetState.PENDING, TargetState.CONTACTED, TargetState.COMPLETED}),
    TargetState.CONTACTED: frozenset({TargetState.PENDING, TargetState.COMPLETED}),
    # An operator takes it up again; a debtor who comes back promises or says that it is paid.
    TargetState.COMPLETED: frozenset({TargetState.PENDING, TargetState.CONTACTED}),
}
_MEDIA: Mapping[Method, frozenset[Medium]] = {
    Method.WHATSAPP: frozenset({Medium.WHATSAPP, Medium.SIMULATOR}),
    Method.SMS: frozenset({Medium.SMS}),
    Method.VOICE: frozenset({Medium.VOICE}),
}
FINAL_OUTCOMES = frozenset(
    {
        TargetOutcome.PAID, TargetOutcome.OPTED_OUT, TargetOutcome.WRONG_PERSON, TargetOutcome.UNKNOWN_CUSTOMER,
        TargetOutcome.CANCELED,
    }
)  # fmt: skip
"""What nothing but a person takes back."""
_ROUND_OUTCOMES = frozenset({TargetOutcome.PROMISE_MADE, TargetOutcome.PAYMENT_CLAIMED, TargetOutcome.PROMISE_BROKEN})
_FIRST: Mapping[ContactMethod, Method] = {
    ContactMethod.VOICE: Method.VOICE,
    ContactMethod.WHATSAPP_PRIMARY: Method.WHATSAPP,
    ContactMethod.WHATSAPP_FALLBACK: Method.VOICE,
}


def can_campaign_become(current: CampaignStatus, new: CampaignStatus) -> bool:
    """Say whether a campaign may go from one status to another."""
    return new in _CAMPAIGN_MOVES[current]


def can_target_become(current: TargetState, new: TargetState) -> bool:
    """Say whether a target may go from one state to another; staying is always possible."""
    return new is current or new in _TARGET_MOVES[current]


def method_order(
    contact_method: ContactMethod, *, allowed: Collection[Method], fallback_order: Sequence[Method]
) -> tuple[Method, ...]:
    """Give the methods in the order they are tried: the campaign's own first, then the fallbacks, each once.

    `whatsapp_fallback` means that WhatsApp follows the phone whatever the fallback order says of it.
    """
    second = (Method.WHATSAPP,) if contact_method is ContactMethod.WHATSAPP_FALLBACK else ()
    wanted = (_FIRST[contact_method], *second, *fallback_order)
    return tuple(dict.fromkeys(method for method in wanted if method in allowed))


def next_method(order: Sequence[Method], *, usable: Collection[Method], last: Method | None) -> Method | None:
    """Give the method after `last` in a circle, leaving out those that cannot reach this person; None when none can."""
    if last in order:
        place = order.index(last) + 1
        order = (*order[place:], *order[:place])
    return next((method for method in order if method in usable), None)


def first_method(contact_method: ContactMethod) -> Method:
    """Give the method that a campaign tries first."""
    return _FIRST[contact_method]


def default_methods(contact_method: ContactMethod) -> tuple[Method, ...]:
    """Give the methods of a campaign that names none: its own, and WhatsApp where that follows by name."""
    second = (Method.WHATSAPP,) if contact_method is ContactMethod.WHATSAPP_FALLBACK else ()
    return (_FIRST[contact_method], *second)


def media_of(method: Method) -> frozenset[Medium]:
    """Give the media whose accounts can make such a contact; the simulator stands in for WhatsApp."""
    return _MEDIA[method]


@dataclass(frozen=True, kw_only=True, slots=True)
class Standing:
    """How a target stands, as far as it decides what comes next."""

    state: TargetState
    outcome: TargetOutcome | None
    attempt_count: int
    last_attempt_at: datetime | None
    due_at: datetime | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Move:
    """What becomes of a target. A new round: the attempts made so far do not count against those to come."""

    state: TargetState
    outcome: TargetOutcome | None
    due_at: datetime | None
    is_new_round: bool = False


def review(
    target: Standing, *, max_attempts: int, retry_gap: timedelta, last_inbound_at: datetime | None, now: datetime
) -> Move:
    """Say what follows when a contact's time of waiting is over.

    Protection or hold over: contact resumes in a new round; who has answered and not kept the word is a new matter.
    Otherwise the next attempt, not before the gap; with none left the target has ended, answered or not. A contact of
    which nobody knows whether it went out is not repeated.
    """
    if target.outcome in _ROUND_OUTCOMES:
        return Move(state=TargetState.PENDING, outcome=target.outcome, due_at=now, is_new_round=True)
    if target.outcome in FINAL_OUTCOMES:
        return Move(state=TargetState.COMPLETED, outcome=target.outcome, due_at=None)
    outcome = _settled(target, last_inbound_at)
    if outcome is TargetOutcome.UNKNOWN:
        return Move(state=TargetState.CONTACTED, outcome=outcome, due_at=None)
    if target.attempt_count >= max_attempts:
        return Move(state=TargetState.COMPLETED, outcome=outcome, due_at=None)
    since = target.last_attempt_at
    return Move(
        state=TargetState.PENDING, outcome=outcome, due_at=now if since is None else max(now, since + retry_gap)
    )


def _settled(target: Standing, last_inbound_at: datetime | None) -> TargetOutcome:
    """Say what the contact came to; what the call told stays."""
    has_replied = last_inbound_at is not None and (
        target.last_attempt_at is None or last_inbound_at >= target.last_attempt_at
    )
    if has_replied and target.outcome is not TargetOutcome.CALLBACK_REQUESTED:
        return TargetOutcome.ANSWERED
    if target.outcome in (None, TargetOutcome.SENT):
        return TargetOutcome.NO_ANSWER
    return target.outcome


def after_promise(target: Standing, *, protected_until: datetime, is_campaign_over: bool) -> Move | None:
    """Rest until the promised day is over. What a person has ended, or an ended campaign, is not taken up again."""
    return _rest(target, TargetOutcome.PROMISE_MADE, protected_until, is_campaign_over)


def after_claim(target: Standing, *, hold_until: datetime, is_campaign_over: bool) -> Move | None:
    """Rest while the payment that the customer speaks of may still arrive."""
    return _rest(target, TargetOutcome.PAYMENT_CLAIMED, hold_until, is_campaign_over)


def _rest(target: Standing, outcome: TargetOutcome, until: datetime, is_campaign_over: bool) -> Move | None:
    if target.state is TargetState.COMPLETED and target.outcome in FINAL_OUTCOMES:
        return None
    if target.state is TargetState.COMPLETED and is_campaign_over:
        return Move(state=TargetState.COMPLETED, outcome=outcome, due_at=None)
    return Move(state=TargetState.CONTACTED, outcome=outcome, due_at=until)


def after_payment(target: Standing) -> Move:
    """End it as paid; a refusal or a wrong number stays what it is."""
    keeps = target.outcome in (TargetOutcome.OPTED_OUT, TargetOutcome.WRONG_PERSON)
    return Move(
        state=TargetState.COMPLETED,
        outcome=target.outcome if keeps and target.state is TargetState.COMPLETED else TargetOutcome.PAID,
        due_at=None,
    )


def after_broken_promise(target: Standing, *, is_campaign_over: bool, now: datetime) -> Move | None:
    """Take up the contact again with the outcome `promise_broken` (spec 3.7); a planned contact keeps its slot.

    The gate's caps keep it from coming too soon after another one.
    """
    if target.outcome in FINAL_OUTCOMES or target.outcome is TargetOutcome.PROMISE_BROKEN:
        return None
    if target.state in (TargetState.SCHEDULED, TargetState.CALLING) or is_campaign_over:
        return Move(state=target.state, outcome=TargetOutcome.PROMISE_BROKEN, due_at=target.due_at)
    return Move(state=TargetState.PENDING, outcome=TargetOutcome.PROMISE_BROKEN, due_at=now, is_new_round=True)
