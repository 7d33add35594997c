"""Collection campaigns: states of campaigns and targets, outcomes, the order in which methods are tried (spec 3)."""

from collections.abc import Collection, Mapping, Sequence
from enum import StrEnum


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
    TargetState.COMPLETED: frozenset({TargetState.PENDING}),  # an operator takes it up again
}
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
