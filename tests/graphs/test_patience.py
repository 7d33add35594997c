"""A customer on the phone is asked for patience while a tool takes long: once, truly, and not when it is quick."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest

from domain.call_greetings import HOLDING
from domain.call_talk import Hold
from tests.call_world import CallWorld, open_call_world
from tests.fakes.slow_crm import SlowCrm, serve_slow_crm
from tests.fakes_clock import FakeClock
from tests.graphs.demo_rig import MARIA

SOON = 0.05
NEVER = 600.0
MY_DOCUMENT = "529.982.247-25"


@pytest.fixture
async def crm() -> AsyncIterator[SlowCrm]:
    async with serve_slow_crm() as serving:
        yield serving


@asynccontextmanager
async def world_with(
    demo_database_url: str, crm: SlowCrm, *, holding_seconds: float = SOON
) -> AsyncIterator[CallWorld]:
    async with (
        httpx.AsyncClient(trust_env=False) as http,
        open_call_world(demo_database_url, crm=crm.client(http, FakeClock()), holding_seconds=holding_seconds) as world,
    ):
        yield world


async def test_slow_tool_is_bridged_by_one_sentence_that_the_history_keeps(
    demo_database_url: str, crm: SlowCrm
) -> None:
    async with world_with(demo_database_url, crm) as world:
        line = await world.ring(MARIA)
        await line.say("quero ver minha fatura")
        crm.hold()
        await line.begin_to_say(MY_DOCUMENT)
        assert await line.first_words() == HOLDING[0]
        await crm.until_asked(1)  # the words may overtake the question
        crm.release()
        answer = await line.listen()
        assert "duzentos e trinta e nove reais" in answer
        assert [event.text for event in line.events if isinstance(event, Hold)] == [HOLDING[0]]
        assert {event.reply for event in line.events if isinstance(event, Hold)} == {line.reply}
        assert (await line.history())[-1] == ("out", f"{HOLDING[0]} {answer}")
        await line.hang_up()


async def test_quick_tool_is_not_spoken_of(demo_database_url: str, crm: SlowCrm) -> None:
    async with world_with(demo_database_url, crm, holding_seconds=NEVER) as world:
        line = await world.ring(MARIA)
        await line.say("quero ver minha fatura")
        answer = await line.say(MY_DOCUMENT)
        assert crm.asked == 1
        assert "duzentos e trinta e nove reais" in answer
        assert not [event for event in line.events if isinstance(event, Hold)]
        assert line.session._patience is None
        await line.hang_up()


async def test_customer_who_does_not_wait_is_answered_with_all_that_was_said(
    demo_database_url: str, crm: SlowCrm
) -> None:
    async with world_with(demo_database_url, crm) as world:
        line = await world.ring(MARIA)
        await line.say("quero ver minha fatura")
        crm.hold()
        await line.begin_to_say(MY_DOCUMENT)
        await line.first_words()
        await line.session.cut("Só um")
        await line.begin_to_say("anda logo, por favor")
        assert await line.first_words() == HOLDING[1]  # another one: nobody likes to hear the same words again
        crm.release()
        assert "duzentos e trinta e nove reais" in await line.listen()
        said = await line.history()
        assert ("out", "Só um") in said
        assert [words for direction, words in said if direction == "in"][-2:] == [MY_DOCUMENT, "anda logo, por favor"]
        await line.hang_up()


async def test_nothing_is_asked_of_somebody_who_speaks(demo_database_url: str, crm: SlowCrm) -> None:
    async with world_with(demo_database_url, crm, holding_seconds=NEVER) as world:
        line = await world.ring(MARIA)
        await line.say("quero ver minha fatura")
        crm.hold()
        await line.begin_to_say(MY_DOCUMENT)
        await crm.until_asked()
        await line.session.cut("")
        assert line.session._patience is not None
        assert line.session._reply is not None
        line.session._hold(line.session._reply)  # as the timer does
        crm.release()
        await line.listen()
        assert not [event for event in line.events if isinstance(event, Hold)]
        await line.hang_up()


async def test_hanging_up_while_a_tool_runs_says_nothing_more(demo_database_url: str, crm: SlowCrm) -> None:
    async with world_with(demo_database_url, crm, holding_seconds=NEVER) as world:
        line = await world.ring(MARIA)
        await line.say("quero ver minha fatura")
        crm.hold()
        await line.begin_to_say(MY_DOCUMENT)
        await crm.until_asked()
        await line.hang_up()
        assert line.session._patience is None
        assert not [event for event in line.events if isinstance(event, Hold)]
        assert (await line.history())[-1] == ("in", MY_DOCUMENT)
