"""The simulated customers: what each says next, and how a model that plays one is asked."""

import json
from collections.abc import AsyncIterator, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from langchain_openai import ChatOpenAI
from pydantic import SecretStr

from evals.customer import Customer, CustomerFailed, folded, make_customer
from evals.scenario import Audio, Expectations, Media, Say, Scenario, Seed, SeedContact, Wait
from tests.system.fake_openai import Behaviour, FakeModel, run_fake_openai

RULES: dict[str, Any] = {
    "kind": "rules",
    "opening": "oi",
    "rules": [
        {"when": r"cpf|cnpj", "unless": "nao confere", "say": "529.982.247-25"},
        {"when": r"cpf|cnpj", "say": "111.444.777-35"},
        {"when": r"que dia|qual dia", "say": ["sexta", "pago tudo"], "at_most": 2},
        {"when": r"posso registrar", "say": "sim"},
    ],
    "otherwise": ["como assim?", {"wait_minutes": 3}],
    "until": r"protocolo",
}


def scenario_of(user: dict[str, Any], **changes: Any) -> Scenario:
    return Scenario.model_validate(
        {
            "id": "provas-001", "suite": "provas", "title": "Promete pagar na sexta", "expect": Expectations(),
            "now": datetime(2026, 11, 20, 13, tzinfo=UTC), "user": user, **changes,
        }
    )  # fmt: skip


async def talk(customer: Customer, replies: Sequence[Sequence[str]]) -> list[Say | None]:
    return [await customer.opening(), *[await customer.answer(reply) for reply in replies]]


async def test_script_says_its_lines_whatever_is_answered() -> None:
    turns: list[object] = ["oi", [{"media": "image"}, {"audio": True}], {"wait_minutes": 5}, "tchau"]
    customer = make_customer(scenario_of({"kind": "script", "turns": turns}), seed=1)
    assert await talk(customer, [["a"], [], ["b", "c"], ["d"], ["e"]]) == [
        "oi", (Media(media="image"), Audio()), Wait(wait_minutes=5), "tchau", None, None
    ]  # fmt: skip


async def test_first_rule_that_fits_and_is_not_used_up_answers() -> None:
    replies = [
        ["Olá!", "Qual é o seu CPF?"],
        ["Esse CPF não confere."],
        ["QUE DIA fica bom?"],
        ["Qual dia?"],
        ["Que dia?"],
        ["Posso\nregistrar assim?"],
        ["Hã?"],
        ["Hein?"],
    ]
    assert await talk(make_customer(scenario_of(RULES), seed=1), replies) == [
        "oi", "529.982.247-25", "111.444.777-35", ("sexta", "pago tudo"), ("sexta", "pago tudo"), "como assim?", "sim",
        Wait(wait_minutes=3), None,
    ]  # fmt: skip


async def test_talk_of_rules_ends_at_until() -> None:
    customer = make_customer(scenario_of(RULES), seed=1)
    assert await talk(customer, [["Registrei! Protocolo P7F3K2Q. Qual dia?"]]) == ["oi", None]


async def test_rule_fits_silence_only_when_it_says_so() -> None:
    rules = {**RULES, "rules": [{"when": "^$", "say": "alô?"}, {"when": ".", "say": "ok"}], "otherwise": []}
    assert await talk(make_customer(scenario_of(rules), seed=1), [[], ["x"], []]) == ["oi", "alô?", "ok", None]


async def test_each_talk_begins_afresh() -> None:
    scenario = scenario_of(RULES)
    first = await talk(make_customer(scenario, seed=1), [["CPF?"], ["CPF?"], ["CPF?"]])
    assert await talk(make_customer(scenario, seed=1), [["CPF?"], ["CPF?"], ["CPF?"]]) == first
    assert first[1:3] == ["529.982.247-25", "111.444.777-35"]


def test_pattern_that_is_none_is_the_customers_failure() -> None:
    with pytest.raises(CustomerFailed, match="rule 1"):
        make_customer(scenario_of({**RULES, "rules": [{"when": "(", "say": "x"}]}), seed=1)
    with pytest.raises(CustomerFailed, match="until"):
        make_customer(scenario_of({**RULES, "until": "["}), seed=1)


def test_patterns_see_plain_letters_and_single_spaces() -> None:
    assert folded("Não é  “R$\u00a0119,90”?\n\nCONFIRMA, José") == "nao e “r$ 119,90”? confirma, jose"


# --- a model plays the customer


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


def played(**changes: Any) -> Scenario:
    return scenario_of(
        {"kind": "llm", "style": "Seca, abrevia tudo."}, persona="Tem 60 anos.", goal="Pagar na sexta.",
        hidden=["Seu CPF é 529.982.247-25.", "Recebe {{name}} dia 27."], seed=Seed(contact=SeedContact(name="Maria")),
        **changes,
    )  # fmt: skip


def asked(fake: FakeModel) -> list[list[tuple[str, str]]]:
    return [[(m["role"], m["content"]) for m in json.loads(body)["messages"]] for body in fake.asked]


async def test_model_plays_the_customer_with_the_roles_turned(fake: FakeModel, model: ChatOpenAI) -> None:
    fake.once.extend(Behaviour(text=text) for text in ("oi", "sou eu\n\n529.982.247-25", "blz, sim <fim>"))
    customer = make_customer(played(), seed=7, model=model)
    said = await talk(customer, [["Oi!", "Qual é o seu CPF?"], ["Posso registrar?"], ["Registrei."], ["Tchau"]])
    assert said == ["oi", ("sou eu", "529.982.247-25"), "blz, sim", None, None]
    first, _, last = asked(fake)
    role, instructions = first[0]
    assert role == "system"
    for part in (
        "Maria. Tem 60 anos.", "Pagar na sexta.", "- Seu CPF é 529.982.247-25.\n- Recebe {{name}} dia 27.",
        "Seca, abrevia tudo.", "WhatsApp", "sexta-feira, 20/11/2026 10:00", "<fim>",
    ):  # fmt: skip
        assert part in instructions
    assert last[1:] == [
        ("user", "(A conversa começa agora. Escreva a sua primeira mensagem.)"),
        ("assistant", "oi"),
        ("user", "Oi!\n\nQual é o seu CPF?"),
        ("assistant", "sou eu\n\n529.982.247-25"),
        ("user", "Posso registrar?"),
    ]
    assert {json.loads(body)["seed"] for body in fake.asked} == {7}


async def test_model_ends_the_talk_by_its_sign_alone(fake: FakeModel, model: ChatOpenAI) -> None:
    fake.once.extend([Behaviour(text="oi"), Behaviour(text=" <fim>\n")])
    customer = make_customer(played(), seed=1, model=model)
    assert await talk(customer, [["Olá"], ["?"]]) == ["oi", None, None]
    assert len(fake.asked) == 2


async def test_written_opening_and_campaign_text_are_what_the_model_remembers(
    fake: FakeModel, model: ChatOpenAI
) -> None:
    fake.behaviour = Behaviour(text="quem é?")
    user = {"kind": "llm", "opening": ["oi", {"audio": True, "transcript": "sou a maria"}, {"media": "image"}]}
    scenario = played().model_copy(update={"user": scenario_of(user).user, "seed": Seed(campaign=True)})
    customer = make_customer(scenario, seed=1, model=model)
    assert await customer.opening() == ("oi", Audio(transcript="sou a maria"), Media(media="image"))
    assert await customer.answer([]) == "quem é?"
    assert asked(fake)[0][1:] == [
        ("user", scenario.seed.campaign_text),
        ("assistant", "oi\n\nsou a maria\n\n(mensagem sem texto)"),
        ("user", "(Ninguém respondeu.)"),
    ]


@pytest.mark.parametrize(
    ("behaviour", "reason"),
    [
        (Behaviour(status=500, body=b'{"error": {"message": "quebrou"}}'), "failed"),
        (Behaviour(status=401, body=b'{"error": {"message": "chave"}}'), "failed"),
        (Behaviour(body=b"<html>", content_type="text/html"), "failed"),
        (Behaviour(body=b'{"choices": []}'), "failed"),
        (Behaviour(text=""), "answered nothing"),
        (Behaviour(text="a" * 1501), "wrote 1501 characters"),
    ],
)
async def test_models_trouble_is_the_customers_failure(
    fake: FakeModel, model: ChatOpenAI, behaviour: Behaviour, reason: str
) -> None:
    fake.behaviour = behaviour
    with pytest.raises(CustomerFailed, match=reason):
        await make_customer(played(), seed=1, model=model).opening()


async def test_model_that_is_gone_is_the_customers_failure() -> None:
    async with httpx.AsyncClient() as client:
        model = ChatOpenAI(
            model="m", base_url="http://127.0.0.1:9/v1", api_key=SecretStr("k"), max_retries=0, http_async_client=client
        )
        with pytest.raises(CustomerFailed, match="failed"):
            await make_customer(played(), seed=1, model=model).opening()


def test_customer_for_a_model_needs_one() -> None:
    with pytest.raises(CustomerFailed, match="none was given"):
        make_customer(played(), seed=1)
