"""Vapi's phone calls: asked for, looked at, ended (protocols 6.3), and whether a server message is Vapi's (6.1)."""

from collections.abc import Mapping
from urllib.parse import quote, urlsplit

import httpx

from channels.base import ChannelAccount, ChannelError, OutcomeUnknown, Rejected, WebhookRequest
from channels.reading import JsonObject, as_id, as_list, as_object, as_text
from channels.signatures import VapiPlan, verify_shared_secret, verify_vapi_hmac
from channels.transport import Answer, class_of_status, exchange, masked, refusal, unreadable_success
from channels.vapi_messages import report_of_call
from channels.voice import CallReceipt, DialRequest
from domain.calls import CallReport, CallStatus
from domain.messages import ErrorClass, Provider
from domain.ports import Clock

API_URL = "https://api.vapi.ai"
_NOT_FOUND = 404
_PAYMENT = 402
_RATE_LIMIT = 429
# Vapi may have begun to dial before it broke: without an idempotency key such a call is never asked for again.
_DOUBTFUL = frozenset({500, 502, 504})
_SIGNATURE_SETTINGS = (
    "signature_header", "timestamp_header", "signature_payload", "signature_prefix", "signature_encoding",
    "signature_algorithm", "secret_is_base64", "message_id_header",
)  # fmt: skip
_SHORTEST_SECONDS = 10  # Vapi takes no shorter limit


class VapiVoice:
    """Calls by an assistant at Vapi: `external_id` is the number that calls. `base_url` differs in tests only."""

    provider = Provider.VAPI

    def __init__(self, http: httpx.AsyncClient, *, clock: Clock, base_url: str = API_URL) -> None:
        self._http = http
        self._clock = clock
        self._base_url = base_url.rstrip("/")

    def verify(self, request: WebhookRequest, account: ChannelAccount) -> bool:
        """Check a server message in the form the account is set up for: HMAC by its plan, bearer token or secret."""
        if any(name in account.settings for name in _SIGNATURE_SETTINGS):
            return self._is_signed(request, account)
        token, secret = account.secrets.get("bearer_token", ""), account.secrets.get("webhook_secret", "")
        return (
            verify_shared_secret(secret=token, header=_bearer(request))
            or verify_shared_secret(secret=secret, header=request.headers.get("x-vapi-secret"))
            or self._is_signed(request, account)
        )

    def _is_signed(self, request: WebhookRequest, account: ChannelAccount) -> bool:
        plan = plan_of(account.settings)
        headers = request.headers
        return verify_vapi_hmac(
            request.body,
            secret=account.secrets.get("webhook_secret", ""),
            signature=headers.get(plan.signature_header),
            timestamp=headers.get(plan.timestamp_header),
            now=self._clock.now(),
            plan=plan,
            method=request.method,
            url=request.url,
            message_id=headers.get(plan.message_id_header, ""),
        )

    async def dial(self, account: ChannelAccount, request: DialRequest) -> CallReceipt:
        """Ask for one call. Vapi has no idempotency key: what came of a lost answer its messages tell by our id."""
        body = {
            "assistantId": _setting(account, "agent_id"),
            "phoneNumberId": _setting(account, "phone_number_id"),
            "customer": {"number": request.to},
            "assistantOverrides": {
                "variableValues": dict(request.variables),
                "metadata": {"call_id": str(request.call_id)},
                "maxDurationSeconds": max(request.longest_seconds, _SHORTEST_SECONDS),
            },
        }
        answer = await self._ask("POST", "/call", account, body=body)
        if answer.status in _DOUBTFUL:
            raise OutcomeUnknown(error_class=ErrorClass.RETRY, code=str(answer.status), detail=_detail(answer))
        _raise_refusal(answer)
        provider_call_id = as_id(answer.json().get("id"))
        if provider_call_id is None:
            raise unreadable_success(answer)
        return CallReceipt(provider_call_id=provider_call_id)

    async def fetch(self, account: ChannelAccount, provider_call_id: str) -> CallReport | None:
        """Read the call's own record; None when Vapi knows no such call, or says nothing that we understand."""
        answer = await self._record(account, provider_call_id)
        return None if answer is None else report_of_call(answer)

    async def hang_up(self, account: ChannelAccount, provider_call_id: str) -> None:
        """End a call over its control address; one that has ended already stays as it is."""
        record = await self._record(account, provider_call_id)
        report = report_of_call(record) if record is not None else None
        if record is None or (report is not None and report.status not in _LIVE):
            return
        url = self._control_url(record)
        if url is None:
            raise Rejected(error_class=ErrorClass.CONTENT, code="no_control_url")
        # The address is the call's own secret: the key of the account does not go there.
        answer = await exchange(self._http, "POST", url, json_body={"type": "end-call"})
        _raise_refusal(answer)

    async def check(self, account: ChannelAccount) -> str | None:
        """Read the number and the assistant of the account; say what is missing or refused."""
        try:
            for what, name, path in (
                ("phone number", "phone_number_id", "/phone-number/"), ("assistant", "agent_id", "/assistant/"),
            ):  # fmt: skip
                wanted = account.settings.get(name)
                if not wanted:
                    return f"The setting {name} is missing: give the id of the {what} at Vapi"
                answer = await self._ask("GET", path + quote(wanted, safe=""), account)
                if answer.status == _NOT_FOUND:
                    return f"Vapi knows no {what} {wanted}: correct the setting {name}"
                _raise_refusal(answer)
        except ChannelError as error:
            return f"Vapi refused the account of {account.external_id}: {error.code} {error.detail}".strip()
        return None

    async def _record(self, account: ChannelAccount, provider_call_id: str) -> JsonObject | None:
        answer = await self._ask("GET", f"/call/{quote(provider_call_id, safe='')}", account)
        if answer.status == _NOT_FOUND:
            return None
        _raise_refusal(answer)
        return answer.json()

    async def _ask(
        self, method: str, path: str, account: ChannelAccount, *, body: Mapping[str, object] | None = None
    ) -> Answer:
        headers = {"authorization": f"Bearer {account.secrets.get('api_key', '')}"}
        return await exchange(self._http, method, self._base_url + path, headers=headers, json_body=body)

    def _control_url(self, record: JsonObject) -> str | None:
        """Take the control address only where it leads to Vapi: it comes in a body, not from our settings."""
        url = (as_text(as_object(record.get("monitor")).get("controlUrl")) or "").strip("<>")
        try:
            host = urlsplit(url).hostname or ""
        except ValueError:
            return None
        is_ours = url.startswith(f"{self._base_url}/")
        return url if is_ours or (url.startswith("https://") and host.endswith(".vapi.ai")) else None


_LIVE = frozenset({CallStatus.QUEUED, CallStatus.RINGING, CallStatus.IN_PROGRESS})


def plan_of(settings: Mapping[str, str]) -> VapiPlan:
    """Read the account's signature plan; what is not set is as Vapi has it."""
    default = VapiPlan()
    return VapiPlan(
        signature_header=settings.get("signature_header", default.signature_header).lower(),
        timestamp_header=settings.get("timestamp_header", default.timestamp_header).lower(),
        payload=settings.get("signature_payload", default.payload),
        prefix=settings.get("signature_prefix", default.prefix),
        encoding=settings.get("signature_encoding", default.encoding).lower(),
        algorithm=settings.get("signature_algorithm", default.algorithm).lower(),
        is_secret_base64=settings.get("secret_is_base64", "").lower() == "true",
        message_id_header=settings.get("message_id_header", default.message_id_header).lower(),
    )


def is_signed(request: WebhookRequest, account: ChannelAccount) -> bool:
    """Tell whether a request at least brings something to check."""
    names = {"authorization", "x-vapi-secret", plan_of(account.settings).signature_header}
    return not names.isdisjoint(request.headers)


def _bearer(request: WebhookRequest) -> str | None:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None


def _setting(account: ChannelAccount, name: str) -> str:
    value = account.settings.get(name)
    if not value:
        raise Rejected(error_class=ErrorClass.STOP, code="not_configured", detail=name)
    return value


def _words(answer: Answer) -> list[str]:
    """Give Vapi's own words: one text or a list of them."""
    message = answer.json().get("message")
    return [text for item in as_list(message) or [message] if (text := as_text(item))]


def _detail(answer: Answer) -> str:
    return masked("; ".join(_words(answer)))


def _raise_refusal(answer: Answer) -> None:
    """Raise what an answer that is no success means (protocols 0.5)."""
    if answer.is_success:
        return
    error_class = ErrorClass.STOP if answer.status == _PAYMENT else class_of_status(answer.status)
    if error_class is ErrorClass.CONTENT and any(word.startswith("customer.number") for word in _words(answer)):
        error_class = ErrorClass.ADDRESS
    raise refusal(
        answer,
        error_class=error_class,
        code=str(answer.status),
        detail="; ".join(_words(answer)),
        is_rate_limit=answer.status == _RATE_LIMIT,
    )
