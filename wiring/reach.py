"""Find the database and Redis a command should work on."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager

from wiring.embedded import start_embedded
from wiring.instance import AlreadyRunning, InstanceInfo, running_instance
from wiring.settings import Settings, SettingsError

_WAIT_FOR_START_SECONDS = 60.0


@contextmanager
def reachable(settings: Settings, *, may_start: bool = True) -> Iterator[Settings]:
    """Give the settings with both URLs: those that are set, those of the running service, or servers of our own.

    Our own run until the block ends. Raises SettingsError when nothing runs and `may_start` is False.
    """
    if not settings.is_embedded:
        yield settings
        return
    local = settings.with_local_secrets()
    running = _wait_for_urls(settings)
    if running:
        yield local.with_services(
            database_url=None if settings.database_url else running.database_url,
            redis_url=None if settings.redis_url else running.redis_url,
        )
    elif not may_start:
        raise SettingsError({"DATABASE_URL": "is not set and the service is not running; start it with: master-ia run"})
    else:
        with start_embedded(
            settings.data_dir, postgres=settings.database_url is None, redis=settings.redis_url is None
        ) as services:
            services.instance.publish(
                InstanceInfo(pid=os.getpid(), database_url=services.database_url, redis_url=services.redis_url)
            )
            yield local.with_services(database_url=services.database_url, redis_url=services.redis_url)


def _wait_for_urls(settings: Settings) -> InstanceInfo | None:
    deadline = time.monotonic() + _WAIT_FOR_START_SECONDS
    while running := running_instance(settings.data_dir):
        has_database = settings.database_url is not None or running.database_url is not None
        has_redis = settings.redis_url is not None or running.redis_url is not None
        if has_database and has_redis:
            return running
        if time.monotonic() > deadline:
            raise AlreadyRunning(settings.data_dir, running)
        time.sleep(0.2)
    return None
