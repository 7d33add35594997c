"""The rules of the gate as pure functions: order, instants, and that nothing missing ever means go (design 5)."""

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.campaigns import CampaignStatus, Method
from domain.contact_hours import ContactWindow, closed_reason, place_of
from domain.contact_rules import (
    AccountHealth,
    Facts,
    Judgement,
    Reason,
    TemplateNeed,
    crm_pause,
    days_left,
    decide,
    usable_methods,
)
from domain.ports import DebtStatement, OpenInvoice

NOW = datetime(2026, 11, 19, 14, 0, tzinfo=UTC)  # Thursday, 11:00 in São Paulo; the 20th is a holiday
MONDAY = datetime(2026, 11, 23, 11, 0, tzinfo=UTC)  # 08:00 in São Paulo
MARIA = "52998224725"
WINDOW = ContactWindow(start=time(8), end=time(20), weekdays=frozenset(range(1, 6)))
SAO_PAULO = place_of("+5511999990001")


def owed(*due_on: date, document: str = MARIA) -> DebtStatement:
    return DebtStatement(
        document=document, customer_name="Maria",
        invoices=[
            OpenInvoice(number=str(place), amount_cents=100, due_on=day, days_late=0)
            for place, day in enumerate(due_on)
        ],
    )  # fmt: skip


GOOD = Facts(
    now=NOW, method=Method.WHATSAPP, campaign_status=CampaignStatus.ACTIVE, max_attempts=3, medium="whatsapp",
    place=SAO_PAULO, window=WINDOW, document=MARIA, statement=owed(date(2026, 10, 10)),
    usable_methods=frozenset({Method.WHATSAPP}), account=AccountHealth.ACTIVE, template=TemplateNeed.APPROVED,
)  # fmt: skip


def judged(**changes: object) -> Judgement:
    return decide(replace(GOOD, **changes))  # type: ignore[arg-type]


def test_contact_is_allowed_when_nothing_objects() -> None:
    assert judged() == Judgement(verdict="contact", reason=Reason.ALLOWED)


# In the order of the rules: each row must win over every row below it.
OBJECTIONS: list[tuple[dict[str, object], str, Reason]] = [
    ({"campaign_status": CampaignStatus.PAUSED}, "skip", Reason.CAMPAIGN_NOT_ACTIVE),
    ({"opt_out_scopes": frozenset({"all"})}, "skip", Reason.OPTED_OUT),
    ({"is_wrong_number": True}, "skip", Reason.WRONG_PERSON),
    ({"attempts": 3}, "skip", Reason.ATTEMPTS_EXHAUSTED),
    ({"now": NOW.replace(hour=23)}, "postpone", Reason.OUTSIDE_HOURS),
    ({"contacted_at": [NOW - timedelta(hours=1)]}, "postpone", Reason.FREQUENCY_CAP),
    ({"is_human_handling": True}, "postpone", Reason.HUMAN_HANDLING),
    ({"last_inbound_at": NOW - timedelta(hours=2)}, "postpone", Reason.LIVE_CONVERSATION),
    ({"is_bot_enabled": False}, "postpone", Reason.BOT_DISABLED),
    ({"statement": None}, "postpone", Reason.CRM_UNAVAILABLE),
    ({"promise_protected_until": NOW + timedelta(days=1)}, "skip", Reason.ACTIVE_PROMISE),
    ({"claim_hold_until": NOW + timedelta(days=1)}, "postpone", Reason.PAYMENT_CLAIMED),
    ({"usable_methods": frozenset({Method.VOICE})}, "skip", Reason.NO_USABLE_METHOD),
    ({"account": AccountHealth.STOPPED}, "postpone", Reason.ACCOUNT_STOPPED),
    ({"template": TemplateNeed.NOT_APPROVED}, "postpone", Reason.TEMPLATE_NOT_APPROVED),
    ({"budget_left_cents": 39, "cost_cents": 40}, "postpone", Reason.BUDGET_EXHAUSTED),
]


@pytest.mark.parametrize("place", range(len(OBJECTIONS)))
def test_first_objection_wins(place: int) -> None:
    changes, verdict, reason = OBJECTIONS[place]
    assert (judged(**changes).verdict, judged(**changes).reason) == (verdict, reason)
    everything: dict[str, object] = {}
    for later, _, _ in reversed(OBJECTIONS[place:]):
        everything |= later
    assert judged(**everything).reason is reason


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"place": None}, Reason.PLACE_UNKNOWN),
        ({"is_contactable": False}, Reason.NUMBER_NOT_CONTACTABLE),
        ({"campaign_status": None}, Reason.CAMPAIGN_NOT_ACTIVE),
        ({"campaign_status": CampaignStatus.DRAFT}, Reason.CAMPAIGN_NOT_ACTIVE),
        ({"campaign_status": CampaignStatus.COMPLETED}, Reason.CAMPAIGN_NOT_ACTIVE),
        ({"statement": None, "crm_problem": "unknown_customer"}, Reason.UNKNOWN_CUSTOMER),
        ({"crm_problem": "timeout"}, Reason.CRM_UNAVAILABLE),
        ({"statement": owed(date(2026, 10, 10), document="11144477735")}, Reason.CRM_UNAVAILABLE),
        ({"statement": owed()}, Reason.ALREADY_PAID),
        ({"is_turn_open": True}, Reason.LIVE_CONVERSATION),
        ({"is_last_outcome_open": True}, Reason.TARGET_NOT_DUE),
        ({"opt_out_scopes": frozenset({"whatsapp"})}, Reason.OPTED_OUT),
        ({"opt_out_scopes": frozenset({"simulator"}), "medium": "simulator"}, Reason.OPTED_OUT),
        ({"opt_out_scopes": frozenset({"sms", "marketing"})}, Reason.ALLOWED),
        ({"account": AccountHealth.MISSING}, Reason.NO_USABLE_METHOD),
        ({"budget_left_cents": 40, "cost_cents": 40}, Reason.ALLOWED),
        ({"promise_protected_until": NOW}, Reason.ALLOWED),
        ({"claim_hold_until": NOW}, Reason.ALLOWED),
        ({"last_inbound_at": NOW - timedelta(hours=24)}, Reason.ALLOWED),
        ({"tenant_holidays": {(date(2026, 11, 19), "SP"): "Festa"}}, Reason.HOLIDAY),
        ({"tenant_holidays": {(date(2026, 11, 19), "RJ"): "Festa"}}, Reason.ALLOWED),
    ],
)
def test_reason(changes: dict[str, object], reason: Reason) -> None:
    assert judged(**changes).reason is reason


@pytest.mark.parametrize(
    ("due_on", "next_at"),
    [
        (date(2026, 11, 18), None),
        (date(2026, 11, 19), MONDAY),  # due today: overdue from the 20th, a holiday before a weekend
        (date(2026, 12, 1), datetime(2026, 12, 2, 11, tzinfo=UTC)),
    ],
)
def test_debt_is_overdue_from_the_day_after_its_due_date(due_on: date, next_at: datetime | None) -> None:
    judgement = judged(statement=owed(due_on, date(2026, 12, 20)))
    assert judgement.next_at == next_at
    assert judgement.reason is (Reason.ALLOWED if next_at is None else Reason.NOT_OVERDUE)


@pytest.mark.parametrize(
    ("contacted_at", "per_day", "per_week", "next_at"),
    [
        # Yesterday 23:59 in São Paulo is today in UTC.
        ([datetime(2026, 11, 19, 2, 59, tzinfo=UTC)], 1, 3, None),
        ([datetime(2026, 11, 19, 3, 0, tzinfo=UTC)], 1, 3, MONDAY),
        ([NOW - timedelta(hours=1)], 2, 3, None),
        ([NOW - timedelta(hours=1)] * 2, 2, 3, MONDAY),
        ([NOW - timedelta(days=days, hours=1) for days in (1, 2, 6)], 1, 3, MONDAY),
        ([NOW - timedelta(days=days) for days in (1, 2, 7)], 1, 3, None),
        # Free again when the fifth newest is a week old: Tuesday 17:00 in São Paulo.
        ([datetime(2026, 11, day, 20, tzinfo=UTC) for day in (13, 14, 15, 16, 17)], 3, 1,
         datetime(2026, 11, 24, 20, tzinfo=UTC)),
    ],
)  # fmt: skip
def test_caps_count_local_days_and_rolling_weeks(
    contacted_at: list[datetime], per_day: int, per_week: int, next_at: datetime | None
) -> None:
    judgement = judged(contacted_at=contacted_at, cap_per_day=per_day, cap_per_week=per_week)
    assert judgement.next_at == next_at
    assert judgement.reason is (Reason.ALLOWED if next_at is None else Reason.FREQUENCY_CAP)


def test_postponed_contacts_wait_for_the_next_opening() -> None:
    late = NOW.replace(hour=22, minute=50)  # 19:50; the hold and the pause end at night
    assert judged(now=late, claim_hold_until=late + timedelta(hours=1)).next_at == MONDAY
    assert judged(now=late, statement=None, postponements=1).next_at == MONDAY
    assert judged(is_turn_open=True).next_at == NOW + timedelta(minutes=15)


def test_reminder_asks_neither_cap_nor_campaign_nor_promise() -> None:
    changes: dict[str, object] = {
        "is_reminder": True, "campaign_status": None, "attempts": 9, "contacted_at": [NOW] * 3,
        "promise_protected_until": NOW + timedelta(days=3), "statement": owed(date(2026, 12, 20)),
    }  # fmt: skip
    assert judged(**changes).reason is Reason.ALLOWED
    assert judged(**changes | {"statement": owed()}).reason is Reason.ALREADY_PAID
    assert judged(**changes | {"opt_out_scopes": frozenset({"all"})}).reason is Reason.OPTED_OUT
    assert judged(**changes | {"now": NOW.replace(hour=23)}).reason is Reason.OUTSIDE_HOURS


@pytest.mark.parametrize(
    ("is_mobile", "undeliverable", "is_unreachable", "usable"),
    [
        (True, set(), False, {"whatsapp", "sms", "voice"}),
        (False, set(), False, {"voice"}),
        (True, {"sms"}, False, {"whatsapp", "voice"}),
        (True, set(), True, {"sms", "voice"}),
        (False, {"voice"}, True, set()),
    ],
)
def test_methods_that_reach_a_phone(
    is_mobile: bool, undeliverable: set[str], is_unreachable: bool, usable: set[str]
) -> None:
    found = usable_methods(
        allowed=frozenset(Method), is_mobile=is_mobile, is_unreachable=is_unreachable,
        undeliverable=frozenset(Method(name) for name in undeliverable),
    )  # fmt: skip
    assert {str(method) for method in found} == usable


def test_pauses_of_a_silent_crm() -> None:
    assert [crm_pause(count) // timedelta(minutes=1) for count in (0, 1, 2, 3, 99)] == [5, 15, 60, 60, 60]


@pytest.mark.parametrize(("seconds", "days"), [(1, 1), (86_400, 1), (86_401, 2), (0, 0), (-5, 0)])
def test_days_left_count_begun_days(seconds: int, days: int) -> None:
    assert days_left(NOW + timedelta(seconds=seconds), NOW) == days


_instants = st.integers(0, 2 * 365 * 24 * 60).map(lambda minutes: NOW + timedelta(minutes=minutes))


@given(
    now=_instants,
    phone=st.sampled_from(["+5511999990001", "+5568999990001", "+5592999990001", "+5581999990001", "+551140001234"]),
    contacted=st.lists(st.integers(0, 10 * 24 * 60), max_size=6),
    promise=st.none() | st.integers(-3000, 30_000),
    hold=st.none() | st.integers(-3000, 30_000),
    inbound=st.none() | st.integers(0, 5000),
    scopes=st.frozensets(st.sampled_from(["all", "whatsapp", "sms", "marketing"])),
    due=st.none() | st.integers(-60, 60),
)  # fmt: skip
def test_no_combination_of_facts_lets_a_forbidden_contact_pass(
    now: datetime, phone: str, contacted: list[int], promise: int | None, hold: int | None, inbound: int | None,
    scopes: frozenset[str], due: int | None,
) -> None:  # fmt: skip
    """Whatever is allowed breaks no rule; whatever is postponed is so to an instant that is open and later."""

    def at(minutes: int | None) -> datetime | None:
        return None if minutes is None else now + timedelta(minutes=minutes)

    place = place_of(phone)
    assert place is not None
    facts = replace(
        GOOD, now=now, place=place, contacted_at=[now - timedelta(minutes=minutes) for minutes in contacted],
        promise_protected_until=at(promise), claim_hold_until=at(hold), opt_out_scopes=scopes,
        last_inbound_at=None if inbound is None else now - timedelta(minutes=inbound),
        statement=None if due is None else owed(now.date() + timedelta(days=due)),
    )  # fmt: skip
    judgement = decide(facts)
    week = [minutes for minutes in contacted if minutes < 7 * 24 * 60]
    if judgement.verdict == "contact":
        assert closed_reason(now, place=place, window=WINDOW, method=Method.WHATSAPP, tenant_holidays={}) is None
        assert not scopes & {"all", "whatsapp"}
        assert len(week) < 3
        assert promise is None or promise <= 0
        assert hold is None or hold <= 0
        assert inbound is None or inbound >= 24 * 60
        assert due is not None
        assert due < 1
    if judgement.verdict == "postpone":
        assert judgement.next_at is not None
        assert judgement.next_at >= now
        assert (
            closed_reason(judgement.next_at, place=place, window=WINDOW, method=Method.WHATSAPP, tenant_holidays={})
            is None
        )
