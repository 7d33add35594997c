"""A campaign that calls: the api as Twilio sees it, the fake that plays the calls, and the drains."""

import asyncio
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import uvicorn

from domain.campaigns import ContactMethod, Method
from domain.messages import Provider
from jobs import dialer, post_call
from store import calls
from store.calls import CallRow
from store.campaigns import CampaignRow
from store.channel_accounts import AccountRow
from store.targets import TargetRow
from tests.contact_world import ContactWorld, campaign_row
from tests.factories import make_account, make_tenant
from tests.fakes.providers import TWILIO_SID, TWILIO_TOKEN
from tests.fakes.twilio_calls import NUMBER, Call, TwilioCalls
from tests.fakes_clock import FakeClock
from tests.server.conftest import Api, make_settings, open_api

# A Wednesday without a holiday anywhere, 11:00 in São Paulo.
WEDNESDAY = datetime(2026, 11, 18, 14, 0, tzinfo=UTC)
SECRETS = {"account_sid": TWILIO_SID, "auth_token": TWILIO_TOKEN}
PREFIX = "/api/v1/voice"


@dataclass(frozen=True, kw_only=True)
class VoiceWorld:
    api: Api
    fake: TwilioCalls
    contacts: ContactWorld
    simulator: AccountRow  # where the tenant's customers write
    clock: FakeClock

    async def add_target(self, place: int = 0, **changes: Any) -> TargetRow:
        """Insert a debtor whose call is due."""
        free: dict[str, Any] = {"method": Method.VOICE, "locked_by": None, "locked_until": None}
        return await self.contacts.add_target(place, **(free | changes))

    async def target(self, target: TargetRow) -> TargetRow:
        return await self.contacts.target(target.id)

    async def dial(self) -> int:
        """Run the dialer as a job would."""
        return await dialer.drain(self.api.deps)

    async def look(self) -> int:
        """Run the post-call drain as a job would."""
        return await post_call.drain(self.api.deps)

    async def call_of(self, target: TargetRow) -> CallRow:
        """Give the only call of a target."""
        (row,) = await self.calls_of(target)
        return row

    async def calls_of(self, target: TargetRow) -> list[CallRow]:
        async with self.api.database.tenant(target.tenant_id) as connection:
            cursor = await connection.execute(
                "SELECT id FROM calls WHERE target_id = %(id)s ORDER BY created_at", {"id": target.id}
            )
            found = [await calls.by_id(connection, row["id"]) for row in await cursor.fetchall()]
        return [row for row in found if row is not None]

    async def call(self, target: TargetRow, **script: Any) -> Call:
        """Dial what is due, and let the target's call happen as the script says."""
        await self.dial()
        (call,) = self.fake.of(target.phone)[-1:]
        call.script = replace(call.script, **script)
        await self.fake.play(call, self.api.http)
        return call

    @asynccontextmanager
    async def served(self) -> AsyncIterator[str]:
        """Let the api listen on a port of its own, as websockets need; give its address."""
        with socket.create_server(("127.0.0.1", 0)) as listener:
            config = uvicorn.Config(
                self.api.app, log_level="warning", log_config=None, lifespan="off", timeout_graceful_shutdown=1
            )
            server = uvicorn.Server(config)
            serving = asyncio.create_task(server.serve(sockets=[listener]))
            try:
                yield f"http://127.0.0.1:{listener.getsockname()[1]}"
            finally:
                server.should_exit = True
                await serving

    async def events(self) -> list[str]:
        rows = await self.contacts.rows("SELECT kind FROM events ORDER BY created_at, kind")
        return [str(row["kind"]) for row in rows]


@asynccontextmanager
async def open_voice_world(
    database_url: str, clock: FakeClock, fake: TwilioCalls, *, tenant: Mapping[str, Any] | None = None,
    service: Mapping[str, Any] | None = None, account: Mapping[str, str] | None = None,
) -> AsyncIterator[VoiceWorld]:  # fmt: skip
    """Open an api whose tenant calls through the fake; with these settings of the tenant, the service and the number.

    The number's calls give the keypad's notice, unless its settings say otherwise.
    """
    clock.set(WEDNESDAY)
    settings = make_settings(database_url, **{"twilio_api_url": fake.url, **(service or {})})
    async with open_api(settings, clock) as api:
        tenant_id = await make_tenant(api.database, **(tenant or {}))
        simulator = await make_account(api.database, tenant_id)
        settings_of_number = {"talk": "menu"} if account is None else dict(account)
        contacts = await _contacts(api, tenant_id, clock, simulator, settings_of_number)
        yield VoiceWorld(api=api, fake=fake, contacts=contacts, simulator=simulator, clock=clock)


async def _contacts(
    api: Api, tenant_id: UUID, clock: FakeClock, simulator: AccountRow, settings: dict[str, str]
) -> ContactWorld:
    account = await make_account(
        api.database, tenant_id, provider=Provider.TWILIO_VOICE, external_id=NUMBER, secrets=SECRETS, settings=settings
    )
    row = voice_campaign(tenant_id, clock.now())
    world = ContactWorld(
        database=api.database, tenant_id=tenant_id, account=account, clock=clock, tenants=api.deps.tenants,
        campaign=row, is_ledger_used=api.deps.http_crm is None,
    )  # fmt: skip
    values = {name: getattr(row, name) for name in CampaignRow.__slots__}
    world.campaign = await world.add_campaign(accounts=[account, simulator], **values)
    return world


def voice_campaign(tenant_id: UUID, now: datetime) -> CampaignRow:
    return replace(
        campaign_row(tenant_id, now), contact_method=ContactMethod.VOICE,
        allowed_methods=[Method.VOICE, Method.WHATSAPP], fallback_order=[Method.VOICE, Method.WHATSAPP],
        plan_due_at=now + timedelta(days=30),
    )  # fmt: skip
