"""What an adapter for phone calls promises. It raises the errors of `channels.base` alone."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol
from uuid import UUID

from channels.base import ChannelAccount, WebhookRequest
from domain.calls import CallReport
from domain.messages import Provider


@dataclass(frozen=True, kw_only=True, slots=True)
class DialRequest:
    """One call. Both URLs carry our call id, so that an answer that never came is still matched.

    `call_id` is also the idempotency key where a provider knows one, and travels as metadata where there is no URL.
    """

    call_id: UUID
    to: str  # E.164
    instructions_url: str  # asked for what to say when somebody answers
    status_url: str
    waits_for_beep: bool  # a message is left on answering machines, so their greeting is heard to its end
    ring_seconds: int = 25
    longest_seconds: int = 600
    variables: Mapping[str, str] = field(default_factory=dict)  # for agents hosted at the provider


@dataclass(frozen=True, kw_only=True, slots=True)
class CallReceipt:
    """The provider took it."""

    provider_call_id: str


class VoiceLine(Protocol):
    """One provider of phone calls. Stateless: the account comes with each call."""

    provider: Provider

    def verify(self, request: WebhookRequest, account: ChannelAccount) -> bool:
        """Check the signature over the raw bytes, in constant time. A missing or malformed header is False."""
        ...

    async def dial(self, account: ChannelAccount, request: DialRequest) -> CallReceipt:
        """Ask for one call, once. Raises only ChannelError."""
        ...

    async def fetch(self, account: ChannelAccount, provider_call_id: str) -> CallReport | None:
        """Ask how a call stands; None when the provider knows no such call. Raises only ChannelError."""
        ...

    async def hang_up(self, account: ChannelAccount, provider_call_id: str) -> None:
        """End a call, whether it rings or is spoken on. Raises only ChannelError."""
        ...

    async def check(self, account: ChannelAccount) -> str | None:
        """Ask the provider whether the account works; None when it does, else what is wrong, in plain words."""
        ...
