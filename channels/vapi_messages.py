"""What Vapi's server messages say (protocols 6.2): any shape becomes plain values, and nothing here raises."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from types import MappingProxyType
from typing import Literal
from uuid import UUID

from channels.reading import (
    EMPTY,
    JsonObject,
    Unreadable,
    as_id,
    as_list,
    as_number,
    as_object,
    as_text,
    objects_in,
    read_json,
)
from domain.calls import CallReport, CallStatus

_STATUSES: Mapping[str, CallStatus] = {
    "scheduled": CallStatus.QUEUED,
    "queued": CallStatus.QUEUED,
    "ringing": CallStatus.RINGING,
    "in-progress": CallStatus.IN_PROGRESS,
    "forwarding": CallStatus.IN_PROGRESS,
}
# The reasons are some 600 and grow: the first of these that a reason begins with says what it means (protocols 6.2).
_ENDINGS: tuple[tuple[str, CallStatus], ...] = (
    ("customer-busy", CallStatus.BUSY),
    ("customer-did-not-answer", CallStatus.NO_ANSWER),
    ("customer-ended-call", CallStatus.COMPLETED),
    ("assistant-ended-call", CallStatus.COMPLETED),
    ("assistant-said-end-call-phrase", CallStatus.COMPLETED),
    ("assistant-said-message-with-end-call-enabled", CallStatus.COMPLETED),
    ("assistant-forwarded-call", CallStatus.COMPLETED),
    ("silence-timed-out", CallStatus.COMPLETED),
    ("exceeded-max-duration", CallStatus.COMPLETED),
    ("call.forwarding", CallStatus.COMPLETED),
    ("call.in-progress.twilio-completed-call", CallStatus.COMPLETED),
    ("vonage-completed", CallStatus.COMPLETED),
    ("voicemail", CallStatus.COMPLETED),
    ("manually-canceled", CallStatus.CANCELED),
    ("call-deleted", CallStatus.CANCELED),
    ("scheduled-call-deleted", CallStatus.CANCELED),
)
_VOICEMAIL = "voicemail"
_NO_SUCH_NUMBER = ("customer-misdialed", "unallocated-number")
_NOT_FOUND_SIP = 404  # what a telephone network answers for a number that nobody has
_MACHINE = "machine_start"
_MOST_TOOL_CALLS = 16
_MOST_MESSAGES = 2000
_LONGEST_REASON = 60
_LONGEST_NAME = 100
_LONGEST_TEXT = 4000
_MOST_COST = 1_000_000
_MOST_SECONDS = 24 * 3600
_PHONE = re.compile(r"\+[1-9]\d{6,14}")
_OUT = "outboundPhoneCall"


@dataclass(frozen=True, kw_only=True, slots=True)
class VapiCall:
    """The call a message is about. `our_call_id` is what we gave as metadata when we asked for it."""

    id: str
    direction: Literal["in", "out"]
    our_call_id: UUID | None
    customer_phone: str | None  # None: hidden, or no phone at all


@dataclass(frozen=True, kw_only=True, slots=True)
class ToolCall:
    """One tool the assistant calls; `arguments` None when they cannot be read."""

    id: str
    name: str
    arguments: Mapping[str, object] | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Said:
    """What was said, by whom, and at which second of the call."""

    role: Literal["user", "agent"]
    text: str
    start_seconds: float | None


@dataclass(frozen=True, kw_only=True, slots=True)
class EndReport:
    """What Vapi tells when all is over."""

    reason: str
    recording_url: str | None
    cost_usd_cents: int | None  # Vapi tells dollars
    transcript: tuple[Said, ...]
    transferred_to: str | None
    duration_seconds: int | None


@dataclass(frozen=True, kw_only=True, slots=True)
class ServerMessage:
    """One message. `kind` is Vapi's own word; `content` holds its fields for the functions below."""

    kind: str
    call: VapiCall | None
    content: JsonObject


def read_message(body: bytes) -> ServerMessage | None:
    """Read a verified body; None when it holds no message."""
    try:
        message = as_object(as_object(read_json(body)).get("message"))
    except Unreadable:
        return None
    kind = as_text(message.get("type"))
    if kind is None or len(kind) > _LONGEST_NAME:
        return None
    return ServerMessage(kind=kind, call=_call(message), content=message)


def _call(message: JsonObject) -> VapiCall | None:
    call = as_object(message.get("call"))
    call_id = as_id(call.get("id"))
    if call_id is None:
        return None
    return VapiCall(
        id=call_id,
        direction="out" if call.get("type") == _OUT else "in",
        our_call_id=_our_call_id(call),
        customer_phone=_phone(as_object(call.get("customer"))) or _phone(as_object(message.get("customer"))),
    )


def _our_call_id(call: JsonObject) -> UUID | None:
    for place in (as_object(call.get("assistantOverrides")), call):
        text = as_text(as_object(place.get("metadata")).get("call_id"))
        if text is None:
            continue
        try:
            return UUID(text) if len(text) == 36 else None
        except ValueError:
            return None
    return None


def _phone(customer: JsonObject) -> str | None:
    number = as_text(customer.get("number")) or ""
    return number if _PHONE.fullmatch(number) else None


def status_of(message: ServerMessage) -> CallReport | None:
    """Read what a status-update or an end-of-call-report says of the call's status; None when it is not understood."""
    if message.call is None:
        return None
    content = message.content
    status = "ended" if message.kind == "end-of-call-report" else as_text(content.get("status")) or ""
    return _report(message.call.id, status, as_text(content.get("endedReason")), _seconds(content))


def report_of_call(record: JsonObject) -> CallReport | None:
    """Read the call's own record, as GET /call gives it."""
    call_id = as_id(record.get("id"))
    if call_id is None:
        return None
    status = as_text(record.get("status")) or ""
    return _report(call_id, status, as_text(record.get("endedReason")), _seconds(record))


def _report(call_id: str, status: str, reason: str | None, seconds: int | None) -> CallReport | None:
    if status == "ended":
        return _ended(call_id, _reason(reason), seconds)
    known = _STATUSES.get(status)
    return None if known is None else CallReport(provider_call_id=call_id, account_sid="", status=known)


def _ended(call_id: str, reason: str, seconds: int | None) -> CallReport:
    status = next((status for prefix, status in _ENDINGS if reason.startswith(prefix)), CallStatus.FAILED)
    has_no_number = any(word in reason for word in _NO_SUCH_NUMBER)
    return CallReport(
        provider_call_id=call_id,
        account_sid="",
        status=CallStatus.FAILED if has_no_number else status,
        answered_by=_MACHINE if reason.startswith(_VOICEMAIL) else None,
        duration_seconds=seconds,
        error_code=reason or "unknown" if status is CallStatus.FAILED or has_no_number else None,
        sip_code=_NOT_FOUND_SIP if has_no_number else None,
    )


def _reason(text: str | None) -> str:
    return text[:_LONGEST_REASON] if text and text.isascii() and text.isprintable() else ""


def end_of(message: ServerMessage) -> EndReport:
    """Read an end-of-call-report."""
    content = message.content
    artifact = as_object(content.get("artifact"))
    return EndReport(
        reason=_reason(as_text(content.get("endedReason"))),
        recording_url=as_text(artifact.get("recordingUrl")) or as_text(content.get("recordingUrl")),
        cost_usd_cents=_cents(content.get("cost")),
        transcript=said_in(message),
        transferred_to=_phone(as_object(content.get("destination"))),
        duration_seconds=_seconds(content),
    )


def _cents(cost: object) -> int | None:
    number = as_number(cost)
    if number is None or not 0 <= number <= _MOST_COST:
        return None
    return int((Decimal(str(number)) * 100).quantize(Decimal(1), rounding=ROUND_HALF_UP))


def _seconds(content: JsonObject) -> int | None:
    started, ended = _instant(content.get("startedAt")), _instant(content.get("endedAt"))
    if started is None or ended is None:
        return None
    seconds = int((ended - started).total_seconds())
    return seconds if 0 <= seconds <= _MOST_SECONDS else None


def _instant(value: object) -> datetime | None:
    try:
        instant = datetime.fromisoformat(as_text(value) or "")
    except ValueError:
        return None
    return instant if instant.tzinfo is not None else None


_ROLES: Mapping[str, Literal["user", "agent"]] = MappingProxyType(
    {"user": "user", "bot": "agent", "assistant": "agent"}
)


def said_in(message: ServerMessage) -> tuple[Said, ...]:
    """List what was said in the call so far, as the message brings it along; prompts and tools are not spoken."""
    artifact = as_object(message.content.get("artifact"))
    entries = as_list(artifact.get("messages")) or as_list(message.content.get("messages"))
    return tuple(_said(entries[-_MOST_MESSAGES:]))


def _said(entries: Sequence[object]) -> Iterator[Said]:
    for entry in entries:
        told = as_object(entry)
        role, text = _ROLES.get(as_text(told.get("role")) or ""), as_text(told.get("message"))
        if role is not None and text is not None and text.strip():
            yield Said(
                role=role, text=text.strip()[:_LONGEST_TEXT], start_seconds=as_number(told.get("secondsFromStart"))
            )  # fmt: skip


def tool_calls(message: ServerMessage) -> tuple[ToolCall, ...]:
    """List the tools called, each once: the same call stands in up to three lists, in two shapes."""
    found: dict[str, ToolCall] = {}
    content = message.content
    lists = [content.get("toolCallList"), content.get("toolCalls")]
    lists.append([item.get("toolCall") for item in objects_in(content.get("toolWithToolCallList"))])
    for item in (item for each in lists for item in objects_in(each)):
        call = _tool_call(item)
        if call is not None and (call.id not in found or found[call.id].arguments is None):
            found[call.id] = call
    return tuple(found.values())[:_MOST_TOOL_CALLS]


def _tool_call(item: JsonObject) -> ToolCall | None:
    function = as_object(item.get("function")) or item
    call_id, name = as_id(item.get("id")), as_text(function.get("name"))
    if call_id is None or name is None or len(name) > _LONGEST_NAME:
        return None
    given = next((function[key] for key in ("arguments", "parameters") if key in function), EMPTY)
    return ToolCall(id=call_id, name=name, arguments=_arguments(given))


def function_call(message: ServerMessage) -> ToolCall | None:
    """Read the old form of a tool call, which has no id: the call and its arguments name it well enough."""
    function = as_object(message.content.get("functionCall"))
    name = as_text(function.get("name"))
    if name is None or len(name) > _LONGEST_NAME:
        return None
    return ToolCall(id="", name=name, arguments=_arguments(function.get("parameters", EMPTY)))


def _arguments(given: object) -> Mapping[str, object] | None:
    """Take arguments as an object or as its JSON text; nothing at all means none."""
    if isinstance(given, str):
        if not given.strip():
            return EMPTY
        try:
            given = read_json(given.encode("utf-8", "replace"))
        except Unreadable:
            return None
    if given is None:
        return EMPTY
    return given if isinstance(given, dict) else None
