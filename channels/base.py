"""What every channel adapter promises, and the only errors it may raise."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from domain.messages import ErrorClass, ParsedWebhook, Provider, SendReceipt, SendRequest


@dataclass(frozen=True, kw_only=True, slots=True)
class ChannelAccount:
    """One number or instance of a tenant, with its decrypted secrets. Never logged: `secrets` is kept out of repr."""

    provider: Provider
    external_id: str  # Meta phone_number_id, Evolution instance, Twilio "+55…" or "whatsapp:+55…" sender
    secrets: "Secrets"
    # Evolution: `base_url`, `webhook_header`. Twilio: `messaging_service_sid`, `status_callback_url`.
    settings: Mapping[str, str]


class Secrets(dict[str, str]):
    """Secrets by name, that never print.

    Meta: `access_token`, `app_secret`, `verify_token`. Evolution: `api_key` and `jwt_key` or `webhook_secret`.
    Twilio: `account_sid`, `auth_token`, and where used `api_key_sid`, `api_key_secret`, `shared_key_id`, `shared_key`.
    Simulator: `webhook_secret`.
    """

    def __repr__(self) -> str:
        return "Secrets(***)"

    __str__ = __repr__


@dataclass(frozen=True, kw_only=True, slots=True)
class WebhookRequest:
    """What is needed to verify a webhook: the raw bytes and the public URL, not what a framework made of them."""

    method: str
    url: str  # the public URL as the provider called it, rebuilt from the configured base URL
    headers: Mapping[str, str]  # keys in lower case
    query: Mapping[str, str]
    body: bytes


class ChannelError(Exception):
    """Base of what `Channel.send` may raise."""

    def __init__(self, *, error_class: ErrorClass, code: str, detail: str = "") -> None:
        super().__init__(f"{error_class}: {code} {detail}".strip())
        self.error_class = error_class
        self.code = code
        self.detail = detail


class Rejected(ChannelError):
    """The provider refused it for good; sending again would not help."""


class RateLimited(ChannelError):
    """Too fast. `retry_after_seconds` is the provider's word, or None."""

    def __init__(
        self, *, error_class: ErrorClass, code: str, detail: str = "", retry_after_seconds: float | None = None
    ) -> None:
        super().__init__(error_class=error_class, code=code, detail=detail)
        self.retry_after_seconds = retry_after_seconds


class Unavailable(ChannelError):
    """The provider did not take it (refused connection, 5xx): it was surely not sent, send it again later."""


class OutcomeUnknown(ChannelError):
    """The request left and no answer came. It may have been sent: never send it again blindly."""


class Channel(Protocol):
    """One provider. Stateless: the account comes with each call."""

    provider: Provider

    def verify(self, request: WebhookRequest, account: ChannelAccount) -> bool:
        """Check the signature over the raw bytes, in constant time. A missing or malformed header is False."""
        ...

    def handshake(self, request: WebhookRequest, account: ChannelAccount) -> str | None:
        """Answer a GET that proves we own the URL, or None when it is wrong or the provider has none."""
        ...

    def parse(self, request: WebhookRequest, *, received_at: datetime) -> ParsedWebhook:
        """Read a verified body. Never raises on odd content: what is not understood becomes a ProviderEvent."""
        ...

    async def send(self, account: ChannelAccount, request: SendRequest) -> SendReceipt:
        """Hand one message to the provider once. Raises only ChannelError."""
        ...

    async def check(self, account: ChannelAccount) -> str | None:
        """Ask the provider whether the account works; None when it does, else what is wrong, in plain words."""
        ...
