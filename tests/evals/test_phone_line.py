"""The agent under test on the phone: heard while it speaks, and altered before anybody hears it."""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from domain.effects import RecordPromise
from domain.messages import Text
from domain.turns import TurnOutcome
from evals.agents_under_test import Answer, Outcome
from evals.events import AgentSaid, Transcript
from evals.sabotage import Altered
from evals.session import EvalSession, open_session
from evals.world import CellSetup
from graphs.turn import Ear
from services.turns import LoadedTurn
from tests.evals.eval_rig import make_scenario, with_seed

SETUP = CellSetup(chain=("offline",), prompts={})
COURSE = ("sim", "cinco dois nove nove oito dois dois quatro sete dois cinco", "pago tudo dia vinte e sete", "sim")
_SAID = """
    SELECT m.text FROM messages m JOIN conversations c ON c.id = m.conversation_id
    WHERE m.direction = 'out' ORDER BY m.seq
"""


@pytest.fixture
async def session(database_url: str) -> AsyncIterator[EvalSession]:
    async with open_session(database_url) as opened:
        yield opened


def replies(transcript: Transcript) -> list[str]:
    return [event.text for event in transcript.events if isinstance(event, AgentSaid) and event.turn > 0]


def halved(_turn: LoadedTurn, outcome: TurnOutcome) -> TurnOutcome:
    """Say that it is done in another way, and store half."""
    effects = tuple(
        replace(item, amount_cents=item.amount_cents // 2) if isinstance(item, RecordPromise) else item
        for item in outcome.effects
    )
    return replace(outcome, parts=(Text(text=f"Alterado: {len(effects)} coisas. Outra frase."),), effects=effects)


class Overheard:
    """The sound agent, with a note of what was said aloud before its turn was committed."""

    def __init__(self) -> None:
        self.early: list[str] = []

    async def answer(self, turn: LoadedTurn, run: Answer, ear: Ear | None = None) -> Outcome:
        assert ear is not None
        listening = Ear(say=lambda sentence: self._hear(ear, sentence), at_work=ear.at_work)
        outcome, checkpoint_id = await run(turn, listening)
        assert outcome.said == tuple(self.early[-len(outcome.said) :] if outcome.said else ())
        return outcome, checkpoint_id

    def _hear(self, ear: Ear, sentence: str) -> None:
        self.early.append(sentence)
        ear.say(sentence)


async def test_sound_agent_is_heard_while_it_speaks(session: EvalSession) -> None:
    agent = Overheard()

    transcript = await session.talk(make_scenario(*COURSE, channel="voice"), SETUP, agent=agent)

    assert transcript.error is None
    assert len(agent.early) >= 3
    assert [promise.amount_cents for promise in transcript.end.promises] == [23980]


async def test_of_a_broken_agent_only_the_altered_answer_is_heard_stored_and_done(session: EvalSession) -> None:
    scenario = make_scenario(*COURSE, channel="voice")

    transcript = await session.talk(scenario, SETUP, agent=Altered(alter=halved), name="phone")

    assert transcript.error is None
    assert len(replies(transcript)) == len(COURSE)
    assert {reply.split(":")[0] for reply in replies(transcript)} == {"Alterado"}
    assert all(reply.endswith("coisas. Outra frase.") for reply in replies(transcript))
    assert [promise.amount_cents for promise in transcript.end.promises] == [11990]
    assert transcript.end.identity == "confirmada"
    async with session.deps.database.platform() as connection:
        stored = [row["text"] for row in await (await connection.execute(_SAID)).fetchall()]
    assert stored[1:] == replies(transcript)


async def test_person_takes_the_call_over_where_somebody_can(session: EvalSession) -> None:
    scenario = make_scenario("quero falar com um atendente", "alô", channel="voice")

    passed_on = await session.talk(scenario, SETUP)
    left = await session.talk(with_seed(scenario, can_transfer=False), SETUP)

    assert (passed_on.end.handler, len(replies(passed_on))) == ("human", 1)
    assert (left.end.handler, len(replies(left))) == ("bot", 2)
