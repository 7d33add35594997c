"""What is judged: the function from a loaded turn to its outcome. The sound one is the product's own graph."""

from collections.abc import Awaitable
from typing import Protocol

from domain.turns import TurnOutcome
from graphs.turn import Ear
from services.turns import LoadedTurn

Outcome = tuple[TurnOutcome, str | None]  # with the checkpoint that the turn left


class Answer(Protocol):
    """The production graph with its observer. On the phone `ear` hears each sentence while it is made; without one
    nothing is said yet, and the outcome holds it all."""

    def __call__(self, turn: LoadedTurn, ear: Ear | None = None, /) -> Awaitable[Outcome]: ...


class AgentUnderTest(Protocol):
    """Answers a turn, written or, with an `ear`, spoken. A broken agent alters what `run` gives, and lets nobody hear
    it before: what its outcome does not name as `said` is spoken once the turn is committed."""

    async def answer(self, turn: LoadedTurn, run: Answer, ear: Ear | None = None) -> Outcome: ...


class Sound:
    """The product as it is."""

    async def answer(self, turn: LoadedTurn, run: Answer, ear: Ear | None = None) -> Outcome:
        return await run(turn, ear)
