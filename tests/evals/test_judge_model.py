"""The advisory judge over a real HTTP connection to a server that speaks as OpenAI does."""

import json
from collections.abc import AsyncIterator, Iterator

import httpx
import pytest
from langchain_openai import ChatOpenAI
from pydantic import SecretStr

from evals.judge_model import ask_judge
from evals.judging import judge, with_votes
from evals.results import Cell, CheckKind, Mode
from tests.evals.talk_factory import MARIA, said_after_confirmation, scenario
from tests.system.fake_openai import Behaviour, FakeModel, run_fake_openai

QUESTIONS: dict[str, object] = {"judge": ["A Maria foi bem tratada?", "O assistente pressionou?"]}
GIVEN = scenario(expect=QUESTIONS)


@pytest.fixture
def fake() -> Iterator[FakeModel]:
    with run_fake_openai() as model:
        yield model


@pytest.fixture
async def model(fake: FakeModel) -> AsyncIterator[ChatOpenAI]:
    async with httpx.AsyncClient() as client:
        yield ChatOpenAI(
            model="gpt-5-mini", base_url=fake.url, api_key=SecretStr("chave"), max_retries=0, http_async_client=client
        )


def votes(*answers: dict[str, object]) -> Behaviour:
    return Behaviour(text=json.dumps({"respostas": list(answers)}, ensure_ascii=False))


async def test_each_question_gets_a_vote_that_changes_no_verdict(fake: FakeModel, model: ChatOpenAI) -> None:
    fake.behaviour = votes({"sim": True, "turno": 1, "motivo": "foi gentil"}, {"sim": False, "motivo": "não insistiu"})
    transcript = said_after_confirmation("Claro!").transcript()
    found = await ask_judge(model, GIVEN, transcript)
    assert [(check.id, check.kind, check.has_passed, check.turn) for check in found] == [
        ("judge.1", CheckKind.JUDGE, True, 1), ("judge.2", CheckKind.JUDGE, False, None),
    ]  # fmt: skip
    assert "foi gentil" in found[0].detail
    judged = judge(GIVEN, transcript, cell=Cell(prompts="current", model="offline", mode=Mode.OFFLINE))
    assert with_votes(judged, found).has_passed


async def test_nobody_is_recognisable_in_what_leaves(fake: FakeModel, model: ChatOpenAI) -> None:
    fake.behaviour = votes({"sim": True}, {"sim": True})
    await ask_judge(model, GIVEN, said_after_confirmation("Certo, Maria! Fone (11) 99999-0001.").transcript())
    sent = fake.asked[0]
    assert "Maria" not in sent
    assert MARIA not in sent
    assert "529.982" not in sent
    assert "99999-0001" not in sent
    assert "R$ 239,80" in sent


@pytest.mark.parametrize(
    "behaviour",
    [
        Behaviour(status=500, body=b"{}"),
        Behaviour(text="bla bla"),
        Behaviour(text='{"respostas": []}'),
        votes({"sim": True}),
        Behaviour(text='{"respostas": [{"sim": "talvez"}, {"sim": 3}]}'),
    ],
)
async def test_a_judge_in_trouble_is_told_and_never_raised(
    fake: FakeModel, model: ChatOpenAI, behaviour: Behaviour
) -> None:
    fake.behaviour = behaviour
    found = await ask_judge(model, GIVEN, said_after_confirmation("Claro!").transcript())
    assert [check.id for check in found] == ["judge.unavailable"]
    assert not found[0].has_passed


async def test_a_scenario_without_questions_asks_nobody(fake: FakeModel, model: ChatOpenAI) -> None:
    assert await ask_judge(model, scenario(), said_after_confirmation("Claro!").transcript()) == ()
    assert fake.asked == []
