"""Retell's phone calls: asked for, looked up and ended over REST (protocols 5.6)."""

from collections.abc import Mapping
from urllib.parse import quote

import httpx

from channels.base import ChannelAccount, ChannelError, WebhookRequest
from channels.reading import as_id, as_text
from channels.retell_calls import RetellCall, read_call
from channels.signatures import verify_retell
from channels.transport import Answer, class_of_status, exchange, refusal, unreadable_success
from channels.voice import CallReceipt, DialRequest
from domain.calls import CallReport
from domain.messages import ErrorClass, Provider
from domain.ports import Clock

API_URL = "https://api.retellai.com"
SIGNATURE_HEADER = "x-retell-signature"
_NOT_FOUND = 404
_UNPROCESSABLE = 422
_BAD_REQUEST = 400
_PAYMENT_REQUIRED = 402
_RING_MILLISECONDS = (5_000, 300_000)
_CALL_MILLISECONDS = (60_000, 7_200_000)
_VERSION_DIGITS = 9


class RetellVoice:
    """Calls through Retell: `external_id` is the number that calls, in E.164. `base_url` differs in tests only."""

    provider = Provider.RETELL

    def __init__(self, http: httpx.AsyncClient, *, clock: Clock, base_url: str = API_URL) -> None:
        self._http = http
        self._clock = clock
        self._base_url = base_url.rstrip("/")

    def verify(self, request: WebhookRequest, account: ChannelAccount) -> bool:
        """Check X-Retell-Signature over the raw body with the account's API key, five minutes old at most."""
        return verify_retell(
            request.body, api_key=account.secrets.get("api_key", ""), header=request.headers.get(SIGNATURE_HEADER),
            now=self._clock.now(),
        )  # fmt: skip

    async def dial(self, account: ChannelAccount, request: DialRequest) -> CallReceipt:
        """Create one call. Our call id is the idempotency key: asked again within the hour, no second phone rings."""
        answer = await self._ask(account, "POST", "/v2/create-phone-call", _creation(account, request))
        raise_refusal(answer)
        provider_call_id = as_id(answer.json().get("call_id"))
        if provider_call_id is None:
            raise unreadable_success(answer)
        return CallReceipt(provider_call_id=provider_call_id)

    async def describe(self, account: ChannelAccount, provider_call_id: str) -> RetellCall | None:
        """Read a call's own record; None when Retell knows no such call of this account, or says nothing readable."""
        answer = await self._ask(account, "GET", f"/v2/get-call/{quote(provider_call_id, safe='')}")
        if answer.status in (_NOT_FOUND, _UNPROCESSABLE):
            return None
        raise_refusal(answer)
        call = read_call(answer.json())
        return call if call is not None and call.provider_call_id == provider_call_id else None

    async def fetch(self, account: ChannelAccount, provider_call_id: str) -> CallReport | None:
        """Ask how a call stands; None when Retell knows no such call."""
        call = await self.describe(account, provider_call_id)
        if call is None:
            return None
        return call.report(has_ended=call.has_ended)

    async def hang_up(self, account: ChannelAccount, provider_call_id: str) -> None:
        """End a call; one that has ended already stays as it is."""
        answer = await self._ask(account, "POST", f"/v2/stop-call/{quote(provider_call_id, safe='')}")
        if answer.status in (_BAD_REQUEST, _NOT_FOUND, _UNPROCESSABLE):
            call = await self.describe(account, provider_call_id)
            if call is None or call.has_ended:
                return
        raise_refusal(answer)

    async def check(self, account: ChannelAccount) -> str | None:
        """Ask Retell for the number and, where one is named, for the agent."""
        agent_id = account.settings.get("agent_id", "")
        things = [("number", account.external_id, f"/get-phone-number/{quote(account.external_id, safe='')}")]
        if agent_id:
            things.append(("agent", agent_id, f"/get-agent/{quote(agent_id, safe='')}"))
        for kind, name, path in things:
            try:
                answer = await self._ask(account, "GET", path)
                if answer.status in (_NOT_FOUND, _UNPROCESSABLE):
                    return f"Retell does not know the {kind} {name}"
                raise_refusal(answer)
            except ChannelError as error:
                return f"Retell refused the account of {account.external_id}: {error.code} {error.detail}".strip()
        return None

    async def _ask(
        self, account: ChannelAccount, method: str, path: str, body: Mapping[str, object] | None = None
    ) -> Answer:
        headers = {"authorization": f"Bearer {account.secrets.get('api_key', '')}"}
        return await exchange(self._http, method, f"{self._base_url}{path}", headers=headers, json_body=body)


def _creation(account: ChannelAccount, request: DialRequest) -> dict[str, object]:
    agent: dict[str, object] = {
        "ring_duration_ms": _within(request.ring_seconds * 1000, _RING_MILLISECONDS),
        "max_call_duration_ms": _within(request.longest_seconds * 1000, _CALL_MILLISECONDS),
    }
    if not request.waits_for_beep:
        # Whoever hears a message is not known: where none is wanted, a machine is hung up on.
        agent["voicemail_option"] = {"action": {"type": "hangup"}}
    body: dict[str, object] = {
        "from_number": account.external_id,
        "to_number": request.to,
        "metadata": {"call_id": str(request.call_id)},
        "retell_llm_dynamic_variables": {name: str(value) for name, value in request.variables.items()},
        "idempotency_key": str(request.call_id),
        "honor_internal_dnc": True,
        "agent_override": {"agent": agent},
    }
    return body | agent_override(account)


def agent_override(account: ChannelAccount) -> dict[str, object]:
    """Name the account's own agent, and its version as the number that it is, or as the tag that it may be."""
    agent_id, version = account.settings.get("agent_id"), account.settings.get("agent_version")
    if not agent_id:
        return {}
    override: dict[str, object] = {"override_agent_id": agent_id}
    if version:
        is_number = version.isascii() and version.isdigit() and len(version) <= _VERSION_DIGITS
        override["override_agent_version"] = int(version) if is_number else version
    return override


def _within(value: int, bounds: tuple[int, int]) -> int:
    return min(max(value, bounds[0]), bounds[1])


def raise_refusal(answer: Answer) -> None:
    """Raise what an answer that is no success means (protocols 5.6)."""
    if answer.is_success:
        return
    body = answer.json()
    detail = next((text for name in ("message", "error_message", "error") if (text := as_text(body.get(name)))), "")
    raise refusal(
        answer, error_class=_class_of(answer.status, detail), code=str(answer.status), detail=detail,
        is_rate_limit=answer.status == 429,
    )  # fmt: skip


def _class_of(status: int, detail: str) -> ErrorClass:
    """Sort a refusal. Retell has no error codes: of a 400, only its words say whether it is the callee's number."""
    if status == _PAYMENT_REQUIRED:
        return ErrorClass.STOP
    if status in (_BAD_REQUEST, _UNPROCESSABLE):
        words = detail.lower().replace("-", "_").replace(" ", "_")
        if "do_not_call" in words or "dnc" in words:
            return ErrorClass.OPTOUT
        if "to_number" in words or "destination" in words:
            return ErrorClass.ADDRESS
        if "from_number" in words or "agent" in words:
            return ErrorClass.STOP
    return class_of_status(status)
