"""The composition root: what a process needs to work, opened together and closed together."""

import os
import socket
import uuid
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

import httpx
from redis.asyncio import Redis

from channels.base import Channel
from channels.crm import HttpCrm
from channels.evolution import EvolutionChannel
from channels.meta import MetaChannel
from channels.simulator import SimulatorChannel
from channels.twilio import TwilioSms, TwilioWhatsApp
from channels.voice import VoiceLine
from domain.buffering import QuietWindow
from domain.messages import Provider
from domain.ports import Clock, Crm, Failpoint, JobQueue, RateLimiter
from domain.tenants import Tenant
from services.accounts import AccountDirectory
from services.delivery import Delivery
from services.inbox import Inbox
from services.knowledge import KnowledgeBase
from services.ledger import LedgerCrm
from services.tenant_directory import TenantDirectory
from store.cipher import Cipher
from store.database import Database
from wiring.bell import TurnBell
from wiring.clock import SystemClock
from wiring.embeddings import make_embeddings
from wiring.failpoints import make_failpoint
from wiring.http_client import make_http
from wiring.queue import NoQueue, RqJobQueue
from wiring.rates import LocalRateLimiter, RedisRateLimiter
from wiring.settings import Settings
from wiring.voice_lines import make_voice_lines

_PROVIDER_TIMEOUT = httpx.Timeout(10, connect=5, pool=5)


@dataclass(frozen=True, kw_only=True, slots=True)
class Deps:
    """Everything with the lifetime of a process. Take the narrowest part of it that does."""

    settings: Settings
    clock: Clock
    database: Database
    cipher: Cipher
    queue: JobQueue
    limiter: RateLimiter
    http: httpx.AsyncClient
    channels: Mapping[Provider, Channel]
    knowledge: KnowledgeBase
    bell: TurnBell
    accounts: AccountDirectory
    tenants: TenantDirectory
    inbox: Inbox
    delivery: Delivery
    process_name: str  # names this process in leases
    failpoint: Failpoint
    http_crm: Crm | None
    voice_lines: Mapping[Provider, VoiceLine]

    def crm_for(self, tenant: Tenant) -> Crm:
        """Give the CRM over HTTP when one is configured, else the tenant's own ledger."""
        if self.http_crm is not None:
            return self.http_crm
        return LedgerCrm(self.database, tenant.id, self.clock, tenant.time_zone)


def make_channels(settings: Settings, http: httpx.AsyncClient, clock: Clock) -> Mapping[Provider, Channel]:
    """Make one adapter per provider over one HTTP client."""
    adapters: tuple[Channel, ...] = (
        MetaChannel(http, base_url=settings.meta_graph_url, version=settings.meta_api_version),
        EvolutionChannel(http, clock=clock),
        TwilioWhatsApp(http, base_url=settings.twilio_api_url),
        TwilioSms(http, base_url=settings.twilio_api_url),
        SimulatorChannel(),
    )
    return {adapter.provider: adapter for adapter in adapters}


@asynccontextmanager
async def open_deps(settings: Settings, *, clock: Clock | None = None) -> AsyncIterator[Deps]:
    """Open database, Redis and HTTP clients for this process; close them at the end, in reverse order.

    Works with Redis away: the queue and the limiter cope. Raises what PostgreSQL raises when it cannot be reached.
    """
    clock = clock or SystemClock()
    async with AsyncExitStack() as stack:
        database = await Database(settings.required_database_url(), max_connections=settings.db_pool_max).open()
        stack.push_async_callback(database.close)
        http = await stack.enter_async_context(make_http(timeout=_PROVIDER_TIMEOUT, max_connections=200))
        queue, limiter = _make_queue(settings, stack)
        knowledge = KnowledgeBase(settings.required_database_url(), make_embeddings(settings))
        stack.push_async_callback(knowledge.close)
        bell = TurnBell(database)
        stack.push_async_callback(bell.close)
        cipher = Cipher({key.key_id: key.raw for key in settings.encryption_key_ring()})
        accounts = AccountDirectory(database, cipher, public_base_url=settings.public_base_url)
        channels = make_channels(settings, http, clock)
        process_name = f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex[:8]}"
        failpoint = make_failpoint(settings.failpoint)
        yield Deps(
            settings=settings,
            clock=clock,
            database=database,
            cipher=cipher,
            queue=queue,
            limiter=limiter,
            http=http,
            channels=channels,
            knowledge=knowledge,
            bell=bell,
            accounts=accounts,
            tenants=TenantDirectory(database),
            inbox=Inbox(database, _quiet_window(settings)),
            delivery=Delivery(
                database=database,
                channels=channels,
                accounts=accounts,
                limiter=limiter,
                clock=clock,
                sender=process_name,
                failpoint=failpoint,
            ),
            process_name=process_name,
            failpoint=failpoint,
            http_crm=_make_http_crm(settings, http, clock),
            voice_lines=make_voice_lines(settings, http, clock),
        )


def _quiet_window(settings: Settings) -> QuietWindow:
    return QuietWindow(
        complete_seconds=settings.quiet_complete_seconds,
        broken_seconds=settings.quiet_broken_seconds,
        cap_seconds=settings.quiet_cap_seconds,
    )


def _make_queue(settings: Settings, stack: AsyncExitStack) -> tuple[JobQueue, RateLimiter]:
    if settings.redis_url is None:
        return NoQueue(), LocalRateLimiter()
    url = settings.required_redis_url()
    redis = Redis.from_url(url, socket_timeout=1, socket_connect_timeout=1)
    stack.push_async_callback(redis.aclose)
    queue = RqJobQueue(url)
    stack.callback(queue.close)
    return queue, RedisRateLimiter(redis)


def _make_http_crm(settings: Settings, http: httpx.AsyncClient, clock: Clock) -> Crm | None:
    if settings.crm_api_url is None or settings.crm_api_key is None:
        return None
    return HttpCrm(http, url=settings.crm_api_url, api_key=settings.crm_api_key.get_secret_value(), clock=clock)
