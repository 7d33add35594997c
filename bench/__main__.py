"""Run the bench: `python -m bench [--only P2] [--quick] [--json]`."""

import argparse
import asyncio
import json
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from pathlib import Path

import uvloop

from bench.calls import measure_calls
from bench.campaigns import measure_contacts
from bench.claims import measure_claims
from bench.crowd import measure_crowd
from bench.evals import measure_evals
from bench.figures import Figure, table
from bench.ground import Ground, open_ground
from bench.imports import measure_imports
from bench.turns import measure_long_conversation, measure_turns
from bench.webhook import measure_webhook
from wiring.garbage import set_startup_aside
from wiring.logging import configure_logging

Measure = Callable[[Ground], Awaitable[list[Figure]]]


def _measures(ground: Ground, *, is_quick: bool) -> dict[str, Measure]:
    """Name what can be measured, in the order it is."""
    return {
        "P1": partial(measure_webhook, is_quick=is_quick),
        "P2": partial(measure_turns, is_quick=is_quick),
        "P3": partial(measure_imports, is_quick=is_quick),
        "P4": partial(measure_contacts, is_quick=is_quick),
        "P5": partial(measure_calls, is_quick=is_quick),
        "P6": partial(measure_long_conversation, is_quick=is_quick),
        "P7": partial(measure_claims, is_quick=is_quick),
        "P8": partial(measure_evals, is_quick=is_quick),
        "CROWD": partial(measure_crowd, is_quick=is_quick),
    }


KEYS = ("P1", "P2", "P3", "P4", "P5", "P6", "P7", "P8", "CROWD")


def _arguments(given: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--only", action="append", choices=KEYS, type=str.upper, help="measure this alone; repeatable")
    parser.add_argument("--quick", action="store_true", help="fewer and smaller rounds, for a first look")
    parser.add_argument("--json", action="store_true", help="write JSON instead of the table")
    return parser.parse_args(given)


def main(given: Sequence[str] | None = None) -> int:
    """Measure and print. Ends with 0 whatever the figures say; an error means that the bench itself is broken."""
    arguments = _arguments(given)
    figures: list[Figure] = []
    with tempfile.TemporaryDirectory(prefix="mia-bench-") as folder, open_ground(Path(folder)) as ground:
        configure_logging(ground.settings(ground.database_url), process="bench")
        set_startup_aside()  # as the api process does; ours and the baselines run in it alike
        for key, measure in _measures(ground, is_quick=arguments.quick).items():
            if arguments.only and key not in arguments.only:
                continue
            started = time.perf_counter()
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                figures += runner.run(_run(measure, ground))
            sys.stderr.write(f"{key} measured in {time.perf_counter() - started:.0f} s\n")
    if arguments.json:
        sys.stdout.write(json.dumps([figure.as_json() for figure in figures], ensure_ascii=False, indent=2) + "\n")
    else:
        sys.stdout.write(table(figures) + "\n")
    return 0


async def _run(measure: Measure, ground: Ground) -> list[Figure]:
    return await measure(ground)


if __name__ == "__main__":
    sys.exit(main())
