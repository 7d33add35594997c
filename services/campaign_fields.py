"""What the fields of a campaign may hold. What the rules of domain.contact_hours forbid stays forbidden at the gate."""

from collections.abc import Collection
from dataclasses import replace
from datetime import timedelta

from domain.campaigns import Method, first_method
from domain.errors import InvalidInput
from domain.message_templates import DEFAULT_SMS, find_problem
from services.plain_text import tidy, tidy_line
from store.campaigns import CampaignRow

_NAME_LIMIT = 120
_SMS_LIMIT = 480  # three parts
_SHORTEST_WINDOW = timedelta(minutes=30)
_MOST_MINUTES = 43_200
_MOST_ATTEMPTS = 20
_MOST_CENTS = 10**12
_PACINGS = ("spread", "asap")
_VOICEMAIL_POLICIES = ("hang_up", "leave_message")


def checked(row: CampaignRow) -> CampaignRow:
    """Give the campaign as it is stored: tidied, in one order, complete. Raises InvalidInput."""
    name = tidy_line(row.name, limit=_NAME_LIMIT + 1)
    if not 1 <= len(name) <= _NAME_LIMIT:
        raise InvalidInput("name", f"must have 1 to {_NAME_LIMIT} characters")
    _check_numbers(row)
    _check_words(row)
    allowed, order = _checked_methods(row)
    return replace(
        row, name=name, allowed_methods=allowed, fallback_order=order, weekdays=_checked_schedule(row),
        sms_text=_checked_sms(row.sms_text, allowed),
    )  # fmt: skip


def _check_words(row: CampaignRow) -> None:
    if row.pacing not in _PACINGS:
        raise InvalidInput("pacing", f"must be one of: {', '.join(_PACINGS)}")
    if row.voicemail_policy not in _VOICEMAIL_POLICIES:
        raise InvalidInput("voicemailPolicy", f"must be one of: {', '.join(_VOICEMAIL_POLICIES)}")


def _check_numbers(row: CampaignRow) -> None:
    if not 1 <= row.max_attempts <= _MOST_ATTEMPTS:
        raise InvalidInput("maxAttempts", f"must be 1 to {_MOST_ATTEMPTS}")
    for field, minutes in (
        ("retryGapMinutes", row.retry_gap_minutes), ("unansweredAfterMinutes", row.unanswered_after_minutes),
    ):  # fmt: skip
        if not 1 <= minutes <= _MOST_MINUTES:
            raise InvalidInput(field, f"must be 1 to {_MOST_MINUTES}")
    if row.budget_cents is not None and not 0 <= row.budget_cents <= _MOST_CENTS:
        raise InvalidInput("budgetCents", f"must be 0 to {_MOST_CENTS}")


def _checked_methods(row: CampaignRow) -> tuple[list[Method], list[Method]]:
    allowed = list(dict.fromkeys(row.allowed_methods))
    if not allowed:
        raise InvalidInput("allowedMethods", "must not be empty")
    if first_method(row.contact_method) not in allowed:
        raise InvalidInput("allowedMethods", "must contain the method that the campaign begins with")
    order = list(dict.fromkeys(row.fallback_order))
    if not set(order) <= set(allowed):
        raise InvalidInput("fallbackOrder", "may only name allowed methods")
    return allowed, order


def _checked_schedule(row: CampaignRow) -> list[int]:
    for field, at in (("scheduleStart", row.schedule_start), ("scheduleEnd", row.schedule_end)):
        if at.tzinfo is not None:
            raise InvalidInput(field, "must be a time of day without a zone")
    start, end = (timedelta(hours=at.hour, minutes=at.minute, seconds=at.second, microseconds=at.microsecond)
                  for at in (row.schedule_start, row.schedule_end))  # fmt: skip
    if end - start < _SHORTEST_WINDOW:
        raise InvalidInput("scheduleEnd", "must be at least 30 minutes after scheduleStart")
    if not row.weekdays or any(not 1 <= day <= 7 for day in row.weekdays):
        raise InvalidInput("weekdays", "must be one or more of 1 (Monday) to 7 (Sunday)")
    return sorted(set(row.weekdays))


def _checked_sms(text: str | None, allowed: Collection[Method]) -> str | None:
    """Take a neutral text; a campaign that writes SMS and brings none gets ours."""
    words = tidy(text, limit=_SMS_LIMIT + 1) if text is not None else ""
    if not words:
        return DEFAULT_SMS if Method.SMS in allowed else None
    if len(words) > _SMS_LIMIT:
        raise InvalidInput("smsText", f"may have at most {_SMS_LIMIT} characters")
    problem = find_problem(words)
    if problem is not None:
        raise InvalidInput("smsText", problem)
    return words
