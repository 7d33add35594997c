"""The tenant's channel accounts, with their secrets opened, remembered for some seconds per process."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from channels.base import ChannelAccount, Secrets
from domain.messages import Provider
from store import channel_accounts
from store.channel_accounts import AccountRow
from store.cipher import Cipher, Sealed
from store.database import Database

_FRESH_SECONDS = 15.0
_MOST_ENTRIES = 10_000
_TWILIO = (Provider.TWILIO_SMS, Provider.TWILIO_WHATSAPP)
_HOSTED = (Provider.RETELL, Provider.VAPI)  # their agents answer calls elsewhere and tell us of them
VOICE_INBOUND_PATH = "/api/v1/voice/twilio/inbound"
VOICE_STATUS_PATH = "/api/v1/voice/webhooks/twilio/status"


@dataclass(frozen=True, kw_only=True, slots=True)
class OpenAccount:
    """The row and what an adapter needs of it."""

    row: AccountRow
    channel: ChannelAccount


def secrets_identity(tenant_id: UUID, account_id: UUID) -> str:
    """Give what binds an account's sealed secrets to its row."""
    return f"channel_accounts/{tenant_id}/{account_id}"


class AccountDirectory:
    """Find accounts by webhook key or id. A change is seen everywhere within 15 seconds, here at once."""

    def __init__(self, database: Database, cipher: Cipher, *, public_base_url: str) -> None:
        self._database = database
        self._cipher = cipher
        self._public_base_url = public_base_url
        self._entries: dict[str, tuple[float, OpenAccount | None]] = {}

    async def by_webhook_key(self, webhook_key: str) -> OpenAccount | None:
        """Find the account that a webhook URL names, whoever's it is."""
        entry = self._entries.get(webhook_key)
        if entry is not None and time.monotonic() - entry[0] < _FRESH_SECONDS:
            return entry[1]
        async with self._database.platform() as connection:
            row = await channel_accounts.by_webhook_key(connection, webhook_key)
        return self._remember(webhook_key, row)

    async def by_id(self, tenant_id: UUID, account_id: UUID) -> OpenAccount | None:
        key = f"{tenant_id}/{account_id}"
        entry = self._entries.get(key)
        if entry is not None and time.monotonic() - entry[0] < _FRESH_SECONDS:
            return entry[1]
        async with self._database.tenant(tenant_id) as connection:
            row = await channel_accounts.by_id(connection, account_id)
        return self._remember(key, row)

    def forget(self) -> None:
        """Read every account anew at its next use."""
        self._entries.clear()

    def _remember(self, key: str, row: AccountRow | None) -> OpenAccount | None:
        account = None if row is None else OpenAccount(row=row, channel=self.open(row))
        if len(self._entries) >= _MOST_ENTRIES:
            self._entries.clear()
        self._entries[key] = (time.monotonic(), account)
        return account

    def open(self, row: AccountRow) -> ChannelAccount:
        """Decrypt an account's secrets. Raises SecretUnreadable."""
        return ChannelAccount(
            provider=row.provider,
            external_id=row.external_id,
            secrets=Secrets(self._open_secrets(row)),
            settings={"status_callback_url": self.webhook_url(row), **row.settings},
        )

    def webhook_url(self, row: AccountRow) -> str:
        """Give the URL to paste at the provider; for a Twilio number, where it asks what to do when a call comes in."""
        if row.provider is Provider.TWILIO_VOICE:
            return f"{self._public_base_url}{VOICE_INBOUND_PATH}/{row.webhook_key}"
        if row.provider in _HOSTED:
            return f"{self._public_base_url}/api/v1/voice/webhooks/{row.provider}/{row.webhook_key}"
        path = "twilio" if row.provider in _TWILIO else str(row.provider)
        return f"{self._public_base_url}/webhooks/{path}/{row.webhook_key}"

    def _open_secrets(self, row: AccountRow) -> Mapping[str, str]:
        if row.secrets_ciphertext is None or row.secrets_key_id is None:
            return {}
        sealed = Sealed(ciphertext=row.secrets_ciphertext, key_id=row.secrets_key_id)
        return self._cipher.open(sealed, identity=secrets_identity(row.tenant_id, row.id))
