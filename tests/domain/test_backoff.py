from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.backoff import MAX_ATTEMPTS, STEPS_SECONDS, retry_at

NOW = datetime(2026, 11, 20, 14, 0, tzinfo=UTC)


@pytest.mark.parametrize(("attempts", "seconds"), [(1, 2), (2, 8), (3, 30), (4, 120)])
def test_steps_without_jitter(attempts: int, seconds: float) -> None:
    assert retry_at(attempts=attempts, now=NOW, random=lambda: 1.0) == NOW + timedelta(seconds=seconds)


def test_fifth_try_is_the_last() -> None:
    assert retry_at(attempts=MAX_ATTEMPTS, now=NOW, random=lambda: 0.5) is None


@given(attempts=st.integers(1, 4), jitter=st.floats(0, 1))
def test_jitter_stays_within_the_step(attempts: int, jitter: float) -> None:
    at = retry_at(attempts=attempts, now=NOW, random=lambda: jitter)
    assert at is not None
    assert timedelta(0) < at - NOW <= timedelta(seconds=STEPS_SECONDS[attempts - 1])


@pytest.mark.parametrize(("said", "kept"), [(40, 40), (0, 0.5), (-3, 0.5), (10**9, 3600)])
def test_retry_after_wins_within_bounds(said: float, kept: float) -> None:
    at = retry_at(attempts=1, now=NOW, random=lambda: 0.0, retry_after_seconds=said)
    assert at == NOW + timedelta(seconds=kept)
