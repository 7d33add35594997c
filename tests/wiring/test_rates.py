"""Token buckets: shared through a real Redis, kept to without it."""

import asyncio

from redis.asyncio import Redis

from wiring.rates import LocalRateLimiter, RedisRateLimiter


async def test_burst_passes_and_then_waits() -> None:
    limiter = LocalRateLimiter()
    waits = [await limiter.take("a", per_second=1, burst=3) for _ in range(4)]
    assert waits[:3] == [0, 0, 0]
    assert 0 < waits[3] <= 1


async def test_buckets_are_apart() -> None:
    limiter = LocalRateLimiter()
    assert await limiter.take("a", per_second=0.01, burst=1) == 0
    assert await limiter.take("b", per_second=0.01, burst=1) == 0


async def test_processes_share_one_bucket_through_redis(clean_redis_url: str) -> None:
    async with Redis.from_url(clean_redis_url) as one, Redis.from_url(clean_redis_url) as two:
        limiters = [RedisRateLimiter(one), RedisRateLimiter(two)]
        waits = await asyncio.gather(*(limiters[n % 2].take("a", per_second=0.01, burst=10) for n in range(30)))
    assert sum(wait == 0 for wait in waits) == 10


async def test_redis_away_falls_back_to_a_bucket_of_this_process() -> None:
    async with Redis.from_url("redis://127.0.0.1:1", socket_connect_timeout=0.2) as nowhere:
        limiter = RedisRateLimiter(nowhere)
        waits = [await limiter.take("a", per_second=0.01, burst=2) for _ in range(4)]
    assert [wait == 0 for wait in waits] == [True, True, False, False]
