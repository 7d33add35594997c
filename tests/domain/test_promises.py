"""How promises end: pure rules, with tables and properties."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.ports import DebtStatement, OpenInvoice
from domain.promised_day import protected_until
from domain.promises import (
    PromisedInvoice,
    PromiseStatus,
    PromiseTerms,
    can_promise_become,
    customer_zones,
    earliest_day,
    judge,
    next_review,
    promised_invoices,
    protection_end,
    review_again_at,
)

SAO_PAULO, ACRE, MANAUS, NORONHA = (
    ZoneInfo(f"America/{name}") for name in ("Sao_Paulo", "Rio_Branco", "Manaus", "Noronha")
)
DUE = date(2026, 11, 27)
END = datetime(2026, 11, 28, 3, 0, tzinfo=UTC)
DAY = timedelta(days=1)


def terms(amount_cents: int = 10_000, **invoices: int) -> PromiseTerms:
    return PromiseTerms(
        amount_cents=amount_cents, due_on=DUE, protected_until=END,
        invoices=tuple(PromisedInvoice(number=number, amount_cents=cents) for number, cents in invoices.items()),
    )  # fmt: skip


def statement(due_on: date = date(2026, 10, 10), **invoices: int) -> DebtStatement:
    return DebtStatement(
        document="52998224725", customer_name="Maria",
        invoices=tuple(
            OpenInvoice(number=number, amount_cents=cents, due_on=due_on, days_late=1)
            for number, cents in invoices.items()
        ),
    )  # fmt: skip


def look(promised: PromiseTerms, shown: DebtStatement, *, after: timedelta = DAY, paid: int = 0) -> tuple[str, int]:
    found = judge(promised, shown, paid_before_cents=paid, now=END + after, broken_after_days=7)
    return found.status.value, found.paid_cents


@pytest.mark.parametrize("new", [status for status in PromiseStatus if status is not PromiseStatus.PENDING])
def test_pending_promise_may_end_in_any_way(new: PromiseStatus) -> None:
    assert can_promise_become(PromiseStatus.PENDING, new)


@pytest.mark.parametrize("new", list(PromiseStatus))
@pytest.mark.parametrize("ended", [status for status in PromiseStatus if status is not PromiseStatus.PENDING])
def test_ended_promise_goes_nowhere(ended: PromiseStatus, new: PromiseStatus) -> None:
    assert not can_promise_become(ended, new)


@pytest.mark.parametrize(
    ("promised", "shown", "found"),
    [
        (terms(A=10_000), statement(), ("fulfilled", 10_000)),
        (terms(A=10_000), statement(A=10_000), ("pending", 0)),
        # Part of the debt was promised: one invoice gone is enough, the rest stays a debt.
        (terms(A=10_000, B=10_000), statement(B=10_000), ("fulfilled", 10_000)),
        (terms(5_000, A=10_000), statement(A=5_000), ("fulfilled", 5_000)),
        (terms(15_000, A=10_000, B=10_000), statement(B=5_000), ("fulfilled", 15_000)),
        # Less than promised was paid.
        (terms(20_000, A=10_000, B=10_000), statement(B=10_000), ("pending", 10_000)),
        (terms(10_000, A=10_000), statement(A=1), ("pending", 9_999)),
        # Interest that came on top is no payment and takes none away.
        (terms(20_000, A=10_000, B=10_000), statement(B=10_300), ("pending", 10_000)),
        (terms(A=10_000), statement(A=10_300), ("pending", 0)),
        # A later invoice is another debt.
        (terms(A=10_000), statement(C=10_000), ("fulfilled", 10_000)),
        (terms(A=10_000), statement(A=10_000, C=10_000), ("pending", 0)),
        # An invoice with a discount: everything promised about is gone though it came to less.
        (terms(9_000, A=8_000), statement(C=1), ("fulfilled", 9_000)),
    ],
)
def test_statement_decides(promised: PromiseTerms, shown: DebtStatement, found: tuple[str, int]) -> None:
    assert look(promised, shown) == found


def test_old_promise_without_invoices_is_kept_when_nothing_due_by_its_day_is_open() -> None:
    assert look(terms(), statement()) == ("fulfilled", 10_000)
    assert look(terms(), statement(due_on=DUE + DAY, N=10_000)) == ("fulfilled", 10_000)
    assert look(terms(), statement(due_on=DUE, N=10_000)) == ("pending", 0)
    assert look(terms(), statement(due_on=DUE, N=10_000), paid=300) == ("pending", 300)


def test_only_an_empty_statement_means_that_nothing_is_owed() -> None:
    part = judge(terms(A=10_000, B=1), statement(B=1), now=END, broken_after_days=7)
    whole = judge(terms(A=10_000, B=1), statement(), now=END, broken_after_days=7)
    assert (part.status, part.owes_nothing) == (PromiseStatus.FULFILLED, False)
    assert (whole.status, whole.owes_nothing) == (PromiseStatus.FULFILLED, True)


@pytest.mark.parametrize(
    ("after", "status"),
    [
        (timedelta(), "pending"),
        (7 * DAY - timedelta(microseconds=1), "pending"),
        (7 * DAY, "broken"),
        (300 * DAY, "broken"),
    ],
)
def test_broken_only_after_the_days_of_grace(after: timedelta, status: str) -> None:
    assert look(terms(A=10_000), statement(A=10_000), after=after) == (status, 0)


def test_late_payment_that_is_seen_at_the_last_look_still_counts() -> None:
    assert look(terms(A=10_000), statement(), after=8 * DAY) == ("fulfilled", 10_000)
    assert look(terms(20_000, A=10_000, B=10_000), statement(B=10_000), after=7 * DAY) == ("broken", 10_000)


@given(
    then=st.dictionaries(st.sampled_from("ABCDE"), st.integers(1, 10**6), min_size=1),
    share=st.floats(0, 1),
    open_now=st.dictionaries(st.sampled_from("ABCDEXY"), st.integers(1, 10**6)),
    after=st.integers(0, 30),
)
def test_kept_and_broken_exclude_each_other(
    then: dict[str, int], share: float, open_now: dict[str, int], after: int
) -> None:
    amount = max(1, int(sum(then.values()) * share))
    promised = terms(amount, **then)
    status, paid = look(promised, statement(date(2026, 10, 10), **open_now), after=after * DAY)
    lost = sum(max(0, cents - open_now.get(number, 0)) for number, cents in then.items())
    if status == "fulfilled":
        assert lost >= amount or not set(then) & set(open_now)
        assert paid >= amount
    else:
        assert paid == lost < amount
        assert (status == "broken") == (after >= 7)


def test_invoices_are_kept_with_what_they_came_to() -> None:
    kept = promised_invoices(statement(A=10_000, B=5))
    assert kept == (PromisedInvoice(number="A", amount_cents=10_000), PromisedInvoice(number="B", amount_cents=5))


@pytest.mark.parametrize(
    ("after_end", "days"),
    [
        (-20 * DAY, 1),
        (timedelta(), 1),
        (DAY - timedelta(seconds=1), 1),
        (DAY, 2),
        (DAY + timedelta(minutes=3), 2),
        (6 * DAY, 7),
        (30 * DAY + timedelta(hours=5), 31),
    ],
)
def test_looks_come_24_hours_after_the_end_and_daily(after_end: timedelta, days: int) -> None:
    assert next_review(END, END + after_end) == END + days * DAY


def test_crm_without_an_answer_is_asked_again_with_patience() -> None:
    waits = [review_again_at(attempts, END) - END for attempts in range(7)]
    minutes = [int(wait.total_seconds() // 60) for wait in waits]
    assert minutes == [5, 5, 15, 60, 1440, 1440, 1440]


@pytest.mark.parametrize(
    ("keys", "zones"),
    [
        (("1199990001",), ("America/Sao_Paulo",)),
        (("6899990001",), ("America/Rio_Branco",)),
        (("9799990001",), ("America/Manaus", "America/Rio_Branco")),
        (("1199990001", "6899990001", "1188880001"), ("America/Sao_Paulo", "America/Rio_Branco")),
        (("11912345678",), ("America/Sao_Paulo",)),  # a mobile that keeps its nine
        ((None,), ()),
        (("0099990001",), ()),
        (("447700900123",), ()),
        ((), ()),
    ],
)
def test_zones_come_from_the_area_codes_of_all_phones(keys: tuple[str | None, ...], zones: tuple[str, ...]) -> None:
    assert tuple(zone.key for zone in customer_zones(keys)) == zones


def test_of_several_zones_the_latest_end_protects() -> None:
    assert protection_end(DUE, (SAO_PAULO,)) == END
    assert protection_end(DUE, (MANAUS, ACRE, SAO_PAULO)) == protected_until(DUE, ACRE) == END + timedelta(hours=2)
    assert protection_end(DUE, (NORONHA,)) == END - timedelta(hours=1)


@given(
    made_at=st.integers(0, 11 * 365 * 86_400).map(lambda s: datetime(2016, 1, 1, tzinfo=UTC) + timedelta(seconds=s)),
    zones=st.lists(st.sampled_from([SAO_PAULO, ACRE, MANAUS, NORONHA]), min_size=1, unique=True),
)
def test_promise_for_today_protects_for_the_rest_of_the_customers_day(made_at: datetime, zones: list[ZoneInfo]) -> None:
    today = earliest_day(made_at, zones)
    end = protection_end(today, zones)
    assert made_at < end
    assert all(end.astimezone(zone).date() > today for zone in zones)
    assert any((end - timedelta(microseconds=1)).astimezone(zone).date() == today for zone in zones)


@pytest.mark.parametrize("zone", [SAO_PAULO, ACRE, MANAUS, NORONHA])
@pytest.mark.parametrize("day", [date(2018, 2, 17), date(2018, 11, 3), date(2018, 11, 4), DUE])
def test_last_second_of_the_day_and_the_first_of_the_next(zone: ZoneInfo, day: date) -> None:
    end = protection_end(day, (zone,))
    last = end - timedelta(seconds=1)
    assert earliest_day(last, (zone,)) == day
    assert protection_end(earliest_day(last, (zone,)), (zone,)) == end  # made at 23:59:59 for today
    assert earliest_day(end, (zone,)) == day + DAY
    assert protection_end(earliest_day(end, (zone,)), (zone,)) > end  # made at the next day's first instant
