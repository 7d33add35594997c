"""A tenant with a number at Retell: the api as Retell sees it, and a campaign that calls through the fake."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx

from domain.campaigns import Method
from domain.messages import Provider
from jobs.dialer import make_dialer
from jobs.post_call import make_post_call
from store import calls
from store.calls import CallRow
from store.campaigns import CampaignRow
from store.channel_accounts import AccountRow
from store.targets import TargetRow
from tests.contact_world import ContactWorld
from tests.factories import make_account, make_tenant
from tests.fakes.retell import AGENT, KEY, NUMBER, MadeCall, RetellRest, event, signed
from tests.fakes_clock import FakeClock
from tests.server.conftest import Api, make_settings, open_api
from tests.voice_world import WEDNESDAY, voice_campaign

PREFIX = "/api/v1/voice"


@dataclass(frozen=True, kw_only=True)
class RetellWorld:
    api: Api
    fake: RetellRest
    contacts: ContactWorld
    clock: FakeClock

    @property
    def account(self) -> AccountRow:
        return self.contacts.account

    @property
    def webhook(self) -> str:
        return f"{PREFIX}/webhooks/retell/{self.account.webhook_key}"

    async def post(self, path: str, body: bytes, *, key: str = KEY, **headers: str) -> httpx.Response:
        """Post a body as Retell signs it."""
        return await self.api.http.post(
            path, content=body, headers={**signed(body, now=self.clock.now(), key=key), **headers}
        )

    async def tell(self, name: str, call: Mapping[str, object], *, path: str = "", **beside: object) -> httpx.Response:
        return await self.post(path or self.webhook, event(name, call, **beside))

    async def dialed(self, place: int = 0) -> tuple[TargetRow, CallRow, MadeCall]:
        """Call one debtor: our target, our call, and Retell's."""
        free: dict[str, Any] = {"method": Method.VOICE, "locked_by": None, "locked_until": None}
        target = await self.contacts.add_target(place, **free)
        assert await make_dialer(self.api.deps).contact_due(10) == 1
        return target, await self.call_of(target), self.fake.calls[-1]

    async def look(self) -> int:
        """Run the post-call drain."""
        return await make_post_call(self.api.deps).drain(100)

    async def call_of(self, target: TargetRow) -> CallRow:
        (row,) = [row for row in await self.calls() if row.target_id == target.id]
        return row

    async def calls(self) -> list[CallRow]:
        async with self.api.database.tenant(self.contacts.tenant_id) as connection:
            cursor = await connection.execute("SELECT id FROM calls ORDER BY created_at")
            found = [await calls.by_id(connection, row["id"]) for row in await cursor.fetchall()]
        return [row for row in found if row is not None]

    async def events(self) -> list[str]:
        return [str(row["kind"]) for row in await self.contacts.rows("SELECT kind FROM events ORDER BY created_at")]


@asynccontextmanager
async def open_retell_world(database_url: str, clock: FakeClock, fake: RetellRest) -> AsyncIterator[RetellWorld]:
    """Open an api whose tenant calls through the fake."""
    clock.set(WEDNESDAY)
    async with open_api(make_settings(database_url, retell_api_url=fake.url), clock) as api:
        tenant_id = await make_tenant(api.database)
        account = await make_account(
            api.database, tenant_id, provider=Provider.RETELL, external_id=NUMBER, secrets={"api_key": KEY},
            settings={"agent_id": AGENT, "agent_version": "3"},
        )  # fmt: skip
        row = voice_campaign(tenant_id, clock.now())
        world = ContactWorld(
            database=api.database, tenant_id=tenant_id, account=account, clock=clock, tenants=api.deps.tenants,
            campaign=row,
        )  # fmt: skip
        values = {name: getattr(row, name) for name in CampaignRow.__slots__}
        world.campaign = await world.add_campaign(accounts=[account], **values)
        yield RetellWorld(api=api, fake=fake, contacts=world, clock=clock)
