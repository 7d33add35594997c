"""Is it alive, is it ready, what does it count. No key needed, nothing of a tenant in the answers."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Literal, cast

import structlog
from fastapi import APIRouter, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from redis.asyncio import Redis
from redis.exceptions import RedisError

from server.api.wire import Given
from server.turns import RunnerState
from store.database import UNAVAILABLE, Database
from store.migrate import pending_migrations
from wiring.deps import Deps

logger = structlog.get_logger(__name__)

router = APIRouter(tags=["operations"])

_CHECK_SECONDS = 3.0
Status = Literal["ok", "degraded", "failed"]


class Liveness(Given):
    status: Literal["ok"] = "ok"


class Dependency(Given):
    """`degraded`: it is away, and customers are answered without it."""

    status: Status
    milliseconds: float | None = None
    problem: str | None = None


class Readiness(Given):
    status: Literal["ready", "not_ready"]
    dependencies: dict[str, Dependency]


class Dependencies:
    """Looks at what the process needs."""

    def __init__(self, database: Database, redis: Redis | None) -> None:
        self._database = database
        self._redis = redis
        self._is_migrated = False

    async def postgres(self) -> Dependency:
        return await _timed(self._ask_postgres, when_away="failed")

    async def redis(self) -> Dependency:
        if self._redis is None:
            return Dependency(status="degraded", problem="REDIS_URL is not set")
        return await _timed(self._ask_redis, when_away="degraded")

    async def migrations(self) -> Dependency:
        """A schema that was complete once stays so while the process lives."""
        if self._is_migrated:
            return Dependency(status="ok")
        found = await _timed(self._ask_migrations, when_away="failed")
        self._is_migrated = found.status == "ok"
        return found

    async def _ask_postgres(self) -> str | None:
        async with self._database.platform() as connection:
            await connection.execute("SELECT 1")
        return None

    async def _ask_redis(self) -> str | None:
        await cast(Redis, self._redis).ping()
        return None

    async def _ask_migrations(self) -> str | None:
        pending = await asyncio.to_thread(pending_migrations, self._database.url)
        return f"{len(pending)} migration(s) missing; run: master-ia migrate" if pending else None


async def _timed(ask: Callable[[], Awaitable[str | None]], *, when_away: Status) -> Dependency:
    started = time.perf_counter()
    try:
        async with asyncio.timeout(_CHECK_SECONDS):
            problem = await ask()
    except (*UNAVAILABLE, RedisError, OSError, TimeoutError) as error:
        return Dependency(status=when_away, problem=type(error).__name__)
    except Exception as error:
        # Whatever a driver raises about its server (SQLAlchemy wraps it): not ready, and say so in the log.
        logger.warning("ready.check_failed", error=type(error).__name__)
        return Dependency(status=when_away, problem=type(error).__name__)
    milliseconds = round((time.perf_counter() - started) * 1000, 2)
    return Dependency(status="ok" if problem is None else "failed", milliseconds=milliseconds, problem=problem)


@asynccontextmanager
async def open_dependencies(deps: Deps) -> AsyncIterator[Dependencies]:
    """Open what the checks need, a small Redis client of their own."""
    if deps.settings.redis_url is None:
        yield Dependencies(deps.database, None)
        return
    redis = Redis.from_url(deps.settings.required_redis_url(), socket_timeout=2, socket_connect_timeout=2)
    try:
        yield Dependencies(deps.database, redis)
    finally:
        await redis.aclose()


@router.get("/health", summary="Is the process alive")
async def health() -> Liveness:
    return Liveness()


@router.get("/ready", summary="Can it work: each dependency with its latency")
async def ready(request: Request, response: Response) -> Readiness:
    checks = cast(Dependencies, request.app.state.dependencies)
    postgres, redis, migrations = await asyncio.gather(checks.postgres(), checks.redis(), checks.migrations())
    runner = _runner(cast(RunnerState, request.app.state.runner))
    found = {"postgres": postgres, "redis": redis, "migrations": migrations, "runner": runner}
    is_ready = all(item.status != "failed" for item in found.values())
    response.status_code = 200 if is_ready else 503
    return Readiness(status="ready" if is_ready else "not_ready", dependencies=found)


def _runner(state: RunnerState) -> Dependency:
    if not state.is_wanted:
        return Dependency(status="ok", problem="turns are not run in this process")
    return Dependency(status="ok") if state.is_alive else Dependency(status="failed", problem="it is not running")


@router.get("/metrics", summary="Counters for Prometheus", response_class=Response)
async def metrics() -> Response:
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)
