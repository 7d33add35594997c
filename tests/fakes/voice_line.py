"""A line that makes calls in memory, typed as the adapters are: a ledger, and answers that a test programs."""

from collections import deque
from dataclasses import dataclass, field

from channels.base import ChannelAccount, ChannelError, WebhookRequest
from channels.voice import CallReceipt, DialRequest
from domain.calls import CallReport
from domain.messages import Provider


@dataclass
class FakeLine:
    provider: Provider = Provider.TWILIO_VOICE
    dialed: list[DialRequest] = field(default_factory=list)
    hung_up: list[str] = field(default_factory=list)
    errors: deque[ChannelError] = field(default_factory=deque)  # of the next calls asked for
    reports: dict[str, CallReport] = field(default_factory=dict)

    def verify(self, request: WebhookRequest, account: ChannelAccount) -> bool:
        return True

    async def dial(self, account: ChannelAccount, request: DialRequest) -> CallReceipt:
        self.dialed.append(request)
        if self.errors:
            raise self.errors.popleft()
        return CallReceipt(provider_call_id=f"call-{len(self.dialed)}")

    async def fetch(self, account: ChannelAccount, provider_call_id: str) -> CallReport | None:
        return self.reports.get(provider_call_id)

    async def hang_up(self, account: ChannelAccount, provider_call_id: str) -> None:
        if self.errors:
            raise self.errors.popleft()
        self.hung_up.append(provider_call_id)

    async def check(self, account: ChannelAccount) -> str | None:
        return None
