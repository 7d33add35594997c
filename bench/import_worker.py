"""A process of the bench that takes one file: `python -m bench.import_worker <file> <tenant> <campaign>`.

It writes one line of JSON: the seconds from the file's arrival to the last target, and by how much memory grew.
"""

import asyncio
import json
import resource
import sys
import time
from pathlib import Path
from uuid import UUID

import psutil
import uvloop

from bench.ground import BenchBroken
from jobs.ingest import drain, make_intake
from wiring.deps import open_deps
from wiring.logging import configure_logging
from wiring.settings import load_settings


async def _take(path: Path, tenant_id: UUID, campaign_id: UUID) -> dict[str, float]:
    settings = load_settings(env_file=None)
    configure_logging(settings, process="bench")
    async with open_deps(settings) as deps:
        intake = make_intake(deps)
        before = psutil.Process().memory_info().rss
        size = (await asyncio.to_thread(path.stat)).st_size
        started = time.perf_counter()
        with await asyncio.to_thread(path.open, "rb") as file:
            row = await intake.receive(tenant_id, campaign_id, file, file_name=path.name, size=size, wanted={})
        while not row.has_ended:
            await drain(deps)
            row = await intake.read(tenant_id, row.id)
        seconds = time.perf_counter() - started
        if row.status != "completed":
            raise BenchBroken(f"the import ended as {row.status}: {row.failure}")
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024  # of Linux, in KiB
        return {"seconds": seconds, "grown_bytes": max(0, peak - before), "imported": row.imported}


def main() -> None:
    """Take the file that the arguments name."""
    path, tenant_id, campaign_id = sys.argv[1:]
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        sys.stdout.write(json.dumps(runner.run(_take(Path(path), UUID(tenant_id), UUID(campaign_id)))) + "\n")


if __name__ == "__main__":
    main()
