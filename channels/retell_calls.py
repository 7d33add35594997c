"""What Retell says of a call: in webhooks, on the websocket and when asked (protocols 5.2 to 5.5)."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from enum import StrEnum
from typing import Literal
from uuid import UUID

from channels.reading import EMPTY, JsonObject, Unreadable, as_id, as_number, as_object, as_text, objects_in, read_json
from domain.calls import FINAL_STATUSES, CallReport, CallStatus

_SIP_INVALID_NUMBER = 484  # how `CallReport` knows that nobody can be reached at a number
_LONGEST_WORD = 60
_MOST_SECONDS = 24 * 3600


class Verdict(StrEnum):
    """What the end of a call asks of us, besides its status."""

    NOTHING = "nothing"
    ADDRESS = "address"  # nobody is reached at this number
    OPT_OUT = "opt_out"  # the person wants no calls
    TAKE_BACK = "take_back"  # it was never placed: it does not count as a contact
    STOP = "stop"  # the account may not call at all
    REPUTATION = "reputation"  # the number is blocked or called spam: people must look at it
    SCAM = "scam"
    CALL_BACK = "call_back"
    OURS = "ours"  # our own socket failed


@dataclass(frozen=True, kw_only=True, slots=True)
class Ending:
    """What a disconnection reason means for the call and for us."""

    status: CallStatus
    verdict: Verdict = Verdict.NOTHING
    answered_by: str | None = None


_ANSWERED = Ending(status=CallStatus.COMPLETED)
_BY_PERSON = Ending(status=CallStatus.COMPLETED, answered_by="human")
_BY_MACHINE = Ending(status=CallStatus.COMPLETED, answered_by="machine_voicemail")
_TECHNICAL = Ending(status=CallStatus.FAILED)
_NEVER_PLACED = Ending(status=CallStatus.FAILED, verdict=Verdict.TAKE_BACK)
_STOPPED = Ending(status=CallStatus.FAILED, verdict=Verdict.STOP)
_BLOCKED = Ending(status=CallStatus.FAILED, verdict=Verdict.REPUTATION)
_OURS = Ending(status=CallStatus.FAILED, verdict=Verdict.OURS)

ENDINGS: Mapping[str, Ending] = {
    "user_hangup": _ANSWERED,
    "agent_hangup": _ANSWERED,
    "inactivity": _ANSWERED,
    "max_duration_reached": _ANSWERED,
    "call_transfer": _BY_PERSON,
    "transfer_bridged": _BY_PERSON,
    "transfer_cancelled": _BY_PERSON,
    "call_take_over": _BY_PERSON,
    "manual_stopped": _ANSWERED,
    "voicemail_reached": _BY_MACHINE,
    "ivr_reached": Ending(status=CallStatus.COMPLETED, answered_by="machine_ivr"),
    "dial_busy": Ending(status=CallStatus.BUSY),
    "dial_no_answer": Ending(status=CallStatus.NO_ANSWER),
    "user_declined": Ending(status=CallStatus.BUSY),
    # Retell says so when SIP told nothing, also of numbers that carriers block: the callee's number may be fine.
    "dial_failed": _TECHNICAL,
    "invalid_destination": Ending(status=CallStatus.FAILED, verdict=Verdict.ADDRESS),
    "user_requested_dnc": Ending(status=CallStatus.COMPLETED, verdict=Verdict.OPT_OUT, answered_by="human"),
    "user_requested_callback": Ending(status=CallStatus.COMPLETED, verdict=Verdict.CALL_BACK, answered_by="human"),
    "scam_detected": Ending(status=CallStatus.COMPLETED, verdict=Verdict.SCAM),
    "marked_as_spam": _BLOCKED,
    "network_blocked": _BLOCKED,
    "concurrency_limit_reached": _NEVER_PLACED,
    "no_concurrency_fallback": _NEVER_PLACED,
    "telephony_provider_unavailable": _NEVER_PLACED,
    "registered_call_timeout": _NEVER_PLACED,
    "sip_routing_error": _NEVER_PLACED,
    "no_valid_payment": _STOPPED,
    "credit_exhausted": _STOPPED,
    "budget_reached": _STOPPED,
    "telephony_provider_permission_denied": _STOPPED,
    "error_llm_websocket_open": _OURS,
    "error_llm_websocket_lost_connection": _OURS,
    "error_llm_websocket_runtime": _OURS,
    "error_llm_websocket_corrupt_payload": _OURS,
    "error_no_audio_received": _TECHNICAL,
    "error_asr": _TECHNICAL,
    "error_retell": _TECHNICAL,
    "error_unknown": _TECHNICAL,
    "error_user_not_joined": _TECHNICAL,
}
"""Every `disconnection_reason` of retell-sdk 6.2.13 (protocols 5.2); what is not here counts as technical."""

_STATUSES: Mapping[str, CallStatus] = {
    "registered": CallStatus.QUEUED,
    "ongoing": CallStatus.IN_PROGRESS,
    "ended": CallStatus.COMPLETED,
    "not_connected": CallStatus.NO_ANSWER,
    "error": CallStatus.FAILED,
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Said:
    """One utterance of a finished call; `start_seconds` counts from the beginning of its audio."""

    role: Literal["agent", "user"]
    text: str
    start_seconds: float | None


@dataclass(frozen=True, kw_only=True, slots=True)
class RetellCall:
    """A call as Retell describes it in webhooks, on the websocket and when asked. Nothing in it is certain to be there
    but its id."""

    provider_call_id: str
    call_id: UUID | None = None  # ours, from the metadata
    direction: Literal["in", "out"] = "in"
    from_number: str | None = None
    to_number: str | None = None
    agent_id: str | None = None
    agent_version: str | None = None
    status: str | None = None
    disconnection_reason: str | None = None
    duration_seconds: int | None = None
    recording_url: str | None = None
    cost_usd_cents: int | None = None
    transferred_to: str | None = None
    is_voicemail: bool = False
    transcript: tuple[Said, ...] = ()

    @property
    def customer_phone(self) -> str | None:
        return self.from_number if self.direction == "in" else self.to_number

    @property
    def our_number(self) -> str | None:
        return self.to_number if self.direction == "in" else self.from_number

    @property
    def has_ended(self) -> bool:
        return _STATUSES.get(self.status or "") in FINAL_STATUSES

    @property
    def ending(self) -> Ending:
        """Say what its end means. Only for a call that has ended."""
        ending = ENDINGS.get(self.disconnection_reason or "")
        if ending is None:
            status = _STATUSES.get(self.status or "", CallStatus.FAILED)
            known = status in FINAL_STATUSES and self.disconnection_reason is None
            ending = Ending(status=status) if known else _TECHNICAL
        if self.is_voicemail and ending.status is CallStatus.COMPLETED:
            return Ending(status=ending.status, verdict=ending.verdict, answered_by=_BY_MACHINE.answered_by)
        return ending

    def report(self, *, has_ended: bool) -> CallReport | None:
        """Give the status as `services.calls` takes it; None when Retell's word for it is new to us."""
        if not has_ended:
            status = _STATUSES.get(self.status or "ongoing")
            if status is None or status in FINAL_STATUSES:
                return None
            return CallReport(provider_call_id=self.provider_call_id, account_sid="", status=status)
        ending = self.ending
        return CallReport(
            provider_call_id=self.provider_call_id, account_sid="", status=ending.status,
            answered_by=ending.answered_by, duration_seconds=self.duration_seconds,
            error_code=self.disconnection_reason if ending.status is CallStatus.FAILED else None,
            sip_code=_SIP_INVALID_NUMBER if ending.verdict is Verdict.ADDRESS else None,
        )  # fmt: skip


def read_call(value: object) -> RetellCall | None:
    """Read a call object; None without an id. Keys that are missing, new or of another type are no hindrance."""
    call = as_object(value)
    provider_call_id = as_id(call.get("call_id"))
    if provider_call_id is None:
        return None
    analysis = as_object(call.get("call_analysis"))
    return RetellCall(
        provider_call_id=provider_call_id,
        call_id=as_uuid(as_object(call.get("metadata")).get("call_id")),
        direction="out" if call.get("direction") == "outbound" else "in",
        from_number=as_id(call.get("from_number")), to_number=as_id(call.get("to_number")),
        agent_id=as_id(call.get("agent_id")), agent_version=_word(call.get("agent_version")),
        status=_word(call.get("call_status")), disconnection_reason=_word(call.get("disconnection_reason")),
        duration_seconds=_duration(call), recording_url=_url(call.get("recording_url")),
        cost_usd_cents=_cents(as_object(call.get("call_cost")).get("combined_cost")),
        transferred_to=_destination(call.get("transfer_destination")),
        is_voicemail=analysis.get("in_voicemail") is True,
        transcript=tuple(_said(call.get("transcript_object"))),
    )  # fmt: skip


def as_uuid(value: object) -> UUID | None:
    """Read one of our own ids where a provider carries it back."""
    text = as_text(value) or ""
    try:
        return UUID(text) if len(text) == 36 else None
    except ValueError:
        return None


def _word(value: object) -> str | None:
    text = (as_text(value) or "").strip()
    return text if text and len(text) <= _LONGEST_WORD and text.isascii() and text.isprintable() else None


def _url(value: object) -> str | None:
    text = as_text(value) or ""
    return text if text.startswith(("https://", "http://")) and len(text) <= 2000 else None


def _duration(call: JsonObject) -> int | None:
    milliseconds = as_number(call.get("duration_ms"))
    if milliseconds is None:
        start, end = as_number(call.get("start_timestamp")), as_number(call.get("end_timestamp"))
        milliseconds = None if start is None or end is None else end - start
    if milliseconds is None or not 0 <= milliseconds <= _MOST_SECONDS * 1000:
        return None
    return round(milliseconds / 1000)


def _cents(value: object) -> int | None:
    """Round what Retell gives in fractions of a cent."""
    number = as_number(value)
    if number is None or not 0 <= number < 1e8:
        return None
    return int(Decimal(str(number)).quantize(Decimal(1), rounding=ROUND_HALF_UP))


def _destination(value: object) -> str | None:
    """Read the number a call went to: text in the call itself, an object beside it."""
    return as_id(value) if isinstance(value, str) else as_id(as_object(value).get("number"))


def _said(value: object) -> list[Said]:
    said: list[Said] = []
    for entry in objects_in(value):
        role, text = entry.get("role"), (as_text(entry.get("content")) or "").strip()
        if text and (role == "agent" or role == "user"):
            first = next(objects_in(entry.get("words")), EMPTY)
            start = as_number(first.get("start"))
            said.append(
                Said(
                    role="agent" if role == "agent" else "user", text=text,
                    start_seconds=start if start is not None and 0 <= start <= _MOST_SECONDS else None,
                )
            )  # fmt: skip
    return said


Kind = Literal["started", "updated", "ended", "analyzed", "transfer", "inbound", "ignored", "unknown"]
_KINDS: Mapping[str, Kind] = {
    "call_started": "started",
    "transcript_updated": "updated",
    "call_ended": "ended",
    "call_analyzed": "analyzed",
    "call_inbound": "inbound",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class RetellEvent:
    """One webhook: what kind, its own name, and the call it is about."""

    kind: Kind
    name: str
    call: RetellCall | None
    agent_id: str | None = None  # also of what is no call


@dataclass(frozen=True, kw_only=True, slots=True)
class InboundCall:
    """Somebody rings one of our numbers."""

    from_number: str | None
    to_number: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class FunctionCall:
    """A tool that an agent hosted at Retell calls. With "args only" neither name nor call is told."""

    name: str | None
    call: RetellCall | None
    arguments: Mapping[str, object]


def read_event(body: bytes) -> RetellEvent | None:
    """Read a verified webhook; None when it cannot be read at all."""
    try:
        payload = as_object(read_json(body))
    except Unreadable:
        return None
    name = _word(payload.get("event")) or ""
    call = as_object(payload.get("call")) or as_object(payload.get("data"))
    kind = _KINDS.get(name)
    if kind is None:
        kind = "transfer" if name.startswith("transfer_") else "ignored" if name.startswith("chat_") else "unknown"
    if kind == "transfer":  # the destination stands beside the call or inside it (protocols 10.9)
        call = {"transfer_destination": payload.get("transfer_destination"), **call}
    agent_id = as_id(call.get("agent_id")) or as_id(as_object(payload.get("chat")).get("agent_id"))
    return RetellEvent(kind=kind, name=name, call=read_call(call), agent_id=agent_id)


def read_inbound(body: bytes) -> InboundCall | None:
    """Read a verified inbound webhook; None when it is another one."""
    try:
        payload = as_object(read_json(body))
    except Unreadable:
        return None
    if payload.get("event", "call_inbound") != "call_inbound":
        return None
    call = as_object(payload.get("call_inbound"))
    return InboundCall(from_number=as_id(call.get("from_number")), to_number=as_id(call.get("to_number")))


def read_function_call(body: bytes) -> FunctionCall | None:
    """Read a verified tool call, whole or "args only"; None when it is no JSON object.

    `execution_message` is what the agent says meanwhile: no business of the tool.
    """
    try:
        payload = read_json(body)
    except Unreadable:
        return None
    if not isinstance(payload, dict):
        return None
    is_whole = isinstance(payload.get("args"), dict) and ("call" in payload or isinstance(payload.get("name"), str))
    arguments = as_object(payload.get("args")) if is_whole else payload
    return FunctionCall(
        name=_word(payload.get("name")) if is_whole else None,
        call=read_call(payload.get("call")) if is_whole else None,
        arguments={key: value for key, value in arguments.items() if key != "execution_message"},
    )  # fmt: skip
