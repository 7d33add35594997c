"""The OpenAI-compatible front over a real loopback server, spoken to by langchain-openai and by a bare client."""

import json
import socket
import threading
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import pytest
import uvicorn
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage, HumanMessage, SystemMessage, ToolCallChunk
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI, OpenAIEmbeddings
from pydantic import BaseModel, SecretStr

from agents.offline import EMBEDDING_MODEL_NAME, MODEL_NAME, OfflineEmbeddings, create_openai_app, respond
from tests.agents.offline.talking import Talk

LIMIT = 64 * 1024
ASKED: list[BaseMessage] = [SystemMessage("Você é a Lia."), HumanMessage("qual o horário de atendimento?")]


class Rota(BaseModel):
    """Qual agente responde."""

    agente: str
    motivo: str


@tool
def buscar_conhecimento(pergunta: str) -> str:
    """Busca na base de conhecimento."""
    return pergunta


@pytest.fixture(scope="module")
def base_url() -> Iterator[str]:
    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(create_openai_app(max_body_bytes=LIMIT), log_config=None, lifespan="off", loop="asyncio")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    yield f"http://127.0.0.1:{listener.getsockname()[1]}/v1"
    server.should_exit = True
    thread.join(timeout=10)
    listener.close()


@pytest.fixture
async def async_http() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(timeout=10) as made:
        yield made


@pytest.fixture
def http() -> Iterator[httpx.Client]:
    with httpx.Client(timeout=10) as made:
        yield made


@pytest.fixture
def chat(base_url: str, http: httpx.Client, async_http: httpx.AsyncClient) -> ChatOpenAI:
    return ChatOpenAI(
        model=MODEL_NAME,
        base_url=base_url,
        api_key=SecretStr("offline"),
        timeout=10,
        max_retries=0,
        stream_usage=True,
        http_client=http,
        http_async_client=async_http,
    )


@pytest.fixture
def client(base_url: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=base_url, timeout=10) as made:
        yield made


def _chunks_of(piece: BaseMessage) -> list[ToolCallChunk]:
    return piece.tool_call_chunks if isinstance(piece, AIMessageChunk) else []


def _body(**changes: object) -> dict[str, Any]:
    return {"model": MODEL_NAME, "messages": [{"role": "user", "content": "oi"}], **changes}


def test_invoke_gives_the_answer_and_usage_of_the_pure_function(chat: ChatOpenAI) -> None:
    expected, reply = respond(ASKED), chat.invoke(ASKED)
    assert reply.content == expected.content
    assert expected.usage_metadata is not None
    assert reply.usage_metadata is not None
    assert reply.usage_metadata["total_tokens"] == expected.usage_metadata["total_tokens"]


def test_stream_with_usage(chat: ChatOpenAI) -> None:
    pieces = list(chat.stream(ASKED))
    assert len([piece for piece in pieces if piece.content]) > 3
    assert "".join(str(piece.content) for piece in pieces) == respond(ASKED).content
    assert [piece.usage_metadata for piece in pieces if piece.usage_metadata]


async def test_tool_calls_whole_and_streamed(chat: ChatOpenAI) -> None:
    bound = chat.bind_tools([buscar_conhecimento])
    whole = bound.invoke(ASKED)
    assert [call["name"] for call in whole.tool_calls] == ["buscar_conhecimento"]
    pieces = [piece async for piece in bound.astream(ASKED)]
    written = "".join(str(chunk["args"] or "") for piece in pieces for chunk in _chunks_of(piece))
    names = [chunk["name"] for piece in pieces for chunk in _chunks_of(piece) if chunk["name"]]
    assert [{"name": name, "args": json.loads(written)} for name in names] == [
        {"name": call["name"], "args": call["args"]} for call in whole.tool_calls
    ]


@pytest.mark.parametrize("method", ["json_schema", "function_calling"])
def test_structured_output(chat: ChatOpenAI, method: Any) -> None:
    answer = chat.with_structured_output(Rota, method=method).invoke([HumanMessage("quero ver minha fatura")])
    assert isinstance(answer, Rota)
    assert answer.agente == "cobranca"


def test_a_whole_talk_runs_over_the_wire_with_the_same_answers(chat: ChatOpenAI) -> None:
    def over_the_wire(messages: list[BaseMessage], tools: list[dict[str, object]]) -> AIMessage:
        reply = chat.bind_tools(tools).invoke(messages)
        here = respond(messages, tools)
        assert [(call["name"], call["args"]) for call in reply.tool_calls] == [
            (call["name"], call["args"]) for call in here.tool_calls
        ]
        return AIMessage(content=reply.content, tool_calls=reply.tool_calls)

    talk = Talk(model=over_the_wire)
    talk.say("oi, quero ver minha fatura")
    talk.say("529.982.247-25")
    talk.say("pago tudo dia 27")
    assert "P7F3K2" in talk.say("sim")


async def test_embeddings_are_those_of_the_process(
    base_url: str, http: httpx.Client, async_http: httpx.AsyncClient
) -> None:
    remote = OpenAIEmbeddings(
        model=EMBEDDING_MODEL_NAME,
        base_url=base_url,
        api_key=SecretStr("offline"),
        check_embedding_ctx_length=False,
        timeout=10,
        max_retries=0,
        http_client=http,
        http_async_client=async_http,
    )
    texts = ["segunda via do boleto", "internet lenta"]
    local = OfflineEmbeddings().embed_documents(texts)
    for vectors in (remote.embed_documents(texts), await remote.aembed_documents(texts)):
        assert [[round(value, 5) for value in vector] for vector in vectors] == [
            [round(value, 5) for value in vector] for vector in local
        ]


def test_embeddings_as_numbers(client: httpx.Client) -> None:
    answer = client.post("/embeddings", json={"model": "m", "input": "oi", "encoding_format": "float"}).json()
    assert answer["data"][0]["embedding"] == OfflineEmbeddings().embed_query("oi")


def test_models(client: httpx.Client) -> None:
    assert [model["id"] for model in client.get("/models").json()["data"]] == [MODEL_NAME, EMBEDDING_MODEL_NAME]
    assert client.get(f"/models/{MODEL_NAME}").json()["object"] == "model"
    assert client.get("/models/gpt-x").status_code == 404


def test_events_end_with_done_and_carry_usage_only_when_asked(client: httpx.Client) -> None:
    plain = client.post("/chat/completions", json=_body(stream=True)).text
    asked = client.post("/chat/completions", json=_body(stream=True, stream_options={"include_usage": True})).text
    for text in (plain, asked):
        assert text.endswith("data: [DONE]\n\n")
    events = [json.loads(line[6:]) for line in asked.split("\n\n") if line and not line.endswith("[DONE]")]
    assert events[-1]["choices"] == []
    assert events[-1]["usage"]["total_tokens"] > 0
    assert '"usage"' not in plain


def test_unknown_fields_and_content_parts_are_taken(client: httpx.Client) -> None:
    body = _body(
        messages=[{"role": "user", "content": [{"type": "text", "text": "oi"}, {"type": "image_url"}]}],
        temperature=0.2,
        seed=1,
    )
    assert client.post("/chat/completions", json=body).json()["choices"][0]["finish_reason"] == "stop"


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/chat/completions", b"{nao"),
        ("/chat/completions", b"[]"),
        ("/chat/completions", b"null"),
        ("/chat/completions", b"\xff\xfe"),
        ("/chat/completions", b"[" * 50_000),
        ("/chat/completions", json.dumps(_body(messages=[])).encode()),
        ("/chat/completions", json.dumps(_body(messages="oi")).encode()),
        ("/chat/completions", json.dumps(_body(messages=[{"role": "robot", "content": "oi"}])).encode()),
        ("/chat/completions", json.dumps(_body(model=3)).encode()),
        ("/chat/completions", json.dumps(_body(n=2)).encode()),
        ("/chat/completions", json.dumps(_body(tools=[{}])).encode()),
        ("/chat/completions", json.dumps(_body(tool_choice="Rota")).encode()),
        (
            "/chat/completions",
            json.dumps(
                _body(messages=[{"role": "assistant", "tool_calls": [{"function": {"name": "x", "arguments": "{"}}]}])
            ).encode(),
        ),
        ("/embeddings", b'{"model": "m"}'),
        ("/embeddings", b'{"model": "m", "input": []}'),
        ("/embeddings", b'{"model": "m", "input": [[1, 2]]}'),
        ("/embeddings", b'{"model": "m", "input": "oi", "dimensions": 10}'),
    ],
)
def test_bad_input_is_answered_as_openai_does(client: httpx.Client, path: str, body: bytes) -> None:
    answer = client.post(path, content=body, headers={"content-type": "application/json"})
    assert answer.status_code == 400
    assert answer.json()["error"]["type"] == "invalid_request_error"
    assert answer.json()["error"]["message"]


def test_huge_bodies_are_refused_announced_or_not(client: httpx.Client) -> None:
    def unannounced() -> Iterator[bytes]:
        for _ in range(LIMIT // 1024 + 2):
            yield b"x" * 1024

    assert client.post("/chat/completions", content=b"x" * (LIMIT + 1)).status_code == 413
    assert client.post("/chat/completions", content=unannounced()).status_code == 413


@pytest.mark.parametrize(("method", "path", "status"), [("GET", "/chat/completions", 405), ("POST", "/nada", 404)])
def test_wrong_places_have_error_bodies(client: httpx.Client, method: str, path: str, status: int) -> None:
    answer = client.request(method, path)
    assert answer.status_code == status
    assert answer.json()["error"]["message"]
