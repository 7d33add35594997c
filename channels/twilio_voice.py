"""Twilio's phone calls: the Calls resource and what its callbacks say (protocols 4.4)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal
from urllib.parse import quote, urlsplit, urlunsplit

import httpx

from channels.base import ChannelAccount, WebhookRequest
from channels.reading import Unreadable, as_id, as_text, read_form
from channels.transport import exchange, unreadable_success
from channels.twilio_account import API_URL, check_twilio, credentials, raise_refusal, resource_url, verify_twilio
from channels.twilio_twiml import retried
from channels.voice import CallReceipt, DialRequest
from domain.calls import CallReport, CallStatus
from domain.messages import Provider

_STATUSES: Mapping[str, CallStatus] = {
    "queued": CallStatus.QUEUED,
    "initiated": CallStatus.QUEUED,
    "ringing": CallStatus.RINGING,
    "in-progress": CallStatus.IN_PROGRESS,
    "completed": CallStatus.COMPLETED,
    "busy": CallStatus.BUSY,
    "no-answer": CallStatus.NO_ANSWER,
    "failed": CallStatus.FAILED,
    "canceled": CallStatus.CANCELED,
}
_EVENTS = ["initiated", "ringing", "answered", "completed"]
_KEYPAD = "menu"
_LONGEST_NUMBER = 9
_LONGEST_WORD = 40
_LONGEST_URL = 2000
_NOT_FOUND = 404
_HAS_ENDED = "21220"  # the call is not in progress

Talk = Literal["relay", "realtime", "menu"]


class TwilioVoice:
    """Calls through Twilio: `external_id` is the number that calls, in E.164. `base_url` differs in tests only."""

    provider = Provider.TWILIO_VOICE

    def __init__(self, http: httpx.AsyncClient, *, base_url: str = API_URL) -> None:
        self._http = http
        self._base_url = base_url.rstrip("/")

    def verify(self, request: WebhookRequest, account: ChannelAccount) -> bool:
        """Check X-Twilio-Signature over the public URL and all fields."""
        return verify_twilio(request, account)

    async def dial(self, account: ChannelAccount, request: DialRequest) -> CallReceipt:
        """Create one call. Twilio has no idempotency key: what came of a lost answer its callbacks tell."""
        form: dict[str, str | list[str]] = {
            "To": request.to,
            "From": account.external_id,
            "Url": retried(request.instructions_url),
            "Method": "POST",
            "StatusCallback": retried(request.status_url),
            "StatusCallbackMethod": "POST",
            "StatusCallbackEvent": _EVENTS,
            "MachineDetection": "DetectMessageEnd" if request.waits_for_beep else "Enable",
            "Timeout": str(request.ring_seconds),
            "TimeLimit": str(request.longest_seconds),
            **_detection(account, request),
            **_recording(account, request),
            **_fallback(account),
        }
        url = resource_url(self._base_url, account, "/Calls.json")
        answer = await exchange(self._http, "POST", url, form=form, auth=credentials(account))
        raise_refusal(answer)
        sid = as_id(answer.json().get("sid"))
        if sid is None:
            raise unreadable_success(answer)
        return CallReceipt(provider_call_id=sid)

    async def fetch(self, account: ChannelAccount, provider_call_id: str) -> CallReport | None:
        """Read the call's own record; None when Twilio knows no such call, or says nothing that we understand."""
        url = self._call_url(account, provider_call_id)
        answer = await exchange(self._http, "GET", url, auth=credentials(account))
        if answer.status == _NOT_FOUND:
            return None
        raise_refusal(answer)
        body = answer.json()
        return _report(
            {
                "CallSid": as_text(body.get("sid")) or "",
                "AccountSid": as_text(body.get("account_sid")) or "",
                "CallStatus": as_text(body.get("status")) or "",
                "CallDuration": as_text(body.get("duration")) or "",
                "AnsweredBy": as_text(body.get("answered_by")) or "",
            }
        )

    async def hang_up(self, account: ChannelAccount, provider_call_id: str) -> None:
        """End a call; one that has ended already stays as it is."""
        url = self._call_url(account, provider_call_id)
        answer = await exchange(self._http, "POST", url, form={"Status": "completed"}, auth=credentials(account))
        raise_refusal(answer)

    async def instruct(self, account: ChannelAccount, provider_call_id: str, twiml: str) -> None:
        """Have a call that goes on do this instead of what it does; one that has ended stays as it is."""
        url = self._call_url(account, provider_call_id)
        answer = await exchange(self._http, "POST", url, form={"Twiml": twiml}, auth=credentials(account))
        if answer.status != _NOT_FOUND and as_text(answer.json().get("code")) != _HAS_ENDED:
            raise_refusal(answer)

    async def check(self, account: ChannelAccount) -> str | None:
        """Read the account's own record and ask whether it is active."""
        return await check_twilio(self._http, self._base_url, account)

    def _call_url(self, account: ChannelAccount, provider_call_id: str) -> str:
        return resource_url(self._base_url, account, f"/Calls/{quote(provider_call_id, safe='')}.json")


def talk_of(account: ChannelAccount) -> Talk:
    """Give what the account's calls are answered by: ConversationRelay unless it says otherwise."""
    match account.settings.get("talk"):
        case "realtime":
            return "realtime"
        case "menu":
            return "menu"
        case _:
            return "relay"


def has_recording(account: ChannelAccount) -> bool:
    """Tell whether the account's calls are recorded."""
    return account.settings.get("records") == "true"


def beside(url: str, name: str) -> str:
    """Give the address beside this one: its last segment is `name`, its query stays."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(path=f"{parts.path.rpartition('/')[0]}/{name}"))


def _detection(account: ChannelAccount, request: DialRequest) -> Mapping[str, str]:
    """Let people talk while machines are still listened for: the keypad's notice alone waits for the verdict."""
    if talk_of(account) == _KEYPAD:
        return {}
    return {
        "AsyncAmd": "true",
        "AsyncAmdStatusCallback": retried(beside(request.status_url, "amd")),
        "AsyncAmdStatusCallbackMethod": "POST",
    }


def _fallback(account: ChannelAccount) -> dict[str, str]:
    """Name what speaks when our api is away for good; without it Twilio says so itself, in English."""
    url = account.settings.get("fallback_url")
    return {"FallbackUrl": url, "FallbackMethod": "GET"} if url else {}


def _recording(account: ChannelAccount, request: DialRequest) -> Mapping[str, str]:
    if not has_recording(account):
        return {}
    return {
        "Record": "true",
        "RecordingChannels": "dual",
        "RecordingStatusCallback": retried(beside(request.status_url, "recording")),
        "RecordingStatusCallbackMethod": "POST",
    }


@dataclass(frozen=True, kw_only=True, slots=True)
class Recording:
    """A recording that is ready."""

    provider_call_id: str
    url: str


def read_recording(body: bytes) -> Recording | None:
    """Read a verified recording callback; None unless it tells of a recording that can be fetched."""
    fields = read_fields(body)
    sid, url = as_id(fields.get("CallSid")), fields.get("RecordingUrl", "")
    if fields.get("RecordingStatus") != "completed" or sid is None or len(url) > _LONGEST_URL:
        return None
    return Recording(provider_call_id=sid, url=url) if url.startswith("https://") and url.isprintable() else None


def read_detection(body: bytes) -> CallReport | None:
    """Read what asynchronous detection found, as a report: somebody or something has answered."""
    fields = read_fields(body)
    sid, answered_by = as_id(fields.get("CallSid")), _word(fields.get("AnsweredBy"))
    if sid is None or answered_by is None:
        return None
    return CallReport(
        provider_call_id=sid, account_sid=_word(fields.get("AccountSid")) or "", status=CallStatus.IN_PROGRESS,
        answered_by=answered_by,
    )  # fmt: skip


def read_fields(body: bytes) -> dict[str, str]:
    """Read a verified form; an empty one when it cannot be read."""
    try:
        return read_form(body)
    except Unreadable:
        return {}


def read_report(body: bytes) -> CallReport | None:
    """Read what a verified callback says of a call; None when it is not understood."""
    return _report(read_fields(body))


def _report(fields: Mapping[str, str]) -> CallReport | None:
    status = _STATUSES.get(fields.get("CallStatus", ""))
    sid = as_id(fields.get("CallSid"))
    if status is None or sid is None:
        return None
    return CallReport(
        provider_call_id=sid,
        account_sid=_word(fields.get("AccountSid")) or "",
        status=status,
        sequence_number=_number(fields.get("SequenceNumber")),
        answered_by=_word(fields.get("AnsweredBy")),
        duration_seconds=_number(fields.get("CallDuration")),
        error_code=_word(fields.get("ErrorCode")),
        sip_code=_number(fields.get("SipResponseCode")),
    )


def _number(text: str | None) -> int | None:
    if text is None or not text.isascii() or not text.isdigit() or len(text) > _LONGEST_NUMBER:
        return None
    return int(text)


def _word(text: str | None) -> str | None:
    """Take a short word of ASCII; anything else a provider does not send."""
    if not text or len(text) > _LONGEST_WORD or not text.isascii() or not text.isprintable():
        return None
    return text
