"""The state machines of campaigns and targets, the order of methods, and the pace of slots."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.campaigns import (
    FINAL_OUTCOMES,
    CampaignStatus,
    ContactMethod,
    Method,
    Move,
    Standing,
    TargetOutcome,
    TargetState,
    after_broken_promise,
    after_claim,
    after_payment,
    after_promise,
    can_campaign_become,
    can_target_become,
    default_methods,
    first_method,
    media_of,
    method_order,
    next_method,
    review,
)
from domain.messages import Medium
from domain.pacing import Pacing, slots

NOW = datetime(2026, 11, 23, 14, 0, tzinfo=UTC)
DAY = timedelta(days=1)
W, V, S = Method.WHATSAPP, Method.VOICE, Method.SMS


def standing(
    state: TargetState = TargetState.CONTACTED, outcome: TargetOutcome | None = TargetOutcome.SENT, *,
    attempts: int = 1, last: datetime | None = NOW - DAY, due: datetime | None = NOW,
) -> Standing:  # fmt: skip
    return Standing(state=state, outcome=outcome, attempt_count=attempts, last_attempt_at=last, due_at=due)


@pytest.mark.parametrize("current", CampaignStatus)
@pytest.mark.parametrize("new", CampaignStatus)
def test_steps_of_a_campaign(current: CampaignStatus, new: CampaignStatus) -> None:
    allowed = {
        ("draft", "active"), ("active", "paused"), ("active", "completed"), ("paused", "active"),
        ("paused", "completed"),
    }  # fmt: skip
    assert can_campaign_become(current, new) == ((current, new) in allowed)


@pytest.mark.parametrize("current", TargetState)
@pytest.mark.parametrize("new", TargetState)
def test_steps_of_a_target(current: TargetState, new: TargetState) -> None:
    refused = {
        ("pending", "calling"), ("calling", "scheduled"), ("contacted", "scheduled"), ("contacted", "calling"),
        ("completed", "scheduled"), ("completed", "calling"),
    }  # fmt: skip
    assert can_target_become(current, new) == ((current, new) not in refused)


@pytest.mark.parametrize(
    ("contact_method", "allowed", "fallback", "order"),
    [
        (ContactMethod.WHATSAPP_PRIMARY, [W], [], [W]),
        (ContactMethod.WHATSAPP_PRIMARY, [W, V, S], [V, S], [W, V, S]),
        (ContactMethod.WHATSAPP_PRIMARY, [W, V, S], [S, W, V], [W, S, V]),
        (ContactMethod.VOICE, [V, S], [S], [V, S]),
        (ContactMethod.VOICE, [V, S], [W, S], [V, S]),
        (ContactMethod.WHATSAPP_FALLBACK, [V, W, S], [S], [V, W, S]),
        (ContactMethod.WHATSAPP_FALLBACK, [V, W, S], [S, W], [V, W, S]),
    ],
)
def test_order_of_methods(
    contact_method: ContactMethod, allowed: list[Method], fallback: list[Method], order: list[Method]
) -> None:
    assert list(method_order(contact_method, allowed=allowed, fallback_order=fallback)) == order


@pytest.mark.parametrize(
    ("last", "usable", "following"),
    [
        (None, {W, V, S}, W), (W, {W, V, S}, V), (V, {W, V, S}, S), (S, {W, V, S}, W), (W, {W}, W), (W, {S}, S),
        (W, set(), None), (None, {S}, S),
    ],
)  # fmt: skip
def test_next_method_goes_round(last: Method | None, usable: set[Method], following: Method | None) -> None:
    assert next_method((W, V, S), usable=usable, last=last) is following


def test_methods_of_a_campaign_that_names_none() -> None:
    assert default_methods(ContactMethod.VOICE) == (V,)
    assert default_methods(ContactMethod.WHATSAPP_PRIMARY) == (W,)
    assert default_methods(ContactMethod.WHATSAPP_FALLBACK) == (V, W)
    assert [first_method(method) for method in ContactMethod] == [V, W, V]
    assert media_of(W) == {Medium.WHATSAPP, Medium.SIMULATOR}
    assert media_of(V).isdisjoint(media_of(S))


@pytest.mark.parametrize(
    ("target", "inbound", "move"),
    [
        (standing(), None, Move(state=TargetState.PENDING, outcome=TargetOutcome.NO_ANSWER, due_at=NOW)),
        (standing(last=NOW - DAY / 2), None,
         Move(state=TargetState.PENDING, outcome=TargetOutcome.NO_ANSWER, due_at=NOW + DAY / 2)),
        (standing(attempts=3), None, Move(state=TargetState.COMPLETED, outcome=TargetOutcome.NO_ANSWER, due_at=None)),
        (standing(), NOW, Move(state=TargetState.PENDING, outcome=TargetOutcome.ANSWERED, due_at=NOW)),
        (standing(attempts=3), NOW, Move(state=TargetState.COMPLETED, outcome=TargetOutcome.ANSWERED, due_at=None)),
        (standing(), NOW - 2 * DAY, Move(state=TargetState.PENDING, outcome=TargetOutcome.NO_ANSWER, due_at=NOW)),
        (standing(outcome=TargetOutcome.BUSY, attempts=3), None,
         Move(state=TargetState.COMPLETED, outcome=TargetOutcome.BUSY, due_at=None)),
        (standing(outcome=TargetOutcome.CALLBACK_REQUESTED), NOW,
         Move(state=TargetState.PENDING, outcome=TargetOutcome.CALLBACK_REQUESTED, due_at=NOW)),
        (standing(outcome=TargetOutcome.UNKNOWN), None,
         Move(state=TargetState.CONTACTED, outcome=TargetOutcome.UNKNOWN, due_at=None)),
        (standing(outcome=TargetOutcome.UNKNOWN), NOW,
         Move(state=TargetState.PENDING, outcome=TargetOutcome.ANSWERED, due_at=NOW)),
        (standing(outcome=TargetOutcome.PROMISE_MADE, attempts=3), NOW,
         Move(state=TargetState.PENDING, outcome=TargetOutcome.PROMISE_MADE, due_at=NOW, is_new_round=True)),
        (standing(outcome=TargetOutcome.PAYMENT_CLAIMED, attempts=3), None,
         Move(state=TargetState.PENDING, outcome=TargetOutcome.PAYMENT_CLAIMED, due_at=NOW, is_new_round=True)),
        (standing(outcome=TargetOutcome.PAID), None,
         Move(state=TargetState.COMPLETED, outcome=TargetOutcome.PAID, due_at=None)),
    ],
)  # fmt: skip
def test_review_of_a_contact(target: Standing, inbound: datetime | None, move: Move) -> None:
    assert review(target, max_attempts=3, retry_gap=DAY, last_inbound_at=inbound, now=NOW) == move


@pytest.mark.parametrize("state", TargetState)
@pytest.mark.parametrize("outcome", [None, *TargetOutcome])
@pytest.mark.parametrize("is_over", [False, True])
def test_promise_lets_a_target_rest_unless_it_has_ended_for_good(
    state: TargetState, outcome: TargetOutcome | None, is_over: bool
) -> None:
    move = after_promise(standing(state, outcome), protected_until=NOW + DAY, is_campaign_over=is_over)
    if state is TargetState.COMPLETED and outcome in FINAL_OUTCOMES:
        assert move is None
        return
    assert move is not None
    assert move.outcome is TargetOutcome.PROMISE_MADE
    is_revived = state is not TargetState.COMPLETED or not is_over
    assert move.state is (TargetState.CONTACTED if is_revived else TargetState.COMPLETED)
    assert move.due_at == (NOW + DAY if is_revived else None)


@pytest.mark.parametrize("state", TargetState)
@pytest.mark.parametrize("outcome", [None, *TargetOutcome])
def test_payment_ends_a_target_and_keeps_a_refusal(state: TargetState, outcome: TargetOutcome | None) -> None:
    move = after_payment(standing(state, outcome))
    is_kept = state is TargetState.COMPLETED and outcome in {TargetOutcome.OPTED_OUT, TargetOutcome.WRONG_PERSON}
    assert move == Move(
        state=TargetState.COMPLETED, outcome=outcome if is_kept else TargetOutcome.PAID, due_at=None
    )  # fmt: skip


@pytest.mark.parametrize(
    ("target", "is_over", "state"),
    [
        (standing(outcome=TargetOutcome.PROMISE_MADE), False, TargetState.PENDING),
        (standing(outcome=TargetOutcome.SENT), False, TargetState.PENDING),
        (standing(TargetState.COMPLETED, TargetOutcome.NO_ANSWER, due=None), False, TargetState.PENDING),
        (standing(TargetState.COMPLETED, TargetOutcome.NO_ANSWER, due=None), True, TargetState.COMPLETED),
        (standing(TargetState.SCHEDULED, TargetOutcome.PROMISE_MADE), False, TargetState.SCHEDULED),
        (standing(TargetState.CALLING, TargetOutcome.PROMISE_MADE), False, TargetState.CALLING),
    ],
)
def test_broken_promise_brings_the_target_back(target: Standing, is_over: bool, state: TargetState) -> None:
    move = after_broken_promise(target, is_campaign_over=is_over, now=NOW)
    assert move is not None
    assert (move.state, move.outcome) == (state, TargetOutcome.PROMISE_BROKEN)
    assert move.due_at == (NOW if move.is_new_round else target.due_at)


@pytest.mark.parametrize("outcome", [*sorted(FINAL_OUTCOMES), TargetOutcome.PROMISE_BROKEN])
def test_broken_promise_leaves_what_has_ended_or_is_back_already(outcome: TargetOutcome) -> None:
    assert after_broken_promise(standing(TargetState.COMPLETED, outcome), is_campaign_over=False, now=NOW) is None


_EVENTS = st.sampled_from(["promise", "claim", "paid", "broken", "review", "plan", "contact", "opt_out"])


@given(st.lists(_EVENTS, max_size=30), st.integers(1, 4))
def test_no_sequence_of_events_leaves_the_table(events: list[str], max_attempts: int) -> None:
    target = standing(TargetState.PENDING, None, attempts=0, last=None)
    now = NOW
    for event in events:
        now += timedelta(hours=7)
        move = _move(event, target, max_attempts, now)
        if move is None:
            continue
        assert can_target_become(target.state, move.state), (target, event, move)
        assert (move.due_at is None) == (move.state is TargetState.COMPLETED) or move.outcome is TargetOutcome.UNKNOWN
        attempts = 0 if move.is_new_round else target.attempt_count + (event == "contact")
        assert attempts <= max_attempts
        if target.state is TargetState.COMPLETED and target.outcome is TargetOutcome.OPTED_OUT:
            assert move.state is TargetState.COMPLETED
        target = Standing(
            state=move.state, outcome=move.outcome, attempt_count=attempts, due_at=move.due_at,
            last_attempt_at=now if event == "contact" else target.last_attempt_at,
        )  # fmt: skip


def _move(event: str, target: Standing, max_attempts: int, now: datetime) -> Move | None:
    is_open = target.state is not TargetState.COMPLETED
    match event:
        case "promise":
            return after_promise(target, protected_until=now + DAY, is_campaign_over=False)
        case "claim":
            return after_claim(target, hold_until=now + DAY, is_campaign_over=False)
        case "paid":
            return after_payment(target)
        case "broken":
            return after_broken_promise(target, is_campaign_over=False, now=now)
        case "opt_out":
            move = Move(state=TargetState.COMPLETED, outcome=TargetOutcome.OPTED_OUT, due_at=None)
            return move if is_open else None
        case "review" if target.state is TargetState.CONTACTED:
            return review(target, max_attempts=max_attempts, retry_gap=DAY, last_inbound_at=None, now=now)
        case "plan" if target.state is TargetState.PENDING:
            return Move(state=TargetState.SCHEDULED, outcome=target.outcome, due_at=now)
        case "contact" if target.state is TargetState.SCHEDULED and target.attempt_count < max_attempts:
            return Move(state=TargetState.CONTACTED, outcome=TargetOutcome.SENT, due_at=now + DAY)
    return None


@given(
    span=st.timedeltas(min_value=timedelta(seconds=1), max_value=timedelta(hours=12)),
    count=st.integers(0, 300), per_second=st.floats(0.001, 100), pacing=st.sampled_from(["spread", "asap"]),
)  # fmt: skip
def test_slots_lie_in_the_opening_in_order_and_never_too_fast(
    span: timedelta, count: int, per_second: float, pacing: Pacing
) -> None:
    found = list(slots(opening=NOW, closing=NOW + span, count=count, per_second=per_second, pacing=pacing))
    assert len(found) <= count
    assert all(NOW <= at < NOW + span for at in found)
    assert found[:1] == [NOW][:count]
    step = timedelta(seconds=1 / per_second)
    assert all(later - earlier >= step for earlier, later in pairwise(found))
    gaps = [later - earlier for earlier, later in pairwise(found)]
    assert not gaps or max(gaps) - min(gaps) <= timedelta(microseconds=1)


def test_spread_reaches_almost_the_closing_and_asap_does_not() -> None:
    closing = NOW + timedelta(hours=9)
    spread = list(slots(opening=NOW, closing=closing, count=90, per_second=10, pacing="spread"))
    asap = list(slots(opening=NOW, closing=closing, count=90, per_second=10, pacing="asap"))
    assert closing - spread[-1] < timedelta(minutes=8)
    assert asap[-1] == NOW + timedelta(seconds=8.9)
