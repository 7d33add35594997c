"""P5: how soon the first words of an answer are there on a call, beyond what its model takes. Over the real websocket
of an api process, as Retell speaks to it: alone, and with fifty calls going on."""

import asyncio
import json
import time
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from websockets.asyncio.client import ClientConnection, connect

from bench.figures import Figure, milliseconds, quantile
from bench.ground import BenchBroken, Ground, make_account, sentence
from bench.model import FIRST_TOKEN_SECONDS
from bench.processes import serving
from domain.messages import Provider
from store.channel_accounts import AccountRow
from wiring.deps import open_deps
from wiring.ports import choose_port

CALLS = 50
_NUMBER = "+551140001234"
_LISTENS_SECONDS = 3.0  # a caller hears the answer before saying more
_PATIENCE_SECONDS = 20.0


@dataclass(kw_only=True)
class _Caller:
    """One call over the websocket of the api."""

    port: int
    account: AccountRow
    number: int
    waits: list[float] = field(default_factory=list)
    _transcript: list[dict[str, str]] = field(default_factory=list)
    _response_id: int = 0

    async def call(self, turns: int, *, listens_seconds: float) -> None:
        """Be greeted, then say something `turns` times; note how long each answer's first words took."""
        call_id = f"call_{uuid4().hex}"
        url = f"ws://127.0.0.1:{self.port}/api/v1/voice/retell/llm/{self.account.webhook_key}/{call_id}"
        async with connect(url, proxy=None) as socket:
            await socket.send(json.dumps({"interaction_type": "call_details", "call": self._details(call_id)}))
            await self._listen(socket)
            for turn in range(turns):
                self._response_id += 1
                self._transcript.append({"role": "user", "content": sentence(turn + self.number)})
                frame = {"interaction_type": "response_required", "response_id": self._response_id}
                started = time.perf_counter()
                await socket.send(json.dumps(frame | {"transcript": self._transcript}))
                self.waits.append(await self._listen(socket) - started)
                await asyncio.sleep(listens_seconds)

    def _details(self, call_id: str) -> dict[str, Any]:
        return {
            "call_type": "phone_call", "call_id": call_id, "direction": "inbound", "call_status": "ongoing",
            "from_number": f"+55119{70000000 + self.number}", "to_number": _NUMBER, "agent_id": "agent_bench",
        }  # fmt: skip

    async def _listen(self, socket: ClientConnection) -> float:
        """Read to the end of an answer; give the moment of its first words."""
        first = None
        said: list[str] = []
        async with asyncio.timeout(_PATIENCE_SECONDS):
            while True:
                frame = json.loads(await socket.recv())
                if frame.get("response_type") != "response" or frame.get("response_id") != self._response_id:
                    continue
                if content := frame.get("content"):
                    first = first or time.perf_counter()
                    said.append(content.strip())
                if frame.get("content_complete"):
                    break
        if first is None:
            raise BenchBroken("an answer had no words")
        self._transcript.append({"role": "agent", "content": " ".join(said)})
        return first


async def measure_calls(ground: Ground, *, is_quick: bool) -> list[Figure]:
    """One call whose model answers at once, then fifty whose model thinks before its first words."""
    alone = await _first_words(ground, calls=1, turns=20 if is_quick else 80, model_seconds=0, listens_seconds=0)
    crowd = await _first_words(
        ground, calls=CALLS, turns=4 if is_quick else 10, model_seconds=FIRST_TOKEN_SECONDS,
        listens_seconds=_LISTENS_SECONDS,
    )  # fmt: skip
    added = [wait - FIRST_TOKEN_SECONDS for wait in crowd]
    return [
        _figure("first words of a call's answer, model excluded: p95", quantile(alone, 0.95), bar=50, goal=20),
        _figure(f"the same, {CALLS} calls at once: p95 we add", quantile(added, 0.95), bar=100, goal=50),
    ]


async def _first_words(
    ground: Ground, *, calls: int, turns: int, model_seconds: float, listens_seconds: float
) -> list[float]:
    settings = ground.settings(ground.new_database(f"bench_calls_{calls}"))
    async with open_deps(settings) as deps:
        account = await make_account(deps, Provider.RETELL, external_id=_NUMBER)
        port = choose_port("127.0.0.1", 18520, variable="", is_explicit=False)
        async with serving(
            "calls", settings, port=port, folder=ground.folder, arguments=("--model-seconds", str(model_seconds))
        ):
            await _all(port, account, calls, turns=2, listens_seconds=0)  # for the caches and the connections
            ground.analyze(settings.required_database_url())
            callers = await _all(port, account, calls, turns=turns, listens_seconds=listens_seconds)
    return [wait for caller in callers for wait in caller.waits]


async def _all(port: int, account: AccountRow, calls: int, *, turns: int, listens_seconds: float) -> list[_Caller]:
    """Let callers come in over one answer's time, not in one instant: nobody's phone rings with fifty others'."""
    callers = [_Caller(port=port, account=account, number=number) for number in range(calls)]

    async def begin(caller: _Caller) -> None:
        await asyncio.sleep(caller.number / calls * max(listens_seconds, 0.5))
        await caller.call(turns, listens_seconds=listens_seconds)

    await asyncio.gather(*(begin(caller) for caller in callers))
    return callers


def _figure(what: str, seconds: float, *, bar: float, goal: float) -> Figure:
    return Figure(
        key="P5", what=what, measured=milliseconds(seconds), baseline="-", judged=seconds * 1000, unit="ms", bar=bar,
        goal=goal, better="lower",
    )  # fmt: skip
