"""A worker process of the bench: `python -m bench.contact_worker ours|bare ...`.

It works whenever a line comes in, and writes one line when it is done: how many contacts it made, and the processor
time in seconds that it took for them.
"""

import argparse
import asyncio
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import datetime, timedelta

import httpx
from psycopg_pool import AsyncConnectionPool

from bench.debtors import phone_of
from bench.ground import POOL_SIZE
from bench.outside import CRM_PATH
from jobs import whatsapp
from wiring.clock import SystemClock
from wiring.deps import open_deps
from wiring.logging import configure_logging
from wiring.settings import Settings, load_settings

BARE_TABLE = "CREATE TABLE bare_contacts (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, phone text, wamid text)"
_INSERT = "INSERT INTO bare_contacts (phone, wamid) VALUES (%s, %s)"
_AT_ONCE = 150  # as services/outreach.py has it
Work = Callable[[str], Awaitable[int]]


class AheadClock:
    """The machine's clock, some time ahead: on a Saturday night nobody may be contacted."""

    def __init__(self, by: timedelta) -> None:
        self._clock = SystemClock()
        self._by = by

    def now(self) -> datetime:
        return self._clock.now() + self._by


async def _ours(settings: Settings, ahead: timedelta, stack: AsyncExitStack) -> Work:
    """Drain as the worker of the queue does, until nothing is due."""
    deps = await stack.enter_async_context(open_deps(settings, clock=AheadClock(ahead)))

    async def work(_line: str) -> int:
        handled = 0
        while done := await whatsapp.drain(deps):
            handled += done
        return handled

    return work


async def _bare(settings: Settings, stack: AsyncExitStack) -> Work:
    """Make the same two exchanges for each contact, and one INSERT: no claim, no check, no outcome."""
    pool = AsyncConnectionPool(
        settings.required_database_url(), kwargs={"autocommit": True}, min_size=POOL_SIZE, max_size=POOL_SIZE,
        open=False,
    )  # fmt: skip
    await stack.enter_async_context(pool)
    http = await stack.enter_async_context(httpx.AsyncClient(timeout=10, limits=httpx.Limits(max_connections=200)))
    crm, meta = f"{settings.crm_api_url}{CRM_PATH}", f"{settings.meta_graph_url}/v26.0/1/messages"

    async def contact(number: int, running: asyncio.Semaphore) -> None:
        async with running:
            (await http.post(crm, json={"cpf_cnpj": f"{number:011d}"})).raise_for_status()
            body = {"messaging_product": "whatsapp", "to": phone_of(number), "type": "text", "text": {"body": "Olá!"}}
            answer = (await http.post(meta, json=body)).raise_for_status().json()
            async with pool.connection() as connection:
                await connection.execute(_INSERT, (phone_of(number), answer["messages"][0]["id"]))

    async def work(line: str) -> int:
        first, count = map(int, line.split())
        running = asyncio.Semaphore(_AT_ONCE)
        await asyncio.gather(*(contact(number, running) for number in range(first, first + count)))
        return count

    return work


async def _serve(kind: str, ahead: timedelta) -> None:
    settings = load_settings(env_file=None)
    configure_logging(settings, process="bench")
    async with AsyncExitStack() as stack:
        work = await (_ours(settings, ahead, stack) if kind == "ours" else _bare(settings, stack))
        _say("ready")
        while line := await asyncio.to_thread(sys.stdin.readline):
            before = time.process_time()
            made = await work(line)
            _say(f"{made} {time.process_time() - before:.3f}")


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main() -> int:
    """Work until standard input ends."""
    parser = argparse.ArgumentParser(prog="python -m bench.contact_worker")
    parser.add_argument("kind", choices=("ours", "bare"))
    parser.add_argument("--ahead-seconds", type=float, default=0.0)
    arguments = parser.parse_args()
    asyncio.run(_serve(arguments.kind, timedelta(seconds=arguments.ahead_seconds)))  # the loop of jobs/shim.py
    return 0


if __name__ == "__main__":
    sys.exit(main())
