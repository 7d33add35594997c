"""Phone calls: their states, what an ending means for the debtor, when a call that was asked for may be made."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Literal

from domain.campaigns import Move, Standing, TargetOutcome, TargetState
from domain.contact_hours import Place, local_day
from domain.promised_day import protected_until

CallPurpose = Literal["campaign", "requested", "inbound"]
"""Why a call is made: a campaign wants it, the customer asked for it, or the customer rang us."""


class CallStatus(StrEnum):
    """Life of a call. An ending never becomes anything else."""

    DIALING = "dialing"  # committed before the provider is asked
    UNKNOWN = "unknown"  # nobody knows whether the provider took it: never dialed again by itself
    QUEUED = "queued"
    RINGING = "ringing"
    IN_PROGRESS = "in_progress"
    COMPLETED = "completed"
    BUSY = "busy"
    NO_ANSWER = "no_answer"
    FAILED = "failed"
    CANCELED = "canceled"


class CallChoice(StrEnum):
    """What the person chose on the keypad."""

    WHATSAPP = "1"
    CALL_BACK = "2"
    OPT_OUT = "9"


@dataclass(frozen=True, kw_only=True, slots=True)
class CallReport:
    """What a provider says of a call, by webhook or when asked."""

    provider_call_id: str
    account_sid: str
    status: CallStatus
    sequence_number: int | None = None
    answered_by: str | None = None
    duration_seconds: int | None = None
    error_code: str | None = None
    sip_code: int | None = None

    @property
    def is_number_invalid(self) -> bool:
        """Tell that no phone rings at this number, so nobody was called."""
        return self.status is CallStatus.FAILED and (
            self.error_code in _INVALID_NUMBER_CODES or self.sip_code in _INVALID_NUMBER_SIP_CODES
        )


FINAL_STATUSES = frozenset(
    {CallStatus.COMPLETED, CallStatus.BUSY, CallStatus.NO_ANSWER, CallStatus.FAILED, CallStatus.CANCELED}
)
INVALID_NUMBER = "invalid_number"
"""As a call's error code: nobody was called."""
_INVALID_NUMBER_CODES = frozenset({"13223", "13224", "13225", "21211", "21214", "21217"})
_INVALID_NUMBER_SIP_CODES = frozenset({404, 410, 484, 604})  # not found, gone, incomplete, exists nowhere
_RANK: Mapping[CallStatus, int] = {
    CallStatus.DIALING: 0,
    CallStatus.UNKNOWN: 1,
    CallStatus.QUEUED: 2,
    CallStatus.RINGING: 3,
    CallStatus.IN_PROGRESS: 4,
}
_OUTCOMES: Mapping[CallStatus, TargetOutcome] = {
    CallStatus.COMPLETED: TargetOutcome.ANSWERED,
    CallStatus.BUSY: TargetOutcome.BUSY,
    CallStatus.NO_ANSWER: TargetOutcome.NO_ANSWER,
    CallStatus.FAILED: TargetOutcome.FAILED,
    CallStatus.CANCELED: TargetOutcome.CANCELED,
}
SHORT_CALL_SECONDS = 6
_WEEK = timedelta(days=7)


def can_call_become(
    current: CallStatus, new: CallStatus, *, sequence_number: int | None = None, last_sequence: int | None = None
) -> bool:
    """Say whether a provider's status may replace ours (protocols 0.4: by the number, not by arrival).

    An ending is final, and wins over whatever came before: endings may share their number with an earlier event.
    """
    if current in FINAL_STATUSES or new in (CallStatus.DIALING, CallStatus.UNKNOWN):
        return False
    if new in FINAL_STATUSES:
        return True
    if sequence_number is not None and last_sequence is not None and sequence_number < last_sequence:
        return False
    return _RANK[new] > _RANK[current]


def is_machine(answered_by: str | None) -> bool:
    """Tell an answering machine or a fax; `unknown` is taken for a person, who would hear silence otherwise."""
    return answered_by is not None and (answered_by.startswith("machine") or answered_by == "fax")


def outcome_of(status: CallStatus, answered_by: str | None) -> TargetOutcome:
    """Give what a call that has ended came to (spec 3.6)."""
    if status is CallStatus.COMPLETED and is_machine(answered_by):
        return TargetOutcome.VOICEMAIL
    return _OUTCOMES[status]


def after_ending(
    target: Standing, outcome: TargetOutcome, *, max_attempts: int, retry_gap: timedelta, unanswered_after: timedelta,
    is_campaign_over: bool, now: datetime,
) -> Move:  # fmt: skip
    """Say what follows for the debtor who was called: who answered may still act, the others are tried again later."""
    if is_campaign_over:
        return Move(state=TargetState.COMPLETED, outcome=outcome, due_at=None)
    if outcome is TargetOutcome.ANSWERED:
        return Move(state=TargetState.CONTACTED, outcome=outcome, due_at=now + unanswered_after)
    if target.attempt_count >= max_attempts:
        return Move(state=TargetState.COMPLETED, outcome=outcome, due_at=None)
    since = target.last_attempt_at or now
    return Move(state=TargetState.PENDING, outcome=outcome, due_at=max(now, since + retry_gap))


def minutes_cost(duration_seconds: int | None, *, cents_per_minute: int) -> int:
    """Give what a call costs by our own rate: begun minutes count whole."""
    return -(-(duration_seconds or 0) // 60) * cents_per_minute


def cost_in_reais(cost_usd_cents: int, *, usd_brl_cents: int) -> int:
    """Give in cents of a real what a provider bills in cents of a dollar; half a cent counts whole."""
    return (cost_usd_cents * usd_brl_cents + 50) // 100


def read_choice(digits: str) -> CallChoice | Literal["other"] | None:
    """Read the keypad: one of the choices, another key, or nothing pressed."""
    pressed = digits.strip()[:4]
    if not pressed:
        return None
    try:
        return CallChoice(pressed)
    except ValueError:
        return "other"


def caps_free_at(now: datetime, *, made_at: Sequence[datetime], place: Place, per_day: int, per_week: int) -> datetime:
    """Give the first instant at which the frequency caps let a further contact through (compliance 3).

    What is announced on the phone must be what the gate will allow.
    """
    made = sorted(at for at in made_at if at > now - _WEEK)
    free_at = now
    today = local_day(now, place)
    if sum(local_day(at, place) >= today for at in made) >= per_day:
        free_at = max(protected_until(today, zone) for zone in place.zones)
    if len(made) >= per_week:
        free_at = max(free_at, made[len(made) - per_week] + _WEEK)
    return free_at
