"""Streamed answers: words as they come, and every way in which a stream can go wrong (spec 1.12, 5.4)."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any
from uuid import UUID

import pytest
from langchain_core.messages import AIMessageChunk, HumanMessage, SystemMessage
from langchain_core.tools import tool
from pydantic import SecretStr

from agents.model_stream import ListenerFailed
from agents.models import Answer, EveryModelFailed, Factory, Models, one_turn
from agents.speaking import Listening, Speech
from domain.turns import ModelUsage
from store.database import Database
from tests.agents.scripted_model import ScriptedModel, Streamed, StreamingModel, call_pieces, calls
from tests.factories import make_tenant, open_database
from tests.fakes_clock import FakeClock
from tests.graphs.rig import make_settings
from tests.system.fake_openai import Behaviour, FakeModel, run_fake_openai

REPLY = "Certo, Maria. O total é R$ 239,80. Que dia fica bom para você?"
HEARD = ["Certo, Maria.", "O total é R$ 239,80.", "Que dia fica bom para você?"]


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    async with open_database(database_url) as opened:
        yield opened


@pytest.fixture
def server() -> Iterator[FakeModel]:
    with run_fake_openai() as fake:
        yield fake


class Ear:
    """A listener that lets everything out, and keeps what it heard."""

    def __init__(self) -> None:
        self.heard: list[str] = []
        self.first = asyncio.Event()
        self.listening: Listening = Speech(self._say).listen(lambda sentence, said: (), is_open=True)

    def _say(self, sentence: str) -> None:
        self.heard.append(sentence)
        self.first.set()


Make = Callable[..., Models]


@pytest.fixture
async def make(database: Database, clock: FakeClock) -> AsyncIterator[Make]:
    """Make models whose chain is: the first one given or the server of the URL; the second one or the offline model."""
    made: list[Models] = []

    def factory(model: Any) -> Factory:
        return lambda name, temperature: model

    def models_of(*models: Any, url: str | None = None, backup: Any = None, **limits: float) -> Models:
        settings = make_settings(database.url, openai_api_key=SecretStr("k"), openai_base_url=url)
        factories = dict(zip(("openai", "offline"), map(factory, models), strict=False))
        if backup is not None:
            factories["offline"] = factory(backup)
        made.append(Models(settings, database, clock, factories=factories, **limits))
        return made[-1]

    yield models_of
    for models in made:
        await models.aclose()


async def stream(models: Models, tenant_id: UUID, ear: Ear, text: str = "oi", **more: Any) -> Answer:
    return await models.stream(
        [HumanMessage(content=text)],
        tenant_id=tenant_id,
        agent="persona",
        feature="reply",
        listener=ear.listening,
        **more,
    )


@tool("consultar")
async def look_up(cpf: str) -> str:
    """Consulta."""
    return cpf


async def test_words_are_heard_before_the_answer_is_whole(database: Database, make: Make) -> None:
    go_on = asyncio.Event()
    model = StreamingModel(script=[Streamed(pieces=("Certo, ", "Maria. O", go_on, " total é outro."))])
    ear = Ear()
    models, tenant_id = make(model), await make_tenant(database)
    task = asyncio.create_task(stream(models, tenant_id, ear))
    await ear.first.wait()
    assert (ear.heard, task.done()) == (["Certo, Maria."], False)
    go_on.set()
    answer = await task
    assert ear.heard == ["Certo, Maria.", "O total é outro."]
    assert str(answer.message.text) == "Certo, Maria. O total é outro."
    assert answer.usage == (
        ModelUsage(
            agent="persona", feature="reply", provider="openai", model="gpt-5-mini", input_tokens=10, output_tokens=5
        ),
    )  # fmt: skip


async def test_tool_calls_are_put_together(database: Database, make: Make) -> None:
    both = calls(("consultar", {"cpf": "529"}), ("consultar", {"cpf": "111"}))
    model = StreamingModel(script=[both.model_copy(update={"content": "Só um instante, vou consultar."})])
    ear = Ear()
    answer = await stream(make(model), await make_tenant(database), ear, tools=[look_up])
    assert [(call["name"], call["args"], call["id"]) for call in answer.message.tool_calls] == [
        ("consultar", {"cpf": "529"}, "call_0"), ("consultar", {"cpf": "111"}, "call_1"),
    ]  # fmt: skip
    assert ear.heard == ["Só um instante, vou consultar."]
    assert model.offered == [["consultar"]]


async def test_words_before_a_tool_call_do_not_wait_for_its_arguments(database: Database, make: Make) -> None:
    go_on = asyncio.Event()
    name, *arguments = call_pieces("consultar", '{"cpf": "529"}')
    model = StreamingModel(script=[Streamed(pieces=("Vou consultar", name, go_on, *arguments))])
    ear = Ear()
    models, tenant_id = make(model), await make_tenant(database)
    task = asyncio.create_task(stream(models, tenant_id, ear, tools=[look_up]))
    await ear.first.wait()
    assert ear.heard == ["Vou consultar"]
    go_on.set()
    assert (await task).message.tool_calls[0]["args"] == {"cpf": "529"}


@pytest.mark.parametrize("arguments", ['{"cpf": "52998', "[1]", '{"cpf": }'])
async def test_arguments_that_are_not_whole_are_never_guessed(database: Database, make: Make, arguments: str) -> None:
    model = StreamingModel(script=[Streamed(pieces=tuple(call_pieces("consultar", arguments)))])
    answer = await stream(make(model), await make_tenant(database), Ear(), tools=[look_up])
    assert answer.message.tool_calls == []
    assert [call["name"] for call in answer.message.invalid_tool_calls] == ["consultar"]


async def test_model_that_cannot_stream_is_heard_at_once(database: Database, make: Make) -> None:
    ear = Ear()
    answer = await stream(make(ScriptedModel(script=[REPLY])), await make_tenant(database), ear)
    assert (ear.heard, answer.model) == (HEARD, "openai:gpt-5-mini")


async def test_offline_model_is_heard(database: Database, clock: FakeClock) -> None:
    ear = Ear()
    models = Models(make_settings(database.url), database, clock)
    answer = await stream(models, await make_tenant(database), ear, "bom dia")
    assert answer.model == "offline"
    assert " ".join(ear.heard).split() == [
        word for word in str(answer.message.text).split() if any(map(str.isalnum, word))
    ]


@pytest.mark.parametrize("trouble", [ValueError("segredo"), "", "x" * 30_000, TimeoutError()])
async def test_trouble_before_the_first_sentence_begins_anew(database: Database, make: Make, trouble: Any) -> None:
    entry = Streamed(pieces=("Meia fra", trouble)) if isinstance(trouble, Exception) else trouble
    first, second = StreamingModel(script=[entry]), StreamingModel(script=[REPLY])
    ear = Ear()
    answer = await stream(make(first, second), await make_tenant(database), ear)
    assert (ear.heard, answer.model, len(answer.failures)) == (HEARD, "offline", 1)
    assert "segredo" not in str(answer.failures)
    assert not any(isinstance(message, SystemMessage) for message in second.asked[0])
    assert first.begun == first.ended


async def test_model_that_breaks_off_is_followed_by_one_that_goes_on(database: Database, make: Make) -> None:
    first = StreamingModel(script=[Streamed(pieces=("Certo, Maria. O total é ", ValueError()))])
    second = StreamingModel(script=["Certo, Maria. O total é R$ 239,80. Que dia fica bom para você?"])
    ear = Ear()
    answer = await stream(make(first, second), await make_tenant(database), ear)
    assert ear.heard == HEARD
    assert answer.failures == ("openai:gpt-5-mini: ValueError",)
    told = str(second.asked[0][-1].content)
    assert isinstance(second.asked[0][-1], SystemMessage)
    assert '"Certo, Maria."' in told
    assert "O total" not in told


async def test_when_every_model_breaks_off_what_was_said_stands(database: Database, make: Make) -> None:
    first = StreamingModel(script=[Streamed(pieces=("Certo. Ou", ValueError()))])
    second = StreamingModel(script=[Streamed(pieces=("Vejo que ", ValueError()))])
    ear = Ear()
    with pytest.raises(EveryModelFailed):
        await stream(make(first, second), await make_tenant(database), ear)
    assert ear.heard == ["Certo."]


async def test_stream_that_stalls_is_left_and_not_asked_again_in_the_turn(database: Database, make: Make) -> None:
    first = StreamingModel(script=[Streamed(pieces=("Certo, Maria. O", asyncio.Event()))])
    second = StreamingModel(script=["O total é R$ 239,80.", "Outra."])
    models, tenant_id, ear = (
        make(first, second, token_seconds=0.05),
        await make_tenant(database),
        Ear(),
    )
    with one_turn():
        answer = await stream(models, tenant_id, ear)
        assert answer.failures == ("openai:gpt-5-mini: TimeoutError",)
        assert ear.heard == ["Certo, Maria.", "O total é R$ 239,80."]
        assert (await stream(models, tenant_id, Ear())).failures == ("openai:gpt-5-mini: silent in this turn",)
    assert (first.begun, first.ended) == (1, 1)


async def test_model_that_only_thinks_is_left_after_the_time_for_a_word(database: Database, make: Make) -> None:
    class Thinking(StreamingModel):
        async def _astream(self, *arguments: Any, **more: Any) -> AsyncIterator[Any]:
            from langchain_core.outputs import ChatGenerationChunk

            while True:
                yield ChatGenerationChunk(message=AIMessageChunk(content=""))
                await asyncio.sleep(0.001)

    ear = Ear()
    models = make(Thinking(script=[]), StreamingModel(script=[REPLY]), token_seconds=0.05)
    assert (await stream(models, await make_tenant(database), ear)).failures == ("openai:gpt-5-mini: TimeoutError",)
    assert ear.heard == HEARD


async def test_words_without_end_are_left_after_the_time_for_a_call(database: Database, make: Make) -> None:
    class Dripping(StreamingModel):
        async def _astream(self, *arguments: Any, **more: Any) -> AsyncIterator[Any]:
            from langchain_core.outputs import ChatGenerationChunk

            while True:
                yield ChatGenerationChunk(message=AIMessageChunk(content="a"))
                await asyncio.sleep(0.001)

    ear = Ear()
    models = make(Dripping(script=[]), StreamingModel(script=[REPLY]), call_seconds=0.05)
    assert (await stream(models, await make_tenant(database), ear)).failures == ("openai:gpt-5-mini: TimeoutError",)
    assert ear.heard == HEARD


async def test_cancelled_answer_closes_its_stream(database: Database, make: Make) -> None:
    model = StreamingModel(script=[Streamed(pieces=("Certo, Maria. O", asyncio.Event()))])
    ear = Ear()
    models, tenant_id = make(model), await make_tenant(database)
    before = asyncio.all_tasks()
    task = asyncio.create_task(stream(models, tenant_id, ear))
    await ear.first.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (model.begun, model.ended) == (1, 1)
    assert asyncio.all_tasks() == before
    assert (await stream(make(StreamingModel(script=["Oi."])), tenant_id, Ear())).failures == ()


async def test_listener_that_breaks_is_no_fault_of_the_model(database: Database, make: Make) -> None:
    def broken(sentence: str, said: Any) -> Any:
        raise KeyError("x")

    second = StreamingModel(script=[REPLY])
    models, tenant_id = make(StreamingModel(script=[REPLY]), second), await make_tenant(database)
    with pytest.raises(ListenerFailed):
        await models.stream(
            [HumanMessage(content="oi")], tenant_id=tenant_id, agent="persona", feature="reply",
            listener=Speech(lambda sentence: None).listen(broken, is_open=True),
        )  # fmt: skip
    assert second.asked == []


async def test_words_over_the_openai_wire(database: Database, make: Make, server: FakeModel) -> None:
    server.behaviour = Behaviour(text=REPLY)
    ear = Ear()
    answer = await stream(make(url=server.url), await make_tenant(database), ear)
    assert (ear.heard, answer.model, answer.failures) == (HEARD, "openai:gpt-5-mini", ())
    assert [(usage.input_tokens, usage.output_tokens) for usage in answer.usage] == [(10, 10)]


@pytest.mark.parametrize("ending", ["cut", "error", "silence"])
async def test_wire_that_breaks_in_mid_reply_is_taken_over(
    database: Database, make: Make, server: FakeModel, ending: Any
) -> None:
    server.behaviour = Behaviour(text=REPLY, words=5, ending=ending)
    ear = Ear()
    second = StreamingModel(script=["O total é R$ 239,80. Que dia fica bom para você?"])
    models = make(url=server.url, backup=second, token_seconds=0.5)
    answer = await stream(models, await make_tenant(database), ear)
    assert ear.heard == HEARD
    assert (answer.model, len(answer.failures)) == ("offline", 1)
    assert '"Certo, Maria."' in str(second.asked[0][-1].content)


async def test_cancelled_answer_closes_the_connection_to_the_provider(
    database: Database, make: Make, server: FakeModel
) -> None:
    server.behaviour = Behaviour(text=REPLY, words=5, ending="silence")
    models, tenant_id, ear = make(url=server.url), await make_tenant(database), Ear()
    task = asyncio.create_task(stream(models, tenant_id, ear))
    await ear.first.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await asyncio.to_thread(server.left.wait, 10)
    assert ear.heard == ["Certo, Maria."]
