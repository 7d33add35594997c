"""The number that the simulated telephone calls, and what Retell would tell of its calls by webhook (protocols 5.2)."""

import asyncio
import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

import httpx
import structlog

from domain.ports import Clock
from services.accounts import OpenAccount

logger = structlog.get_logger(__name__)

_SECONDS: Final = 10.0
_TRIES: Final = 3
_PAUSE_SECONDS: Final = 1.0


@dataclass(frozen=True, kw_only=True, slots=True)
class PhoneLine:
    """Which number is called, and how: the account's own key and secret, as Retell would have them."""

    api_url: str
    webhook_key: str
    api_key: str
    number: str
    agent_id: str = "agent_simulator"

    @classmethod
    def of(cls, account: OpenAccount, *, api_url: str) -> "PhoneLine":
        return cls(
            api_url=api_url, webhook_key=account.row.webhook_key, api_key=account.channel.secrets.get("api_key", ""),
            number=account.row.external_id,
        )  # fmt: skip


@dataclass(frozen=True, kw_only=True, slots=True)
class PhoneCall:
    """A call as Retell would describe it. `metadata` carries our id of a call that we asked for."""

    call_id: str
    customer_phone: str
    direction: Literal["inbound", "outbound"] = "inbound"
    metadata: Mapping[str, str] = field(default_factory=dict)

    def describe(self, line: PhoneLine, status: str, **more: object) -> dict[str, object]:
        is_inbound = self.direction == "inbound"
        return {
            "call_type": "phone_call", "call_id": self.call_id, "agent_id": line.agent_id, "agent_version": 0,
            "direction": self.direction, "call_status": status, "metadata": dict(self.metadata),
            "from_number": self.customer_phone if is_inbound else line.number,
            "to_number": line.number if is_inbound else self.customer_phone,
        } | more  # fmt: skip


class PhoneReports:
    """Tells our api how calls go on, signed, and like Retell up to three times."""

    def __init__(self, line: PhoneLine, *, http: httpx.AsyncClient, clock: Clock) -> None:
        self._line = line
        self._http = http
        self._clock = clock

    async def started(self, call: PhoneCall) -> bool:
        """Tell that somebody is on the line, once: the socket that follows tells it too. Say whether it was taken."""
        return await self._post("call_started", call.describe(self._line, "ongoing", start_timestamp=self._now()))

    async def ended(
        self, call: PhoneCall, *, reason: str, seconds: float = 0.0, transcript: Sequence[Mapping[str, str]] = ()
    ) -> bool:
        """Tell that a call is over, and why; say whether the api took it."""
        now, lasted = self._now(), int(seconds * 1000)
        told = call.describe(
            self._line, "ended", disconnection_reason=reason, start_timestamp=now - lasted, end_timestamp=now,
            duration_ms=lasted, transcript_object=[dict(entry) for entry in transcript],
        )  # fmt: skip
        if not await self._tell("call_ended", told):
            return False
        return await self._tell("call_analyzed", told)

    async def not_taken(self, call: PhoneCall, *, reason: str) -> bool:
        """Tell that nobody took a call of ours: declined, or not answered."""
        told = call.describe(self._line, "not_connected", disconnection_reason=reason, end_timestamp=self._now())
        return await self._tell("call_ended", told)

    def _now(self) -> int:
        return int(self._clock.now().timestamp() * 1000)

    async def _tell(self, event: str, call: Mapping[str, object]) -> bool:
        for attempt in range(_TRIES):
            if attempt:
                await asyncio.sleep(_PAUSE_SECONDS)
            if await self._post(event, call):
                return True
        return False

    async def _post(self, event: str, call: Mapping[str, object]) -> bool:
        now = self._now()
        body = json.dumps({"event": event, "call": call}, ensure_ascii=False).encode()
        digest = hmac.new(self._line.api_key.encode(), body + str(now).encode(), hashlib.sha256).hexdigest()
        headers = {"content-type": "application/json", "x-retell-signature": f"v={now},d={digest}"}
        url = f"{self._line.api_url}/api/v1/voice/webhooks/retell/{self._line.webhook_key}"
        try:
            answer = await self._http.post(url, content=body, headers=headers, timeout=_SECONDS)
        except httpx.HTTPError as error:
            logger.warning("phone_line.webhook_failed", webhook=event, error=type(error).__name__)
            return False
        if answer.is_error:
            logger.warning("phone_line.webhook_refused", webhook=event, status=answer.status_code)
        return answer.is_success
