"""RQ behind `domain.ports.JobQueue`: a bell for the drains, never the work itself."""

import asyncio

import structlog
from redis import Redis
from redis.exceptions import RedisError
from rq import Queue
from rq.exceptions import DuplicateJobError
from rq.serializers import JSONSerializer

logger = structlog.get_logger(__name__)

QUEUES = (
    "delivery", "whatsapp", "dialer", "post_call", "call_summary", "scheduling", "promise_monitor", "ingest",
    "lifecycle", "retention",
)  # fmt: skip
_JOB_TIMEOUT_SECONDS = 300
_FAILURE_TTL_SECONDS = 60


def function_name(job: str) -> str:
    """Give the dotted name of a job's entry point; a test resolves them all."""
    return f"jobs.{job}.run"


class RqJobQueue:
    """Rings a drain: at most one job of a kind waits at a time, its arguments are nothing at all."""

    def __init__(self, redis_url: str) -> None:
        self._redis = Redis.from_url(redis_url, socket_timeout=2, socket_connect_timeout=2)

    async def ring(self, job: str) -> None:
        if job not in QUEUES:
            raise ValueError(f"unknown job {job!r}")
        await asyncio.to_thread(self._ring, job)

    def _ring(self, job: str) -> None:
        queue = Queue(job, connection=self._redis, serializer=JSONSerializer)
        try:
            queue.enqueue(
                function_name(job), job_id=job, unique=True, job_timeout=_JOB_TIMEOUT_SECONDS,
                result_ttl=0, failure_ttl=_FAILURE_TTL_SECONDS,
            )  # fmt: skip
        except DuplicateJobError:
            pass
        except (RedisError, OSError) as error:
            # The row is the work: the tick rings again, and the api drains by itself while Redis is away.
            logger.warning("queue.unreachable", job=job, error=type(error).__name__)

    def close(self) -> None:
        self._redis.close()


class NoQueue:
    """A queue nobody listens to, for tools that run without workers (Studio, evals)."""

    async def ring(self, job: str) -> None:
        return None
