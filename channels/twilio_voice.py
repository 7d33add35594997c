"""Twilio's phone calls: the Calls resource and what its callbacks say (protocols 4.4)."""

from collections.abc import Mapping
from urllib.parse import quote

import httpx

from channels.base import ChannelAccount, WebhookRequest
from channels.reading import Unreadable, as_id, as_text, read_form
from channels.transport import exchange, unreadable_success
from channels.twilio_account import API_URL, check_twilio, credentials, raise_refusal, resource_url, verify_twilio
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
_LONGEST_NUMBER = 9
_LONGEST_WORD = 40
_NOT_FOUND = 404


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
            "Url": request.instructions_url,
            "Method": "POST",
            "StatusCallback": request.status_url,
            "StatusCallbackMethod": "POST",
            "StatusCallbackEvent": _EVENTS,
            "MachineDetection": "DetectMessageEnd" if request.waits_for_beep else "Enable",
            "Timeout": str(request.ring_seconds),
            "TimeLimit": str(request.longest_seconds),
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

    async def check(self, account: ChannelAccount) -> str | None:
        """Read the account's own record and ask whether it is active."""
        return await check_twilio(self._http, self._base_url, account)

    def _call_url(self, account: ChannelAccount, provider_call_id: str) -> str:
        return resource_url(self._base_url, account, f"/Calls/{quote(provider_call_id, safe='')}.json")


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
