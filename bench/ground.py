"""The ground that everything is measured on: embedded servers with durable settings, a tenant, customers who write."""

import base64
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4
from zoneinfo import ZoneInfo

import psycopg
from psycopg import sql

from channels.base import Secrets
from domain.messages import Address, AddressKind, InboundMessage, Medium, MessageKind, ParsedWebhook, Provider
from services.accounts import secrets_identity
from store import channel_accounts, tenants
from store.channel_accounts import AccountRow
from store.migrate import migrate
from store.model_settings import put_model_setting
from wiring.deps import Deps
from wiring.embedded import start_embedded
from wiring.settings import Settings, load_settings

POOL_SIZE = 10  # connections of every pool, ours and the baselines'
SECRET = "bench-secret"  # noqa: S105 - of an account that lives for minutes on loopback
MODEL = "bench:gpt-5-mini"  # a name with a price: without one every turn would log that it is unknown
_MEDIA = {Provider.SIMULATOR: Medium.SIMULATOR, Provider.RETELL: Medium.VOICE}
# What a customer of a provider writes; support, so that one agent answers with one call of the model.
SENTENCES = (
    "minha internet está lenta hoje",
    "o wifi cai toda hora aqui em casa",
    "já reiniciei o roteador e a internet continua lenta",
    "o técnico vem amanhã para ver a internet?",
    "ainda estou sem sinal de internet",
)


class BenchBroken(RuntimeError):
    """What was to be measured did not happen."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Ground:
    """Servers for one run."""

    folder: Path
    database_url: str
    redis_url: str

    def new_database(self, name: str) -> str:
        """Make a migrated database and give its URL."""
        with psycopg.connect(self.database_url, autocommit=True) as connection:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        url = self.database_url.replace("/postgres?", f"/{name}?", 1)
        migrate(url)
        return url

    def analyze(self, database_url: str) -> None:
        """Let the planner know the tables, as autovacuum does within a minute of a fresh start."""
        with psycopg.connect(database_url, autocommit=True) as connection:
            connection.execute("ANALYZE")

    def settings(self, database_url: str, **changes: object) -> Settings:
        """Give the settings of a process that works on this database."""
        key = f"bench:{base64.b64encode(b'b' * 32).decode()}"
        return load_settings(
            env_file=None, database_url=database_url, redis_url=self.redis_url, data_dir=self.folder,
            encryption_keys=key, log_level="WARNING", log_format="json", db_pool_max=POOL_SIZE,
            **changes,
        )  # fmt: skip


@contextmanager
def open_ground(folder: Path) -> Iterator[Ground]:
    """Start PostgreSQL and Redis as a fresh clone would, with every safety on."""
    with start_embedded(folder) as services:
        if services.database_url is None or services.redis_url is None:
            raise BenchBroken("the embedded servers gave no address")
        yield Ground(folder=folder, database_url=services.database_url, redis_url=services.redis_url)


async def make_account(deps: Deps, provider: Provider, *, external_id: str) -> AccountRow:
    """Make a tenant of its own whose agents ask the bench's model, with one channel account."""
    tenant_id = uuid4()
    async with deps.database.platform() as connection:
        await tenants.upsert(
            connection, tenant_id=tenant_id, slug=f"bench-{tenant_id.hex[:12]}", name="TR Telecom",
            time_zone=ZoneInfo("America/Sao_Paulo"), state_code="SP", assistant_name="Lia", settings={},
        )  # fmt: skip
    account_id = uuid4()
    secrets = Secrets({"webhook_secret": SECRET, "app_secret": SECRET, "access_token": SECRET})
    sealed = deps.cipher.seal(secrets, identity=secrets_identity(tenant_id, account_id))
    row = AccountRow(
        tenant_id=tenant_id, id=account_id, provider=provider,
        medium=_MEDIA.get(provider, Medium.WHATSAPP), external_id=external_id,
        display_name=external_id, webhook_key=uuid4().hex, secrets_ciphertext=sealed.ciphertext,
        secrets_key_id=sealed.key_id, settings={}, is_bot_enabled=True, status="active", stopped_reason=None,
        sends_per_second=10_000, burst=10_000,
    )  # fmt: skip
    async with deps.database.tenant(tenant_id) as connection:
        await put_model_setting(
            connection, tenant_id=tenant_id, agent="*", chain=[MODEL], temperature=None, now=deps.clock.now()
        )
        inserted = await channel_accounts.insert(connection, row)
    if inserted is None:
        raise BenchBroken("the channel account was not stored")
    return inserted


async def write_in(deps: Deps, account: AccountRow, sender: str, text: str) -> None:
    """Let a customer write, as a verified webhook would bring it."""
    message = InboundMessage(
        provider_message_id=uuid4().hex, account_external_id=account.external_id,
        addresses=(Address(kind=AddressKind.SIMULATED, value=sender),), sent_at=deps.clock.now(),
        kind=MessageKind.TEXT, text=text, profile_name="Maria",
    )  # fmt: skip
    received = await deps.inbox.receive(account, ParsedWebhook(messages=(message,)), now=deps.clock.now())
    if received.messages != 1:
        raise BenchBroken("a message was not stored")


def customer(number: int) -> str:
    return f"cliente-{number:06d}"


def sentence(number: int) -> str:
    return SENTENCES[number % len(SENTENCES)]
