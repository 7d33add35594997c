"""The worker process: RQ jobs in this very process, so that what they need is opened once."""

import structlog
from redis import Redis
from rq import Queue, SimpleWorker
from rq.serializers import JSONSerializer

from jobs import shim
from wiring.logging import configure_logging
from wiring.queue import QUEUES
from wiring.settings import load_settings

logger = structlog.get_logger(__name__)

# An idle worker blocks for worker_ttl - 15 s before it looks after abandoned jobs (faults M3).
_WORKER_TTL_SECONDS = 30
_MAINTENANCE_SECONDS = 10


def main(queue: str | None = None, *, burst: bool = False) -> None:
    """Work on one queue, or on all of them, until stopped. Rows are the work: a job lost with Redis is rung again."""
    settings = load_settings()
    configure_logging(settings, process="worker")
    names = QUEUES if queue is None else (queue,)
    unknown = set(names) - set(QUEUES)
    if unknown:
        raise ValueError(f"unknown queue {unknown.pop()!r}; there are {', '.join(QUEUES)}")
    redis = Redis.from_url(settings.required_redis_url())
    worker = SimpleWorker(
        [Queue(name, connection=redis, serializer=JSONSerializer) for name in names],
        connection=redis, serializer=JSONSerializer, worker_ttl=_WORKER_TTL_SECONDS,
        maintenance_interval=_MAINTENANCE_SECONDS, log_job_description=False,
    )  # fmt: skip
    logger.info("worker.started", queues=list(names))
    try:
        worker.work(burst=burst, logging_level="WARNING")
    finally:
        shim.close()
        redis.close()
