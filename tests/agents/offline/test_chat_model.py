"""The LangChain front: invoke, stream, tools, structured output, usage."""

import pytest
from langchain_core.messages import AIMessageChunk, HumanMessage, SystemMessage
from langchain_core.tools import tool
from pydantic import BaseModel, Field

from agents.offline import MODEL_NAME, OfflineChatModel, respond

ASKED = [SystemMessage("Você é a Lia."), HumanMessage("qual o horário de atendimento?")]


@tool
def buscar_conhecimento(pergunta: str) -> str:
    """Busca na base de conhecimento."""
    return pergunta


class Rota(BaseModel):
    """Qual agente responde."""

    agente: str = Field(description="persona, cobranca ou sales")
    motivo: str


class Ficha(BaseModel):
    """Um esquema que o modelo não conhece."""

    nome: str
    idade: int = Field(ge=18)
    apelidos: list[str]


async def test_invoke_says_what_the_pure_function_says() -> None:
    expected = respond(ASKED)
    sync, asynchronous = OfflineChatModel().invoke(ASKED), await OfflineChatModel().ainvoke(ASKED)
    assert sync.content == asynchronous.content == expected.content
    assert sync.usage_metadata == expected.usage_metadata
    assert sync.response_metadata["model_name"] == MODEL_NAME


async def test_stream_comes_in_pieces_that_join_up() -> None:
    whole = OfflineChatModel().invoke(ASKED)
    pieces = list(OfflineChatModel().stream(ASKED))
    async_pieces = [piece async for piece in OfflineChatModel().astream(ASKED)]
    assert len([piece for piece in pieces if piece.content]) > 3
    for parts in (pieces, async_pieces):
        joined = parts[0]
        for part in parts[1:]:
            joined = joined + part
        assert joined.content == whole.content
        assert joined.usage_metadata == whole.usage_metadata
        assert joined.response_metadata["model_name"] == MODEL_NAME


def test_tool_call_whole_and_in_pieces() -> None:
    model = OfflineChatModel().bind_tools([buscar_conhecimento])
    call = model.invoke(ASKED).tool_calls[0]
    assert (call["name"], call["args"]) == ("buscar_conhecimento", {"pergunta": ASKED[-1].content})
    pieces = [piece for piece in model.stream(ASKED) if isinstance(piece, AIMessageChunk)]
    assert len([piece for piece in pieces if piece.tool_call_chunks]) > 2
    joined = pieces[0]
    for piece in pieces[1:]:
        joined = joined + piece
    assert joined.tool_calls == [call]


async def test_structured_output_in_every_form() -> None:
    model = OfflineChatModel()
    asked = [HumanMessage("quero ver minha fatura")]
    chosen = await model.with_structured_output(Rota).ainvoke(asked)
    assert isinstance(chosen, Rota)
    assert chosen.agente == "cobranca"
    as_dict = model.with_structured_output(Rota.model_json_schema()).invoke(asked)
    assert as_dict == {"agente": "cobranca", "motivo": chosen.motivo}
    raw = model.with_structured_output(Rota, include_raw=True).invoke(asked)
    assert isinstance(raw, dict)
    assert raw["parsed"] == chosen
    assert raw["raw"].usage_metadata["output_tokens"] > 0
    unknown = model.with_structured_output(Ficha).invoke(asked)
    assert isinstance(unknown, Ficha)
    assert unknown.idade >= 18


def test_named_tool_choice_is_kept() -> None:
    model = OfflineChatModel().bind_tools([buscar_conhecimento, Rota], tool_choice="Rota")
    assert [call["name"] for call in model.invoke(ASKED).tool_calls] == ["Rota"]


@pytest.mark.parametrize("stop", [["informação"], ["não", "informação"]])
def test_stop_sequence_cuts_the_text(stop: list[str]) -> None:
    text = str(OfflineChatModel().invoke(ASKED, stop=stop).text)
    assert text
    assert not any(word in text for word in stop)


def test_usage_grows_with_what_is_read() -> None:
    short, long = respond(ASKED).usage_metadata, respond([SystemMessage("x" * 4000), *ASKED]).usage_metadata
    assert short is not None
    assert long is not None
    assert long["input_tokens"] - short["input_tokens"] >= 1000
    assert short["total_tokens"] == short["input_tokens"] + short["output_tokens"]
