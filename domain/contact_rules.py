"""Whether a contact that we start may be made at this instant (design 5). Pure; what is not known means later."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Literal

from domain.campaigns import CampaignStatus, Method
from domain.contact_hours import ContactWindow, Place, TenantHolidays, closed_reason, local_day, next_opening
from domain.ports import DebtStatement
from domain.promised_day import protected_until

Verdict = Literal["contact", "skip", "postpone"]
EVERY_SCOPE = "all"

_WEEK = timedelta(days=7)
_NO_OPENING = timedelta(days=1)
_TURN_PAUSE = timedelta(minutes=15)
_HUMAN_PAUSE = timedelta(hours=2)
_ACCOUNT_PAUSE = timedelta(minutes=30)
_TEMPLATE_PAUSE = timedelta(hours=1)
_BOT_PAUSE = timedelta(hours=1)
_PLACE_PAUSE = timedelta(days=1)
_OUTCOME_PAUSE = timedelta(minutes=5)
# The CRM is asked again after 5, 15, then every 60 minutes.
_CRM_PAUSES = (timedelta(minutes=5), timedelta(minutes=15), timedelta(minutes=60))
UNKNOWN_CUSTOMER = "unknown_customer"  # as `Facts.crm_problem`: the CRM answered that it knows nobody


class Reason(StrEnum):
    """Why a contact was made or not. Stable: stored, counted and shown."""

    ALLOWED = "allowed"
    ALREADY_PAID = "already_paid"
    ACTIVE_PROMISE = "active_promise"
    OPTED_OUT = "opted_out"
    WRONG_PERSON = "wrong_person"
    UNKNOWN_CUSTOMER = "unknown_customer"
    TARGET_NOT_DUE = "target_not_due"
    CAMPAIGN_NOT_ACTIVE = "campaign_not_active"
    NO_USABLE_METHOD = "no_usable_method"
    ATTEMPTS_EXHAUSTED = "attempts_exhausted"
    NUMBER_NOT_CONTACTABLE = "number_not_contactable"
    OUTSIDE_HOURS = "outside_hours"
    HOLIDAY = "holiday"
    FREQUENCY_CAP = "frequency_cap"
    LIVE_CONVERSATION = "live_conversation"
    HUMAN_HANDLING = "human_handling"
    PAYMENT_CLAIMED = "payment_claimed"
    CRM_UNAVAILABLE = "crm_unavailable"
    NOT_OVERDUE = "not_overdue"
    ACCOUNT_STOPPED = "account_stopped"
    TEMPLATE_NOT_APPROVED = "template_not_approved"
    BUDGET_EXHAUSTED = "budget_exhausted"
    RATE_LIMITED = "rate_limited"
    PLACE_UNKNOWN = "place_unknown"
    BOT_DISABLED = "bot_disabled"
    INTERNAL = "internal"


class AccountHealth(StrEnum):
    """Whether the campaign has a number for this method that works."""

    ACTIVE = "active"
    STOPPED = "stopped"
    MISSING = "missing"


class TemplateNeed(StrEnum):
    """Whether the text may open a conversation at this provider."""

    NOT_NEEDED = "not_needed"
    APPROVED = "approved"
    NOT_APPROVED = "not_approved"


@dataclass(frozen=True, kw_only=True, slots=True)
class Facts:
    """Everything known at the instant of the decision. `is_reminder`: a courtesy before a promised day (spec 3.7).

    `is_asked_for`: the customer wants this call (spec 5.1); `opt_out_scopes` are then those refused since they asked.
    """

    now: datetime
    method: Method
    is_reminder: bool = False
    is_asked_for: bool = False
    campaign_status: CampaignStatus | None
    attempts: int = 0
    max_attempts: int = 1
    is_last_outcome_open: bool = False  # nobody knows yet whether the contact before this one went out
    opt_out_scopes: frozenset[str] = frozenset()
    medium: str  # of the account; an opt-out may name it
    is_wrong_number: bool = False
    is_contactable: bool = True  # a Brazilian mobile or fixed line
    place: Place | None
    window: ContactWindow
    tenant_holidays: TenantHolidays = field(default_factory=dict)
    contacted_at: Sequence[datetime] = ()  # this document or this phone, every engine and channel, reminders left out
    cap_per_day: int = 1
    cap_per_week: int = 3
    last_inbound_at: datetime | None = None
    live_hours: int = 24
    is_turn_open: bool = False
    is_human_handling: bool = False
    is_bot_enabled: bool = True
    document: str
    statement: DebtStatement | None
    crm_problem: str | None = None
    postponements: int = 0  # for the same reason, one after the other
    promise_protected_until: datetime | None = None
    claim_hold_until: datetime | None = None
    usable_methods: frozenset[Method]
    account: AccountHealth
    template: TemplateNeed
    cost_cents: int = 0
    budget_left_cents: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Judgement:
    """The verdict, its reason, and for `postpone` the instant to ask again."""

    verdict: Verdict
    reason: Reason
    next_at: datetime | None = None
    details: Mapping[str, object] = field(default_factory=dict)


def decide(facts: Facts) -> Judgement:
    """Decide by the first rule that objects, in the order of design 5."""
    for rule in _ASKED_FOR_RULES if facts.is_asked_for else _RULES:
        judgement = rule(facts)
        if judgement is not None:
            return judgement
    return Judgement(verdict="contact", reason=Reason.ALLOWED)


def usable_methods(
    *, allowed: frozenset[Method], is_mobile: bool, undeliverable: frozenset[Method], is_unreachable: bool
) -> frozenset[Method]:
    """Give the methods that can reach a phone: fixed lines only ring, and what failed on it is not tried again."""
    impossible = set(undeliverable)
    if not is_mobile:
        impossible |= {Method.WHATSAPP, Method.SMS}
    if is_unreachable:
        impossible.add(Method.WHATSAPP)
    return allowed - impossible


def crm_pause(postponements: int) -> timedelta:
    """Give how long to wait before the CRM is asked again."""
    return _CRM_PAUSES[min(max(postponements, 0), len(_CRM_PAUSES) - 1)]


def days_left(until: datetime, now: datetime) -> int:
    """Count the days that a protection still lasts, begun ones included."""
    return max(0, -(-(until - now) // timedelta(days=1)))


def _skip(reason: Reason, **details: object) -> Judgement:
    return Judgement(verdict="skip", reason=reason, details=details)


def _postpone(facts: Facts, reason: Reason, at: datetime, **details: object) -> Judgement:
    """Wait at least until `at`, and then for the next opening."""
    return Judgement(verdict="postpone", reason=reason, next_at=_opening(facts, at), details=details)


def _opening(facts: Facts, at: datetime) -> datetime:
    if facts.place is None:
        return at
    opening = next_opening(
        at, place=facts.place, window=facts.window, method=facts.method, tenant_holidays=facts.tenant_holidays
    )
    return at + _NO_OPENING if opening is None else opening


def _is_campaign_active(facts: Facts) -> Judgement | None:
    if facts.is_reminder or facts.campaign_status is CampaignStatus.ACTIVE:
        return None
    return _skip(Reason.CAMPAIGN_NOT_ACTIVE)


def _has_attempts_left(facts: Facts) -> Judgement | None:
    if facts.is_last_outcome_open:
        return _postpone(facts, Reason.TARGET_NOT_DUE, facts.now + _OUTCOME_PAUSE)
    if facts.is_reminder or facts.attempts < facts.max_attempts:
        return None
    return _skip(Reason.ATTEMPTS_EXHAUSTED)


def _is_willing(facts: Facts) -> Judgement | None:
    refused = facts.opt_out_scopes & {EVERY_SCOPE, facts.method, facts.medium}
    if not refused:
        return None
    return _skip(Reason.OPTED_OUT, scope=EVERY_SCOPE if EVERY_SCOPE in refused else str(facts.method))


def _is_right_number(facts: Facts) -> Judgement | None:
    if facts.is_wrong_number:
        return _skip(Reason.WRONG_PERSON)
    return None if facts.is_contactable else _skip(Reason.NUMBER_NOT_CONTACTABLE)


def _is_open(facts: Facts) -> Judgement | None:
    if facts.place is None:
        return _postpone(facts, Reason.PLACE_UNKNOWN, facts.now + _PLACE_PAUSE)
    closed = closed_reason(
        facts.now, place=facts.place, window=facts.window, method=facts.method, tenant_holidays=facts.tenant_holidays
    )
    return None if closed is None else _postpone(facts, Reason(closed), facts.now)


def _is_under_cap(facts: Facts) -> Judgement | None:
    if facts.is_reminder or facts.place is None:
        return None
    made = sorted(at for at in facts.contacted_at if at > facts.now - _WEEK)
    free_at = []
    today = local_day(facts.now, facts.place)
    if sum(local_day(at, facts.place) >= today for at in made) >= facts.cap_per_day:
        free_at.append(_day_end(today, facts.place))
    if len(made) >= facts.cap_per_week:
        free_at.append(made[len(made) - facts.cap_per_week] + _WEEK)
    if not free_at:
        return None
    return _postpone(facts, Reason.FREQUENCY_CAP, max(free_at), contacts=len(made))


def _day_end(day: date, place: Place) -> datetime:
    return max(protected_until(day, zone) for zone in place.zones)


def _is_quiet(facts: Facts) -> Judgement | None:
    if facts.is_human_handling:
        return _postpone(facts, Reason.HUMAN_HANDLING, facts.now + _HUMAN_PAUSE)
    if facts.is_turn_open:
        return _postpone(facts, Reason.LIVE_CONVERSATION, facts.now + _TURN_PAUSE)
    if facts.last_inbound_at is None:
        return None
    quiet_at = facts.last_inbound_at + timedelta(hours=facts.live_hours)
    return _postpone(facts, Reason.LIVE_CONVERSATION, quiet_at) if quiet_at > facts.now else None


def _is_without_human(facts: Facts) -> Judgement | None:
    """Leave a call to the person who has the conversation: they will have read that it was asked for."""
    return _postpone(facts, Reason.HUMAN_HANDLING, facts.now + _HUMAN_PAUSE) if facts.is_human_handling else None


def _is_bot_on(facts: Facts) -> Judgement | None:
    return None if facts.is_bot_enabled else _postpone(facts, Reason.BOT_DISABLED, facts.now + _BOT_PAUSE)


def _owes(facts: Facts) -> Judgement | None:
    if facts.crm_problem == UNKNOWN_CUSTOMER:
        return _skip(Reason.UNKNOWN_CUSTOMER)
    statement = facts.statement
    if facts.crm_problem is not None or statement is None:
        return _crm_failed(facts, facts.crm_problem or "not_asked")
    if statement.document != facts.document:
        return _crm_failed(facts, "wrong_document")
    if not statement.invoices:
        return _skip(Reason.ALREADY_PAID)
    if facts.is_reminder or facts.place is None:
        return None
    earliest = min(invoice.due_on for invoice in statement.invoices)
    if earliest < local_day(facts.now, facts.place):
        return None
    return _postpone(facts, Reason.NOT_OVERDUE, _day_end(earliest, facts.place))


def _crm_failed(facts: Facts, problem: str) -> Judgement:
    return _postpone(facts, Reason.CRM_UNAVAILABLE, facts.now + crm_pause(facts.postponements), problem=problem)


def _is_unprotected(facts: Facts) -> Judgement | None:
    until = facts.promise_protected_until
    if not facts.is_reminder and until is not None and until > facts.now:
        return Judgement(
            verdict="skip", reason=Reason.ACTIVE_PROMISE, next_at=until,
            details={"daysLeft": days_left(until, facts.now)},
        )  # fmt: skip
    hold = facts.claim_hold_until
    if hold is not None and hold > facts.now:
        return _postpone(facts, Reason.PAYMENT_CLAIMED, hold)
    return None


def _is_reachable(facts: Facts) -> Judgement | None:
    if facts.method not in facts.usable_methods or facts.account is AccountHealth.MISSING:
        return _skip(Reason.NO_USABLE_METHOD, method=str(facts.method))
    if facts.account is AccountHealth.STOPPED:
        return _postpone(facts, Reason.ACCOUNT_STOPPED, facts.now + _ACCOUNT_PAUSE)
    if facts.template is TemplateNeed.NOT_APPROVED:
        return _postpone(facts, Reason.TEMPLATE_NOT_APPROVED, facts.now + _TEMPLATE_PAUSE)
    return None


def _is_affordable(facts: Facts) -> Judgement | None:
    if facts.budget_left_cents is None or facts.cost_cents <= facts.budget_left_cents:
        return None
    return _postpone(facts, Reason.BUDGET_EXHAUSTED, facts.now)


_RULES = (
    _is_campaign_active, _is_willing, _is_right_number, _has_attempts_left, _is_open, _is_under_cap, _is_quiet,
    _is_bot_on, _owes, _is_unprotected, _is_reachable, _is_affordable,
)  # fmt: skip
# Who asked for a call talks with us right now, has promised or owes nothing: all that is no reason to let them wait.
# The law's hours, their refusal and whether a phone can ring at all bind as ever (design 5).
_ASKED_FOR_RULES = (_is_willing, _is_right_number, _is_open, _is_without_human, _is_bot_on, _is_reachable)
