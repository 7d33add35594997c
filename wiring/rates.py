"""Token buckets: shared through Redis, counted in this process while Redis is away."""

import time
from dataclasses import dataclass

from redis.asyncio import Redis
from redis.exceptions import RedisError

_KEY_PREFIX = "master-ia:rate:"

# KEYS[1] bucket; ARGV rate per second, burst. Returns the wait in milliseconds, 0 when a token was taken.
# Redis's own clock is used, so that machines whose clocks differ share one bucket.
_TAKE = """
local rate, burst = tonumber(ARGV[1]), tonumber(ARGV[2])
local t = redis.call('TIME')
local now = t[1] + t[2] / 1000000
local bucket = redis.call('HMGET', KEYS[1], 'tokens', 'at')
local tokens = math.min(burst, (tonumber(bucket[1]) or burst) + (now - (tonumber(bucket[2]) or now)) * rate)
local wait = 0
if tokens >= 1 then tokens = tokens - 1 else wait = math.ceil((1 - tokens) / rate * 1000) end
redis.call('HSET', KEYS[1], 'tokens', tostring(tokens), 'at', tostring(now))
redis.call('EXPIRE', KEYS[1], math.ceil(burst / rate) + 60)
return wait
"""


@dataclass(slots=True)
class _Bucket:
    tokens: float
    at: float


class LocalRateLimiter:
    """Token buckets of this process alone."""

    def __init__(self) -> None:
        self._buckets: dict[str, _Bucket] = {}

    async def take(self, key: str, *, per_second: float, burst: int) -> float:
        now = time.monotonic()
        bucket = self._buckets.setdefault(key, _Bucket(tokens=burst, at=now))
        bucket.tokens = min(burst, bucket.tokens + (now - bucket.at) * per_second)
        bucket.at = now
        if bucket.tokens >= 1:
            bucket.tokens -= 1
            return 0.0
        return (1 - bucket.tokens) / per_second


class RedisRateLimiter:
    """Token buckets in Redis. While Redis is away each process keeps to the whole rate by itself (never unlimited)."""

    def __init__(self, redis: "Redis") -> None:
        self._take = redis.register_script(_TAKE)
        self._local = LocalRateLimiter()
        self._retry_at = 0.0

    async def take(self, key: str, *, per_second: float, burst: int) -> float:
        if time.monotonic() >= self._retry_at:
            try:
                milliseconds = await self._take(keys=[_KEY_PREFIX + key], args=[per_second, burst])
                return float(milliseconds) / 1000
            except (RedisError, OSError):
                # Ask again in a few seconds only: a dead Redis must not cost a timeout for every message.
                self._retry_at = time.monotonic() + 5
        return await self._local.take(key, per_second=per_second, burst=burst)
