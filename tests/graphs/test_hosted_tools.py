"""Tools of agents that speak elsewhere: the rules of our own agents, each call of a tool once, one memory."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from langchain_core.messages import AIMessage, AnyMessage, HumanMessage

from domain.messages import Provider
from domain.ports import CrmUnavailable, DebtStatement
from graphs.hosted_tools import HostedTools
from services.call_desk import Arrival, CallDesk, OpenedCall
from store import call_talk, conversations, hosted_tools
from store.conversations import ConversationRow
from tests.factories import make_account
from tests.graphs.demo_rig import JOAO, MARIA, Demo, open_demo

CPF = "meu CPF é 529.982.247-25"
LOOK_UP = {"cpf_cnpj": "529.982.247-25"}
PROMISE = {"cpf_cnpj": "confirmado", "data_prevista_pagamento": "27/11/2026", "valor_prometido": "R$ 239,80"}


@dataclass(kw_only=True)
class Line:
    """A call whose agent speaks elsewhere."""

    demo: Demo
    tools: HostedTools
    opened: OpenedCall
    texts: list[str] = field(default_factory=list)

    async def use(self, name: str, *said: str, **arguments: Any) -> dict[str, Any]:
        """Let the customer say something, then the agent call a tool."""
        self.texts += said
        return read(await self.tools.run(self.opened, name=name, arguments=arguments, customer_texts=self.texts))

    async def follow(self, name: str, *lines: str, **arguments: Any) -> dict[str, Any]:
        """Let the agent call a tool, with all that both sides said, the agent first."""
        return read(
            await self.tools.run(
                self.opened, name=name, arguments=arguments, customer_texts=list(lines[1::2]),
                dialogue=transcript(*lines),
            )
        )  # fmt: skip

    async def conversation(self) -> ConversationRow:
        async with self.demo.deps.database.tenant(self.opened.tenant_id) as connection:
            row = await conversations.by_id(connection, self.opened.conversation_id)
        assert row is not None
        return row

    async def state(self) -> Mapping[str, Any]:
        row = await self.conversation()
        thread = {"thread_id": str(row.id), "checkpoint_id": row.checkpoint_id}
        return dict((await self.demo.graph.aget_state({"configurable": thread})).values)

    async def count(self, table: str) -> int:
        async with self.demo.deps.database.tenant(self.opened.tenant_id) as connection:
            cursor = await connection.execute(f"SELECT count(*) AS n FROM {table}".encode())
            row = await cursor.fetchone()
        assert row is not None
        return int(row["n"])


def read(answer: str) -> dict[str, Any]:
    content = json.loads(answer)
    assert isinstance(content, dict)
    assert "\n" not in answer
    return content


@pytest.fixture
async def demo(demo_database_url: str) -> AsyncIterator[Demo]:
    async with open_demo(demo_database_url) as opened:
        yield opened


async def ring(demo: Demo, phone: str = MARIA) -> Line:
    row = await make_account(
        demo.deps.database, demo.account.tenant_id, provider=Provider.RETELL, external_id=f"+5511{uuid4().hex[:8]}"
    )
    account = await demo.deps.accounts.by_id(row.tenant_id, row.id)
    assert account is not None
    arrival = Arrival(provider_call_id=f"call_{uuid4().hex}", direction="in", customer_phone=phone)
    opened = await CallDesk(demo.deps.database, demo.deps.clock).begin(account, arrival)
    return Line(demo=demo, tools=HostedTools(demo.deps), opened=opened)


@pytest.fixture
async def line(demo: Demo) -> Line:
    return await ring(demo)


def test_schemas_are_those_of_a_call(line: Line) -> None:
    schemas = {schema["name"]: schema for schema in line.tools.schemas()}
    assert {"consultar_faturas_cpf", "registrar_promessa_pagamento", "encerrar_ligacao"} <= set(schemas)
    assert "escalar_para_voz" not in schemas
    look_up = schemas["consultar_faturas_cpf"]
    assert look_up["type"] == "function"
    assert list(look_up["parameters"]["properties"]) == ["cpf_cnpj"]
    assert "run" not in json.dumps(schemas)
    assert "buscar_produtos" in {schema["name"] for schema in line.tools.schemas("sales")}


async def test_customer_who_says_the_document_hears_the_invoices(line: Line) -> None:
    found = await line.use("consultar_faturas_cpf", "oi", CPF, **LOOK_UP)
    assert (found["ok"], found["total"], found["quantidade"]) == (True, "R$ 239,80", 2)
    state = await line.state()
    assert state["identity"]["status"] == "confirmada"
    assert [message.content for message in state["messages"] if isinstance(message, HumanMessage)] == ["oi", CPF]
    row = await line.conversation()
    assert (row.locked_by, row.current_agent) == (None, "cobranca")
    assert await line.count("turns") == 1


async def test_document_that_nobody_said_opens_nothing(line: Line) -> None:
    refused = await line.use("consultar_faturas_cpf", "oi, tudo bem?", **LOOK_UP)
    assert (refused["ok"], refused["erro"]) == (False, "documento_nao_informado")
    refused = await line.use("registrar_promessa_pagamento", "sim", **PROMISE)
    assert refused["erro"] == "identidade_nao_confirmada"
    refused = await line.use("gerar_segunda_via", cpf_cnpj="529.982.247-25")
    assert refused["erro"] == "identidade_nao_confirmada"


async def test_failed_tries_count_and_a_repeat_counts_none(line: Line) -> None:
    wrong = {"cpf_cnpj": "111.444.777-35"}
    for _ in range(3):
        refused = await line.use("consultar_faturas_cpf", *([] if line.texts else ["é 111.444.777-35"]), **wrong)
        assert (refused["erro"], refused["tentativas_restantes"]) == ("documento_divergente", 2)
    refused = await line.use("consultar_faturas_cpf", "já disse: 111.444.777-35", **wrong)
    assert refused["tentativas_restantes"] == 1


async def test_promise_needs_a_yes_in_a_later_utterance_and_is_stored_once(line: Line) -> None:
    await line.use("consultar_faturas_cpf", CPF, **LOOK_UP)
    proposed = await line.use("registrar_promessa_pagamento", "sim, pago tudo na sexta, dia 27", **PROMISE)
    assert proposed["situacao"] == "aguardando_confirmacao"
    # The agent may not confirm for the customer, however it words the same promise.
    again = await line.use("registrar_promessa_pagamento", **PROMISE, observacoes="ele disse sim")
    assert again["situacao"] == "aguardando_confirmacao"
    assert await line.count("promises WHERE status = 'pending' AND document = '52998224725'") == 0
    stored = await line.use("registrar_promessa_pagamento", "isso, pode ser", **PROMISE)
    assert stored["situacao"] == "registrada"
    repeated = [await line.use("registrar_promessa_pagamento", **PROMISE) for _ in range(3)]
    assert repeated == [stored] * 3
    line.tools = HostedTools(line.demo.deps)  # another process
    assert await line.use("registrar_promessa_pagamento", **PROMISE) == stored
    assert await line.count("promises WHERE document = '52998224725'") == 1
    state = await line.state()
    assert state["promise"]["protocol"] == stored["protocolo"]
    assert state.get("proposal") is None


async def test_somebody_else_on_the_line_is_refused_until_the_holder_speaks(line: Line) -> None:
    refused = await line.use("consultar_faturas_cpf", "aqui é o filho dela", "o cpf da minha mãe", CPF, **LOOK_UP)
    assert refused["erro"] == "terceiro"
    assert (await line.state())["identity"]["status"] == "pendente"
    found = await line.use("consultar_faturas_cpf", "oi, agora sou eu mesma", **LOOK_UP)
    assert found["total"] == "R$ 239,80"
    taken = await line.use("gerar_segunda_via", "aqui é o filho dela de novo", cpf_cnpj="confirmado")
    assert taken["erro"] == "identidade_nao_confirmada"
    assert (await line.state())["identity"]["status"] == "pendente"


async def test_yes_to_being_the_holder_counts_in_a_hosted_call(line: Line) -> None:
    talk = ("Falo com Maria?", "não, é a irmã dela", "Pode chamar?", "só um minuto", "Falo agora com a titular?", "sim")
    asked = (*talk, "Diga o CPF, por favor.", CPF)
    assert (await line.follow("consultar_faturas_cpf", *asked, **LOOK_UP))["ok"] is True


async def test_yes_to_something_else_does_not(line: Line) -> None:
    talk = ("Falo com Maria?", "não, é a irmã dela", "Pode anotar um recado?", "sim", "Diga o CPF.", CPF)
    assert (await line.follow("consultar_faturas_cpf", *talk, **LOOK_UP))["erro"] == "terceiro"


async def test_yes_that_answers_something_else_first_still_counts_in_its_utterance(line: Line) -> None:
    await line.use("consultar_faturas_cpf", CPF, **LOOK_UP)
    await line.use("registrar_promessa_pagamento", "pago tudo dia 27", **PROMISE)
    await line.use("consultar_faturas_cpf", "sim", **LOOK_UP)
    assert (await line.use("registrar_promessa_pagamento", **PROMISE))["situacao"] == "registrada"


async def test_tools_at_once_wait_for_each_other(line: Line) -> None:
    line.texts = [CPF]
    other = HostedTools(line.demo.deps)

    async def ask(tools: HostedTools, name: str, arguments: Mapping[str, object]) -> dict[str, Any]:
        return read(await tools.run(line.opened, name=name, arguments=arguments, customer_texts=[CPF]))

    answers = await asyncio.gather(
        *(ask(tools, "consultar_faturas_cpf", LOOK_UP) for tools in (line.tools, other, line.tools, other)),
        ask(other, "buscar_conhecimento", {"pergunta": "qual o horário?"}),
    )
    assert all(answer["ok"] for answer in answers)
    assert answers[0] == answers[1] == answers[2] == answers[3]
    assert await line.count("hosted_tool_calls") == 2
    assert (await line.conversation()).turn_seq == await line.count("turns") + 3  # three looked and found the answer


async def test_tool_waits_for_whoever_has_the_conversation(line: Line) -> None:
    database, now = line.demo.deps.database, line.demo.clock.now()
    async with database.tenant(line.opened.tenant_id) as connection:
        held = await hosted_tools.claim_free(
            connection, line.opened.conversation_id, runner="outro", now=now, locked_until=now + timedelta(seconds=60)
        )
    assert held is not None
    waiting = asyncio.create_task(line.use("consultar_faturas_cpf", CPF, **LOOK_UP))
    await line.demo.deps.tenants.profile(line.opened.tenant_id)
    assert not waiting.done()
    async with database.tenant(line.opened.tenant_id) as connection:
        await call_talk.release(connection, held)
    assert (await waiting)["ok"] is True


async def test_turn_fenced_off_in_the_middle_writes_nothing(line: Line) -> None:
    await line.use("consultar_faturas_cpf", CPF, **LOOK_UP)
    await line.use("registrar_promessa_pagamento", "pago tudo dia 27", **PROMISE)
    before = await line.conversation()
    deps = line.demo.deps

    def stop(name: str) -> None:
        if name == "turn.committing":
            raise ZeroDivisionError

    line.tools = HostedTools(replace(deps, failpoint=stop))
    broken = await line.use("registrar_promessa_pagamento", "sim", **PROMISE)
    assert broken["erro"] == "sistema_indisponivel"
    after = await line.conversation()
    assert (after.checkpoint_id, after.locked_by) == (before.checkpoint_id, None)
    assert await line.count("promises WHERE document = '52998224725'") == 0
    line.tools = HostedTools(deps)
    assert (await line.use("registrar_promessa_pagamento", **PROMISE))["situacao"] == "registrada"


class AwayCrm:
    """A CRM that does not answer."""

    async def open_invoices(self, document: str) -> DebtStatement:
        raise CrmUnavailable("away")


async def test_outage_is_told_and_not_kept(line: Line) -> None:
    deps = line.demo.deps
    line.tools = HostedTools(replace(deps, http_crm=AwayCrm()))
    assert (await line.use("consultar_faturas_cpf", CPF, **LOOK_UP))["erro"] == "sistema_indisponivel"
    assert await line.count("hosted_tool_calls") == 0
    line.tools = HostedTools(deps)
    assert (await line.use("consultar_faturas_cpf", **LOOK_UP))["ok"] is True


async def test_talk_led_elsewhere_is_remembered_once(line: Line) -> None:
    dialogue = [
        AIMessage(content="Olá! Com quem eu falo?", id="a1"), HumanMessage(content=CPF, id="c1"),
        AIMessage(content="Obrigada!", id="a2"),
    ]  # fmt: skip
    for _ in range(2):
        await line.tools.remember(line.opened, customer_texts=[CPF], dialogue=dialogue)
    state = await line.state()
    assert [message.content for message in state["messages"]] == [message.content for message in dialogue]
    row = await line.conversation()
    assert (row.locked_by, row.last_turn_at) == (None, line.demo.clock.now())


async def test_code_goes_to_the_text_conversation(demo: Demo) -> None:
    maria = demo.customer(MARIA)
    await maria.say("oi")
    line = await ring(demo)
    await line.use("consultar_faturas_cpf", CPF, **LOOK_UP)
    made = await line.use("gerar_segunda_via", "manda o pix da primeira", cpf_cnpj="ok", numero_fatura="FAT-1001")
    assert (made["ok"], made["codigo"]) == (True, "(enviado em mensagem separada)")
    sent = "messages WHERE direction = 'out' AND status = 'queued' AND text LIKE '000201%%'"
    assert await line.count(sent.replace("%%", "%")) == 1
    assert await line.use("gerar_segunda_via", cpf_cnpj="ok", numero_fatura="FAT-1001") == made
    assert await line.count(sent.replace("%%", "%")) == 1


async def test_code_with_nowhere_to_go_is_not_claimed(line: Line) -> None:
    await line.use("consultar_faturas_cpf", CPF, **LOOK_UP)
    refused = await line.use("gerar_segunda_via", "manda o pix", cpf_cnpj="ok", numero_fatura="FAT-1001")
    assert (refused["ok"], refused["erro"]) == (False, "sem_canal_de_mensagem")
    assert await line.count("messages WHERE direction = 'out'") == 0
    state = await line.state()
    assert "second_copy_sent" not in {item["value"] for item in state["evidence"]}
    assert "second_copy_sent" not in str(state["messages"])


async def test_negotiation_goes_on_from_text_to_call_and_back(demo: Demo) -> None:
    maria = demo.customer(MARIA)
    await maria.talk("oi, quero ver minha fatura", "529.982.247-25")
    assert maria.identity == "confirmada"
    demo.clock.advance(timedelta(minutes=1))
    line = await ring(demo)
    refused = await line.use("registrar_promessa_pagamento", "alô?", **PROMISE)
    assert refused["erro"] == "identidade_nao_confirmada"  # anybody may have picked up
    proposed = await line.use("registrar_promessa_pagamento", "aqui é a Maria, pago tudo dia 27", **PROMISE)
    assert proposed["situacao"] == "aguardando_confirmacao"
    assert (await line.use("registrar_promessa_pagamento", "sim, confirmo", **PROMISE))["situacao"] == "registrada"
    demo.clock.advance(timedelta(minutes=1))
    answered = await maria.turn("ficou para que dia mesmo?")
    assert answered.identity == "confirmada"
    assert len(await maria.pending()) == 1


async def test_name_said_to_the_agents_question_confirms_who_was_expected(demo: Demo) -> None:
    await demo.customer(MARIA).talk("oi, quero ver minha fatura", "529.982.247-25")
    demo.clock.advance(timedelta(minutes=1))
    line = await ring(demo)
    dialogue = [
        AIMessage(content="Olá! Falo com Maria?", id=str(uuid4())), HumanMessage(content="sim, sou eu", id=str(uuid4()))
    ]  # fmt: skip
    answer = await line.tools.run(
        line.opened, name="consultar_faturas_cpf", arguments={"cpf_cnpj": "confirmado"},
        customer_texts=["sim, sou eu"], dialogue=dialogue,
    )  # fmt: skip
    assert read(answer)["ok"] is True
    said = [message.content for message in (await line.state())["messages"] if message.content]
    assert [text for text in said if text in {d.content for d in dialogue}] == ["Olá! Falo com Maria?", "sim, sou eu"]


def transcript(*lines: str) -> list[AnyMessage]:
    """Give what a webhook tells of both sides, the agent first: without ids."""
    return [HumanMessage(content=line) if place % 2 else AIMessage(content=line) for place, line in enumerate(lines)]


async def test_dialogue_of_a_webhook_confirms_who_was_expected_and_is_remembered_once(demo: Demo) -> None:
    await demo.customer(MARIA).talk("oi, quero ver minha fatura", "529.982.247-25")
    demo.clock.advance(timedelta(minutes=1))
    line = await ring(demo)
    said = ["Olá! Falo com Maria?", "sim, sou eu", "Só um instante, vou consultar."]
    found = await line.follow("consultar_faturas_cpf", *said, cpf_cnpj="confirmado")
    assert (found["ok"], found["total"]) == (True, "R$ 239,80")
    said[-1] += " O total é R$ 239,80. Quando consegue pagar?"  # the transcript grows
    said += ["pago tudo dia 27", "Deixa eu ver."]
    assert (await line.follow("registrar_promessa_pagamento", *said, **PROMISE))["situacao"] == "aguardando_confirmacao"
    said[-1] = "Fica R$ 239,80 na sexta-feira, dia 27/11/2026. Posso registrar?"
    said += ["pode sim", "Um momento."]
    assert (await line.follow("registrar_promessa_pagamento", *said, **PROMISE))["situacao"] == "registrada"
    assert len(await demo.customer(MARIA).pending()) == 1
    kept = [str(message.content) for message in (await line.state())["messages"] if message.content]
    assert [text for text in kept if text in said] == said


async def test_strangers_yes_to_another_question_confirms_nobody(demo: Demo) -> None:
    await demo.customer(MARIA).talk("oi, quero ver minha fatura", "529.982.247-25")
    demo.clock.advance(timedelta(minutes=1))
    line = await ring(demo)
    said = ("Olá! Falo com Maria?", "é a irmã dela", "Pode me passar para ela?", "sim", "Um momento.")
    refused = await line.follow("consultar_faturas_cpf", *said, cpf_cnpj="confirmado")
    assert refused["ok"] is False


async def test_offer_made_in_writing_is_read_back_in_the_call_before_a_yes_counts(demo: Demo) -> None:
    maria = demo.customer(MARIA)
    await maria.talk("oi, quero ver minha fatura", "529.982.247-25", "pago tudo no dia 27")
    demo.clock.advance(timedelta(minutes=1))
    line = await ring(demo)
    first = await line.use("registrar_promessa_pagamento", "sim, sou a Maria", **PROMISE)
    assert first["situacao"] == "aguardando_confirmacao"
    assert (await line.use("registrar_promessa_pagamento", "sim", **PROMISE))["situacao"] == "registrada"


async def test_nobody_uses_tools_once_a_person_has_the_conversation(line: Line) -> None:
    async with line.demo.deps.database.tenant(line.opened.tenant_id) as connection:
        await conversations.hand_off(connection, line.opened.conversation_id, reason="pediu", now=line.demo.clock.now())
    assert (await line.use("consultar_faturas_cpf", CPF, **LOOK_UP))["erro"] == "atendimento_humano"
    assert (await line.conversation()).locked_by is None


HOSTILE: list[Any] = [
    {"cpf_cnpj": "5" * 100_000},
    {"cpf_cnpj": {"a": [{"b": [{"c": [{"d": [{"e": [{"f": 1}]}]}]}]}]}},
    {"cpf_cnpj": float("nan")},
    {"cpf_cnpj": object()},
    {"run": "eu", **LOOK_UP},
    {},
    {f"campo{number}": "x" * 100 for number in range(200)},
    "529.982.247-25",
    None,
    [LOOK_UP],
]


@pytest.mark.parametrize("arguments", HOSTILE, ids=range(len(HOSTILE)))
async def test_arguments_of_any_shape_get_an_answer(line: Line, arguments: Any) -> None:
    line.texts = [CPF]
    answer = await line.tools.run(
        line.opened, name="consultar_faturas_cpf", arguments=arguments, customer_texts=line.texts
    )
    assert read(answer)["erro"] == "argumentos_invalidos"
    assert (await line.conversation()).locked_by is None
    assert (await line.use("consultar_faturas_cpf", **LOOK_UP))["ok"] is True


async def test_odd_texts_and_names_do_no_harm(line: Line) -> None:
    line.texts = ["\x00\ud800 oi", CPF + "\x00", "a" * 100_000, *["sim"] * 300]
    assert (await line.use("consultar_faturas_cpf", cpf_cnpj="529.982.247-25\x00\ud800"))["erro"]
    line.texts = ["\x00\ud800 oi", CPF + "\x00", "a" * 100_000]
    assert (await line.use("consultar_faturas_cpf", cpf_cnpj="529.982.247-25\x00\ud800"))["ok"] is True
    for name in ("", "x" * 100_000, "consultar_faturas_cpf\x00", "escalar_para_voz", "__init__"):
        assert (await line.use(name, **LOOK_UP))["erro"] == "ferramenta_desconhecida"


async def test_unavailable_database_is_an_answer_too(line: Line) -> None:
    await line.demo.deps.database.close()
    assert (await line.use("consultar_faturas_cpf", CPF, **LOOK_UP))["erro"] == "sistema_indisponivel"


async def test_calls_of_two_people_know_nothing_of_each_other(demo: Demo) -> None:
    maria, joao = await ring(demo, MARIA), await ring(demo, JOAO)
    answers = await asyncio.gather(
        maria.use("consultar_faturas_cpf", CPF, **LOOK_UP),
        joao.use("consultar_faturas_cpf", CPF, **LOOK_UP),
    )
    assert answers[0]["ok"] is True
    assert answers[1]["erro"] == "documento_divergente"


async def test_long_calls_keep_a_bounded_memory(line: Line) -> None:
    await line.use("consultar_faturas_cpf", CPF, **LOOK_UP)
    for number in range(25):
        await line.use("buscar_conhecimento", f"pergunta {number}", pergunta=f"qual o horário {number}?")
    state = await line.state()
    assert len(state["messages"]) <= 45
    assert state["identity"]["status"] == "confirmada"
    known = await line.tools.known(line.opened)
    assert known is not None
    assert known.identity["status"] == "confirmada"
