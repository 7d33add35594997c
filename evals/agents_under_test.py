"""What is judged: the function from a loaded turn to its outcome. The sound one is the product's own graph."""

from collections.abc import Awaitable, Callable
from typing import Protocol

from domain.turns import TurnOutcome
from services.turns import LoadedTurn

Outcome = tuple[TurnOutcome, str | None]  # with the checkpoint that the turn left
Answer = Callable[[LoadedTurn], Awaitable[Outcome]]


class AgentUnderTest(Protocol):
    """Answers a written turn. `run` is the production graph with its observer; a broken agent alters what it gives."""

    async def answer(self, turn: LoadedTurn, run: Answer) -> Outcome: ...


class Sound:
    """The product as it is."""

    async def answer(self, turn: LoadedTurn, run: Answer) -> Outcome:
        return await run(turn)
