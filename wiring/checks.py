"""Check that the servers a process needs are there and new enough. Nothing here changes anything."""

import time
from dataclasses import dataclass

import psycopg
import redis

_MIN_POSTGRES = 150_000
_MIN_REDIS = (6, 2)
_SLOW_MILLISECONDS = 50.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Check:
    """One thing looked at: whether it is well, what was found, and what to do when it is not."""

    name: str
    is_ok: bool
    found: str
    what_to_do: str = ""
    is_required: bool = True


def check_postgres(url: str) -> list[Check]:
    """Connect, and look at the version and at pgvector."""
    name = "PostgreSQL"
    started = time.perf_counter()
    try:
        with psycopg.connect(url, connect_timeout=5) as connection:
            milliseconds = (time.perf_counter() - started) * 1000
            version = connection.info.server_version
            vector = connection.execute(
                "SELECT default_version FROM pg_available_extensions WHERE name = 'vector'"
            ).fetchone()
    except psycopg.Error as error:
        what_to_do = "Check DATABASE_URL, and that the server runs and lets this user in."
        return [Check(name=name, is_ok=False, found=f"no connection ({type(error).__name__})", what_to_do=what_to_do)]
    readable = f"{version // 10_000}.{version % 10_000}, connected in {milliseconds:.0f} ms"
    return [
        Check(name=name, is_ok=version >= _MIN_POSTGRES, found=readable, what_to_do="Use PostgreSQL 15 or newer."),
        Check(
            name="pgvector",
            is_ok=vector is not None,
            found=f"{vector[0]} available" if vector else "not available",
            what_to_do="Install the extension on the server (Debian: apt-get install postgresql-15-pgvector).",
        ),
    ]


def check_redis(url: str) -> Check:
    """PING, and look at the version. Not required: customers are answered without it (design: rows are the work)."""
    name = "Redis"
    client = redis.Redis.from_url(url, socket_connect_timeout=3, socket_timeout=3)
    try:
        client.ping()
        started = time.perf_counter()
        client.ping()
        milliseconds = (time.perf_counter() - started) * 1000
        version = str(client.info("server")["redis_version"])
    except (redis.RedisError, OSError, UnicodeError) as error:
        what_to_do = "Check REDIS_URL and that the server runs. Replies go on without it; proactive work waits."
        return Check(name=name, is_ok=False, found=f"no answer ({type(error).__name__})", what_to_do=what_to_do)
    finally:
        client.close()
    numbers = tuple(int(part) for part in version.split(".")[:2])
    slow = milliseconds > _SLOW_MILLISECONDS
    return Check(
        name=name,
        is_ok=numbers >= _MIN_REDIS and not slow,
        found=f"{version}, answers in {milliseconds:.1f} ms",
        what_to_do="Put Redis nearer: each bell waits for it." if slow else "Use Redis 6.2 or newer.",
        is_required=numbers < _MIN_REDIS,
    )
