"""What a person of the tenant does with channel accounts. Secrets go in, sealed, and never come out."""

import ipaddress
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from urllib.parse import urlsplit
from uuid import UUID, uuid4

from channels.base import Secrets
from domain.errors import AccountExists, InvalidInput, NotFound, UnknownNames
from domain.messages import Medium, Provider
from services.accounts import AccountDirectory, secrets_identity
from services.plain_text import tidy_line
from store import channel_accounts, tenants
from store.channel_accounts import AccountRow
from store.cipher import Cipher, SecretUnreadable
from store.database import Connection, Database

_MEDIA: Mapping[Provider, Medium] = MappingProxyType(
    {
        Provider.META: Medium.WHATSAPP,
        Provider.EVOLUTION: Medium.WHATSAPP,
        Provider.TWILIO_WHATSAPP: Medium.WHATSAPP,
        Provider.TWILIO_SMS: Medium.SMS,
        Provider.TWILIO_VOICE: Medium.VOICE,
        Provider.RETELL: Medium.VOICE,
        Provider.VAPI: Medium.VOICE,
        Provider.SIMULATOR: Medium.SIMULATOR,
    }
)
_TWILIO_SECRETS = frozenset(
    {"account_sid", "auth_token", "api_key_sid", "api_key_secret", "shared_key_id", "shared_key"}
)
_TWILIO_SETTINGS = frozenset({"account_sid", "messaging_service_sid", "status_callback_url", "reopen_template"})
_VOICE_SETTINGS = frozenset({"transfer_number", "records", "summary_template", "longest_seconds"})
# How Vapi signs is chosen there, so our setting holds the same plan (protocols 6.1).
_VAPI_SIGNATURE = (
    "signature_header", "timestamp_header", "signature_payload", "signature_prefix", "signature_encoding",
    "signature_algorithm", "secret_is_base64", "message_id_header",
)  # fmt: skip
_SECRET_NAMES: Mapping[Provider, frozenset[str]] = MappingProxyType(
    {
        Provider.META: frozenset({"access_token", "app_secret", "verify_token"}),
        Provider.EVOLUTION: frozenset({"api_key", "webhook_secret", "jwt_key"}),
        Provider.TWILIO_WHATSAPP: _TWILIO_SECRETS,
        Provider.TWILIO_SMS: _TWILIO_SECRETS,
        Provider.TWILIO_VOICE: _TWILIO_SECRETS,
        Provider.RETELL: frozenset({"api_key"}),
        Provider.VAPI: frozenset({"api_key", "webhook_secret", "bearer_token"}),
        Provider.SIMULATOR: frozenset({"webhook_secret"}),
    }
)
_SETTING_NAMES: Mapping[Provider, frozenset[str]] = MappingProxyType(
    {
        Provider.META: frozenset({"waba_id", "reopen_template"}),
        Provider.EVOLUTION: frozenset({"base_url", "webhook_header"}),
        Provider.TWILIO_WHATSAPP: _TWILIO_SETTINGS,
        Provider.TWILIO_SMS: _TWILIO_SETTINGS,
        Provider.TWILIO_VOICE: _VOICE_SETTINGS
        | {"account_sid", "talk", "voice", "fallback_url", "holding_sound_url", "transcription_language"},
        Provider.RETELL: _VOICE_SETTINGS | {"agent_id", "agent_version"},
        Provider.VAPI: _VOICE_SETTINGS | {"agent_id", "phone_number_id", *_VAPI_SIGNATURE},
        Provider.SIMULATOR: frozenset(),
    }
)
_URL_SETTINGS = ("base_url", "status_callback_url", "fallback_url", "holding_sound_url")
_HTTPS_SETTINGS = ("holding_sound_url",)
_LANGUAGE = re.compile(r"[A-Za-z]{2,8}(-[A-Za-z0-9]{2,8}){0,2}")
_LONGEST_VALUE = 4096


@dataclass(frozen=True, kw_only=True, slots=True)
class NewAccount:
    provider: Provider
    external_id: str
    display_name: str
    secrets: Mapping[str, str]
    settings: Mapping[str, str]
    sends_per_second: float
    burst: int


@dataclass(frozen=True, kw_only=True, slots=True)
class AccountPatch:
    """What to change; None leaves a field alone. Secrets and settings are merged by name, None removes one."""

    display_name: str | None = None
    secrets: Mapping[str, str | None] | None = None
    settings: Mapping[str, str | None] | None = None
    is_bot_enabled: bool | None = None
    is_enabled: bool | None = None
    sends_per_second: float | None = None
    burst: int | None = None


class AccountAdmin:
    """Create and change accounts. Every change is seen by this process at once and by others within 15 seconds."""

    def __init__(self, *, database: Database, cipher: Cipher, accounts: AccountDirectory) -> None:
        self._database = database
        self._cipher = cipher
        self._accounts = accounts

    def webhook_url(self, row: AccountRow) -> str:
        """Give the URL to enter at the provider."""
        return self._accounts.webhook_url(row)

    def secret_names(self, row: AccountRow) -> list[str] | None:
        """Say which secrets are set, never their values; None when they cannot be decrypted."""
        try:
            return sorted(self._accounts.open(row).secrets)
        except SecretUnreadable:
            return None

    async def list_accounts(self, tenant_id: UUID) -> list[AccountRow]:
        async with self._database.tenant(tenant_id) as connection:
            return await channel_accounts.list_all(connection)

    async def get(self, tenant_id: UUID, account_id: UUID) -> AccountRow:
        """Read one. Raises NotFound."""
        async with self._database.tenant(tenant_id) as connection:
            return await _known(connection, account_id)

    async def create(self, tenant_id: UUID, new: NewAccount) -> AccountRow:
        """Insert an account with its own webhook key. Raises AccountExists or InvalidInput."""
        account_id = uuid4()
        row = AccountRow(
            tenant_id=tenant_id, id=account_id, provider=new.provider, medium=_MEDIA[new.provider],
            external_id=_line(new.external_id, "externalId"), display_name=_line(new.display_name, "displayName"),
            webhook_key=secrets.token_urlsafe(24), secrets_ciphertext=None, secrets_key_id=None,
            settings=_checked_settings(new.provider, new.settings), is_bot_enabled=True, status="active",
            stopped_reason=None, sends_per_second=new.sends_per_second, burst=new.burst,
        )  # fmt: skip
        row = self._sealed(row, _checked_secrets(new.provider, new.secrets))
        async with self._database.tenant(tenant_id) as connection:
            stored = await channel_accounts.insert(connection, row)
        if stored is None:
            raise AccountExists
        self._accounts.forget()
        return stored

    async def patch(self, tenant_id: UUID, account_id: UUID, patch: AccountPatch) -> AccountRow:
        """Change an account. Enabling one that was stopped forgets why. Raises NotFound or InvalidInput."""
        async with self._database.tenant(tenant_id) as connection:
            row = await _known(connection, account_id)
            changed = self._changed(row, patch)
            stored = await channel_accounts.update(connection, changed)
        if stored is None:
            raise NotFound("channel account")
        self._accounts.forget()
        return stored

    def _changed(self, row: AccountRow, patch: AccountPatch) -> AccountRow:
        changed = row
        if patch.display_name is not None:
            changed = replace(changed, display_name=_line(patch.display_name, "displayName"))
        if patch.settings is not None:
            changed = replace(changed, settings=_checked_settings(row.provider, _merged(row.settings, patch.settings)))
        if patch.is_bot_enabled is not None:
            changed = replace(changed, is_bot_enabled=patch.is_bot_enabled)
        if patch.is_enabled is not None:
            changed = replace(changed, status="active" if patch.is_enabled else "disabled", stopped_reason=None)
        if patch.sends_per_second is not None:
            changed = replace(changed, sends_per_second=patch.sends_per_second)
        if patch.burst is not None:
            changed = replace(changed, burst=patch.burst)
        if patch.secrets:
            changed = self._sealed(changed, _checked_secrets(row.provider, self._merged_secrets(row, patch.secrets)))
        return changed

    def _merged_secrets(self, row: AccountRow, changes: Mapping[str, str | None]) -> dict[str, str]:
        try:
            return _merged(self._accounts.open(row).secrets, changes)
        except SecretUnreadable:
            # The key is lost, and so are they: entering them again is the way out.
            return _merged({}, changes)

    def _sealed(self, row: AccountRow, values: Mapping[str, str]) -> AccountRow:
        if not values:
            return replace(row, secrets_ciphertext=None, secrets_key_id=None)
        sealed = self._cipher.seal(Secrets(values), identity=secrets_identity(row.tenant_id, row.id))
        return replace(row, secrets_ciphertext=sealed.ciphertext, secrets_key_id=sealed.key_id)


async def is_bot_enabled(database: Database, tenant_id: UUID) -> bool:
    """Say whether the tenant's bot answers at all. Raises NotFound."""
    async with database.tenant(tenant_id) as connection:
        tenant = await tenants.by_id(connection, tenant_id)
    if tenant is None:
        raise NotFound("tenant")
    return tenant.is_bot_enabled


async def set_bot_enabled(database: Database, tenant_id: UUID, *, is_enabled: bool) -> None:
    """Switch the tenant's bot; running processes see it within 15 seconds."""
    async with database.tenant(tenant_id) as connection:
        if not await tenants.set_bot_enabled(connection, tenant_id, is_bot_enabled=is_enabled):
            raise NotFound("tenant")


async def _known(connection: Connection, account_id: UUID) -> AccountRow:
    row = await channel_accounts.by_id(connection, account_id)
    if row is None:
        raise NotFound("channel account")
    return row


def _line(text: str, field: str) -> str:
    line = tidy_line(text, limit=120)
    if not line:
        raise InvalidInput(field, "must not be empty")
    return line


def _merged(known: Mapping[str, str], changes: Mapping[str, str | None]) -> dict[str, str]:
    return {name: value for name, value in {**known, **changes}.items() if value is not None}


def _checked_secrets(provider: Provider, values: Mapping[str, str]) -> dict[str, str]:
    return _checked("secrets", _SECRET_NAMES[provider], values)


def _checked_settings(provider: Provider, values: Mapping[str, str]) -> dict[str, str]:
    checked = _checked("settings", _SETTING_NAMES[provider], values)
    for name in _URL_SETTINGS:
        if name in checked:
            _check_url(f"settings.{name}", checked[name])
    for name in _HTTPS_SETTINGS:
        if not checked.get(name, "https:").lower().startswith("https:"):
            raise InvalidInput(f"settings.{name}", "must be an https URL")
    if not _LANGUAGE.fullmatch(checked.get("transcription_language", "pt-BR")):
        raise InvalidInput("settings.transcription_language", "must name a language, such as pt-BR or multi")
    return checked


def _checked(field: str, known: frozenset[str], values: Mapping[str, str]) -> dict[str, str]:
    if not known.issuperset(values):
        raise UnknownNames(field, known)
    for name, value in values.items():
        if not value.strip() or len(value) > _LONGEST_VALUE or not value.isprintable():
            raise InvalidInput(f"{field}.{name}", f"must be 1 to {_LONGEST_VALUE} printable characters on one line")
    return {name: value.strip() for name, value in values.items()}


def _check_url(field: str, url: str) -> None:
    """Take an http(s) URL of a host. A server in the own network is fine, the machine's metadata service is not."""
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        raise InvalidInput(field, "must be a URL") from None
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.password:
        raise InvalidInput(field, "must be an http(s) URL without user and password")
    try:
        address = ipaddress.ip_address(parts.hostname)
    except ValueError:
        return
    if address.is_link_local or address.is_multicast or address.is_unspecified:
        raise InvalidInput(field, "must not name a link-local, multicast or unspecified address")
