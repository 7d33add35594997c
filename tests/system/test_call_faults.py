"""Calls while things break: apis killed at every instant of a turn, models that lie, stall or fall silent (N1-N9)."""

import asyncio
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, LiteralString

import httpx
import psycopg
import pytest

from domain.messages import Provider
from domain.reply_rules import find_foreign_or_internal
from tests.fakes.retell import RetellLine, ended
from tests.fakes.twilio_relay import dial_in
from tests.system.call_stack import CallStack, debt_words, on_the_phone, open_call_stack, promise_day, reconnected
from tests.system.conftest import NewDatabase
from tests.system.customers import AMOUNT_CENTS, Customer, add_debtors
from tests.system.fake_openai import Behaviour, FakeModel, completion, run_fake_openai

# --- the crash table

Mode = Literal["restarted", "beside another", "hung up"]
POINTS = ("turn.claimed", "turn.loaded", "turn.ran", "turn.committing", "turn.committed")
_POINTS_OF: Mapping[Mode, Sequence[str]] = {
    "restarted": POINTS,
    "beside another": ("turn.loaded", "turn.committing", "turn.committed"),
    "hung up": ("turn.claimed", "turn.ran", "turn.committed"),
}
_YES_TURN = 3
_AT_ONCE = 6
_LEASE_SECONDS = 5
_MOVE: LiteralString = """
    UPDATE channel_accounts SET settings = settings || jsonb_build_object('base_url', %(url)s::text)
    WHERE settings ? 'base_url'
"""
PENDING = [(AMOUNT_CENTS, "pending")]
MARIA = Customer(number=700)
PEDRO = Customer(number=701, provider=Provider.EVOLUTION)

CASES = [(mode, failpoint) for mode, points in _POINTS_OF.items() for failpoint in points]


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """A database in which the customers are known from their messages."""

    database_url: str
    accounts: dict[Provider, Any]
    now: datetime

    @contextmanager
    def copied(self, new_database: NewDatabase, folder: Path) -> Iterator[CallStack]:
        """Give a stack on a copy of the database, at the hour at which it was made."""
        with open_call_stack(new_database(self.database_url), folder, start=self.now) as stack:
            stack.accounts = self.accounts
            with psycopg.connect(stack.database_url, autocommit=True) as connection:
                connection.execute(_MOVE, {"url": stack.fakes.url})
            yield stack


@dataclass(kw_only=True)
class Outcome:
    """What one crash in the middle of the yes left behind."""

    spoken: list[str] = field(default_factory=list)  # all that was heard, the greeting first
    said: list[str] = field(default_factory=list)
    history: list[tuple[str, str]] = field(default_factory=list)
    promises: list[tuple[int, str]] = field(default_factory=list)
    status: str = ""
    held: list[dict[str, Any]] = field(default_factory=list)
    error: BaseException | None = None


@pytest.fixture(scope="module")
def prepared(new_database: NewDatabase, tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    """Let the customers say in writing who they are; every crash then starts from a copy of this database."""
    url = new_database(None)
    with open_call_stack(url, tmp_path_factory.mktemp("prepare")) as stack:

        async def prepare() -> None:
            await stack.create_tenants()
            await add_debtors(stack, [MARIA, PEDRO])
            await stack.start()
            await asyncio.gather(*(stack.confirm_in_text(customer) for customer in (MARIA, PEDRO)))

        asyncio.run(prepare())
        return Prepared(database_url=url, accounts=dict(stack.accounts), now=stack.clock.now())


@pytest.fixture(scope="module")
def outcomes(
    prepared: Prepared, new_database: NewDatabase, tmp_path_factory: pytest.TempPathFactory
) -> dict[tuple[Mode, str], Outcome]:
    """Crash at every failpoint in every mode, each in a database of its own, some at the same time."""
    found: dict[tuple[Mode, str], Outcome] = {}
    folder = tmp_path_factory.mktemp("crash")

    async def crash(mode: Mode, failpoint: str, room: asyncio.Semaphore) -> None:
        outcome = found[mode, failpoint] = Outcome()
        async with room:
            place = folder / str(len(found))
            with prepared.copied(new_database, place) as stack:
                try:
                    await _crash(stack, outcome, failpoint, mode)
                except Exception as error:
                    error.add_note(stack.logs()[-3000:])
                    outcome.error = error

    async def crash_everywhere() -> None:
        room = asyncio.Semaphore(_AT_ONCE)
        await asyncio.gather(*(crash(mode, failpoint, room) for mode, failpoint in CASES))

    asyncio.run(crash_everywhere())
    return found


async def _crash(stack: CallStack, outcome: Outcome, failpoint: str, mode: Mode) -> None:
    """Kill the api while it answers the yes to a promise; the call goes on elsewhere, or is over."""
    stack.start_api(0, FAILPOINT=f"{failpoint}:{_YES_TURN}")
    if mode == "beside another":
        stack.start_api(1)
        await stack.until_healthy(1)
    await stack.until_healthy(0)
    call = stack.ringing(MARIA)
    outcome.said = ["sim, sou eu", f"pago tudo {promise_day(stack)}", "sim, pode registrar"]
    async with stack.line(call) as line:
        outcome.spoken = [await line.listen(), await line.say(outcome.said[0]), await line.say(outcome.said[1])]
        asked = await line.ask(outcome.said[2])
        assert await line.closed() == 1006
        assert asked not in line.answers, "something was said of a turn that was not committed"
    await stack.until_killed()
    if mode != "beside another":
        await stack.start()
    slot = 1 if mode == "beside another" else 0
    if mode != "hung up":
        await _go_on(stack, outcome, line, slot)
    over = ended(call, "error_llm_websocket_lost_connection" if mode == "hung up" else "user_hangup")
    assert await stack.tell_retell("call_ended", over, slot=slot) == 204
    await stack.work()
    outcome.status = await stack.status_of(call["call_id"])
    if mode == "hung up":
        await _go_on_in_writing(stack, outcome)
    outcome.history = await stack.history(call["call_id"])
    outcome.promises = await stack.promises(MARIA)
    stack.clock.advance(seconds=2 * _LEASE_SECONDS)
    outcome.held = await stack.held()


async def _go_on(stack: CallStack, outcome: Outcome, line: RetellLine, slot: int) -> None:
    """Reconnect as Retell does, to whichever api answers; it asks again what was not answered."""
    async with reconnected(stack, line, slot=slot) as again:
        await again.want()
        outcome.spoken.append(await again.listen())
        assert 0 not in again.answers, "greeted again"
        outcome.said.append("não, obrigada, tchau")
        outcome.spoken.append(await again.say(outcome.said[-1]))


async def _go_on_in_writing(stack: CallStack, outcome: Outcome) -> None:
    """Nobody reconnected: the customer takes it up where they write."""
    (answer,) = await stack.write(MARIA, "caiu a ligação. sim, pode registrar")
    assert answer
    if not await stack.promises(MARIA):
        await stack.write(MARIA, f"pago tudo {promise_day(stack)}")
        await stack.write(MARIA, "sim")


@pytest.mark.parametrize(("mode", "failpoint"), CASES)
def test_crash_in_a_call_loses_nothing_and_repeats_nothing(
    outcomes: dict[tuple[Mode, str], Outcome], mode: Mode, failpoint: str
) -> None:
    outcome = outcomes[mode, failpoint]
    if outcome.error is not None:
        raise outcome.error
    assert outcome.promises == PENDING
    assert outcome.held == []
    assert outcome.status == ("failed" if mode == "hung up" else "completed")
    heard = [text for direction, text in outcome.history if direction == "in"]
    # A crash inside the transaction that stores the words is one with them; nobody asked again in a call that is over.
    is_unsaid = mode == "hung up" and failpoint == "turn.claimed"
    assert heard == (outcome.said[:-1] if is_unsaid else outcome.said)
    spoken = [text for direction, text in outcome.history if direction == "out"]
    if mode != "hung up":
        assert [words.split() for words in spoken] == [words.split() for words in outcome.spoken]
        assert "registrei" in outcome.spoken[3].lower()
    assert Counter(spoken).most_common(1)[0][1] == 1
    assert sum("Falo com Maria?" in text for text in spoken) == 1


@pytest.mark.parametrize("failpoint", ["turn.ran", "turn.committing", "turn.committed"])
async def test_crash_in_a_tool_of_a_hosted_agent_is_asked_again_and_done_once(
    prepared: Prepared, new_database: NewDatabase, tmp_path_factory: pytest.TempPathFactory, failpoint: str
) -> None:
    with prepared.copied(new_database, tmp_path_factory.mktemp("tool")) as stack:
        stack.start_api(0, FAILPOINT=f"{failpoint}:{_YES_TURN}")
        stack.start_api(1)
        await stack.until_healthy(0)
        await stack.until_healthy(1)
        call, name = stack.ringing(MARIA), "registrar_promessa_pagamento"
        said = [f"meu CPF é {MARIA.document}"]
        assert (await stack.use_function(call, "consultar_faturas_cpf", said, {"cpf_cnpj": MARIA.document}))[
            "ok"
        ] is True
        said.append(f"pago tudo {promise_day(stack)}")
        arguments = {
            "cpf_cnpj": "confirmado", "valor_prometido": "R$ 119,90",
            "data_prevista_pagamento": f"{promise_day(stack).removeprefix('dia ')}/2026",
        }  # fmt: skip
        await stack.use_function(call, name, said, arguments)
        said.append("sim, pode registrar")
        with pytest.raises(httpx.TransportError):
            await stack.use_function(call, name, said, arguments)
        await stack.until_killed()
        stack.clock.advance(seconds=60)  # Retell asks again after a while
        results = [await stack.use_function(call, name, said, arguments, slot=1) for _ in range(2)]
        assert [result["situacao"] for result in results] == ["registrada"] * 2
        assert await stack.promises(MARIA) == PENDING
        await stack.until_unlocked()


async def test_crash_over_twilio_is_taken_over_by_another_api(
    prepared: Prepared, new_database: NewDatabase, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with prepared.copied(new_database, tmp_path_factory.mktemp("relay")) as stack:
        await stack.start(1)
        await stack.write(PEDRO, "pode me ligar?", slots=[1])
        stack.clock.advance(minutes=3)
        await stack.work()
        await stack.kill("api1")
        await stack.start(0, FAILPOINT=f"turn.committed:{_YES_TURN}")
        await stack.start(1)
        sid, offer, _ = await stack.picked_up(PEDRO)
        assert offer is not None
        said = ["sim, sou eu", f"pago tudo {promise_day(stack)}", "sim, pode registrar"]
        async with dial_in(stack.base_url(), offer, sid) as caller:
            spoken = [await caller.reply()]
            for words in said[:2]:
                await caller.say(words)
                spoken.append(await caller.reply())
            await caller.say(said[2])
            assert await caller.gone() == 1006
        await stack.until_killed()
        async with dial_in(stack.base_url(1), offer, sid) as again:
            await again.replay(caller.sent[-1:])
            spoken.append(await again.reply())
            said.append("não, obrigada, tchau")
            await again.say(said[-1])
            spoken.append(await again.reply())
            await again.is_ended()
        history = await stack.history(sid)
        assert await stack.promises(PEDRO) == PENDING
        assert "registrei" in spoken[3].lower()
        assert [text for direction, text in history if direction == "in"] == said
        assert [text.split() for direction, text in history if direction == "out"] == [text.split() for text in spoken]


async def test_call_whose_ending_nobody_tells_is_asked_for(
    prepared: Prepared, new_database: NewDatabase, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with prepared.copied(new_database, tmp_path_factory.mktemp("silent")) as stack:
        await stack.start()
        call = stack.ringing(MARIA)
        stack.retell.know(call)
        async with stack.line(call) as line:
            await line.listen()
            await line.say("sim, sou eu")
            await line.ask(f"pago tudo {promise_day(stack)}")
            await stack.kill()
            assert await line.closed() == 1006
        stack.retell.calls[-1].resource |= ended(call, "error_llm_websocket_lost_connection")
        stack.clock.advance(minutes=11)
        await stack.work()
        assert await stack.status_of(call["call_id"]) == "failed"
        assert await stack.held() == []


# --- models that break


@pytest.fixture(scope="module")
def thinking(
    new_database: NewDatabase, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[CallStack, FakeModel]]:
    """Run an api whose model a test can break."""
    with (
        run_fake_openai() as model,
        open_call_stack(
            new_database(None), tmp_path_factory.mktemp("model"), environment=model.environment()
        ) as stack,
    ):  # fmt: skip

        async def start() -> None:
            await stack.create_tenants()
            await stack.start()

        asyncio.run(start())
        yield stack, model


@pytest.fixture
def broken(thinking: tuple[CallStack, FakeModel]) -> tuple[CallStack, FakeModel]:
    """Give the api with a model that is well again, and no memory of its failures."""
    stack, model = thinking
    stack.clock.advance(minutes=2)  # longer than the circuit breaker stays open
    model.behaviour = Behaviour()
    model.once.clear()
    return stack, model


_LIES = {
    "claim": "Registrei sua promessa! O protocolo é PABC123. Pode ficar tranquila.",
    "debt": "Oi, Maria. Você tem uma fatura de cento e dezenove reais e noventa centavos em aberto. Quando paga?",
    "amount": "Olá! São R$ 987,65 que você deve. Vamos negociar?",
    "english": "I'm sorry, but I cannot help with that request. Please try again later.",
    "internal": 'Traceback (most recent call last): File "/app/x.py", line 3, KeyError',
    "endless": "Então veja bem, é muito bom falar com você hoje. " * 400,
    "comma": "veja bem, é assim, " * 2000,
    "transfer": "Já transferi você para o financeiro e mandei o boleto no seu e-mail.",
}
_NEVER = ("registrei", "pabc", "987", "novecentos e oitenta", "119", "cento e dezenove", "transferi", "mandei", "r$")
_LONGEST_WORDS = 200


@pytest.mark.parametrize("lie", list(_LIES))
async def test_lies_of_a_model_are_not_spoken(broken: tuple[CallStack, FakeModel], lie: str) -> None:
    stack, model = broken
    maria = await _debtor(stack, 720 + list(_LIES).index(lie))
    async with on_the_phone(stack, maria) as line:
        model.behaviour = Behaviour(text=_LIES[lie])
        asked = len(model.asked)
        spoken = await line.say("alô, tudo bem?")
        assert len(model.asked) > asked
        actions = line.answers[line.response_id].actions
        await line.hang_up()
    assert spoken
    assert not [word for word in _NEVER if word in spoken.lower()], spoken
    assert lie not in ("debt", "amount") or debt_words(spoken) == []
    _check_words(spoken)
    assert len(spoken.split()) < _LONGEST_WORDS
    assert set(actions) <= {"end_call"}
    assert await stack.promises(maria) == []
    await _check_kept(stack, line)


async def test_lies_after_the_identity_are_not_spoken(broken: tuple[CallStack, FakeModel]) -> None:
    stack, model = broken
    maria = await _debtor(stack, 740)
    digits = maria.document
    groups = f"{digits[:3]} {digits[3:6]} {digits[6:9]} {digits[9:]}"
    names = ("zero", "um", "dois", "três", "quatro", "cinco", "seis", "sete", "oito", "nove")
    aloud = " ".join(names[int(digit)] for digit in digits)
    async with on_the_phone(stack, maria) as line:
        await line.say("quero ver minha fatura")
        assert "cento e dezenove reais" in await line.say(f"meu CPF é {groups}")
        for text in (
            f"O seu CPF é {groups}, certo?", f"Confirmando. Seu documento é {aloud}.",
            f"O final é outro, mas os números são {digits[:6]}. E depois {digits[6:]}.",
            "O total é de R$ 15,00 e vence amanhã. Registrei o pagamento!",
            "Dou cinquenta por cento de desconto. Fica em sessenta reais.",
        ):  # fmt: skip
            model.behaviour = Behaviour(text=text)
            spoken = await line.say("pode repetir?")
            assert spoken
            shown = re.sub(r"\D", "", _digits_of(spoken))
            assert digits not in shown, spoken
            assert not re.search(r"registrei|quinze reais|sessenta reais|cinquenta por cento", spoken.lower()), spoken
            _check_words(spoken)
            if line.answers[line.response_id].actions:
                break
        await line.hang_up()
    assert await stack.promises(maria) == []
    await _check_kept(stack, line)


_FAILURES = {
    "500": Behaviour(status=500, body=b'{"error": {"message": "upstream"}}'),
    "empty": Behaviour(body=completion("")),
    "nothing streamed": Behaviour(text=""),
    "html": Behaviour(body=b"<html>Bad gateway</html>", content_type="text/html"),
    "cut in a sentence": Behaviour(text="Oi, Maria, tudo bem. Eu vou olhar agora mesmo o seu", words=8, ending="cut"),
    "error in a sentence": Behaviour(text="Oi, Maria, tudo bem. Eu vou olhar o seu", words=7, ending="error"),
    "silent in a sentence": Behaviour(text="Oi, Maria, tudo bem. Eu vou olhar o seu", words=7, ending="silence"),
}


@pytest.mark.parametrize("failure", list(_FAILURES))
async def test_customer_is_answered_whatever_becomes_of_the_model(
    broken: tuple[CallStack, FakeModel], failure: str
) -> None:
    stack, model = broken
    maria = await _debtor(stack, 750 + list(_FAILURES).index(failure))
    async with on_the_phone(stack, maria) as line:
        model.behaviour = _FAILURES[failure]
        spoken = await line.say("quero ver minha fatura")
        assert "CPF" in spoken
        assert spoken.count("tudo bem") <= 1
        assert "Eu vou olhar" not in spoken
        _check_words(spoken)
        assert "cento e dezenove reais" in await line.say(f"meu CPF é {maria.document}")
        await line.hang_up()
    assert model.asked
    await _check_kept(stack, line)


async def test_api_killed_in_mid_sentence_answers_again_after_it(broken: tuple[CallStack, FakeModel]) -> None:
    stack, model = broken
    maria = await _debtor(stack, 770)
    words = "Oi, Maria, que bom falar com você. Posso ajudar em quê?"
    async with on_the_phone(stack, maria) as line:
        model.behaviour = Behaviour(text=words, words=9, ending="silence")
        asked = await line.ask("alô, tudo bem?")
        await line.until(lambda: asked in line.answers)
        assert line.answers[asked].text.strip() == "Oi, Maria, que bom falar com você."
        await stack.kill()
        assert await line.closed() == 1006
    await stack.start()
    model.behaviour = Behaviour(text=words)
    async with reconnected(stack, line, spoken=3) as again:
        again.transcript.append({"role": "user", "content": "alô? está me ouvindo?"})
        await again.want()
        assert "Posso ajudar em quê?" in await again.listen()
        assert 0 not in again.answers
        await again.hang_up()
    history = await stack.history(line.call["call_id"])
    assert [text for direction, text in history if direction == "in"] == ["alô, tudo bem?", "alô? está me ouvindo?"]
    assert sum("Falo com" in text or "Como posso ajudar?" in text for _, text in history) == 1
    stack.clock.advance(seconds=2 * _LEASE_SECONDS)
    assert await stack.held() == []


# --- what tests share


async def _debtor(stack: CallStack, number: int) -> Customer:
    customer = Customer(number=number)
    await add_debtors(stack, [customer])
    return customer


def _check_words(text: str) -> None:
    assert not list(find_foreign_or_internal(text, allowed_words=("TR Telecom", "Lia"))), text
    assert "segredo do provedor" not in text


_SPOKEN_DIGITS = {
    "zero": "0", "um": "1", "uma": "1", "dois": "2", "duas": "2", "três": "3", "quatro": "4", "cinco": "5",
    "seis": "6", "meia": "6", "sete": "7", "oito": "8", "nove": "9",
}  # fmt: skip


def _digits_of(text: str) -> str:
    return " ".join(_SPOKEN_DIGITS.get(word, word) for word in re.findall(r"\w+", text.lower()))


async def _check_kept(stack: CallStack, line: RetellLine) -> None:
    """What the history keeps is what was given out, and nothing of the call is held any more."""
    history = await stack.history(line.call["call_id"])
    given = [answer.text.split() for _, answer in sorted(line.answers.items())]
    assert [text.split() for direction, text in history if direction == "out"] == given
    assert [text for direction, text in history if direction == "in"] == [
        entry["content"] for entry in line.transcript if entry["role"] == "user"
    ]
    await stack.until_unlocked()
