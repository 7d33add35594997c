"""The graphs in a real `langgraph dev`, driven through its SDK: run, stream, interrupt, resume, history."""

import asyncio
import base64
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import httpx
import pytest
from langgraph_sdk import get_client
from langgraph_sdk.client import LangGraphClient

from tests.factories import make_tenant, open_database
from tests.ports import free_port

ROOT = Path(__file__).parents[2]


def _environment(database_url: str) -> dict[str, str]:
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("OPENAI_", "LANGSMITH_", "LANGCHAIN_"))
    }
    return kept | {
        "DATABASE_URL": database_url,
        "ENCRYPTION_KEYS": f"test:{base64.b64encode(b'k' * 32).decode()}",
        "LANGSMITH_TRACING": "false",
        "LANGGRAPH_CLI_NO_ANALYTICS": "1",
    }  # fmt: skip


async def _seed(database_url: str) -> None:
    async with open_database(database_url) as database:
        await make_tenant(database)


@pytest.fixture(scope="module")
def studio_url(module_database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Start `langgraph dev` on a copy of the project's langgraph.json, so its state stays out of the project. It takes
    longer to start than all its tests do, and each of these works in threads of its own."""
    asyncio.run(_seed(module_database_url))
    folder = tmp_path_factory.mktemp("studio")
    (folder / "langgraph.json").write_text((ROOT / "langgraph.json").read_text())
    (folder / "pyproject.toml").write_text('[project]\nname = "studio-test"\nversion = "0"\n')
    port = free_port()
    langgraph = Path(sys.executable).parent / "langgraph"
    command = [str(langgraph), "dev", "--no-browser", "--no-reload", "--port", str(port)]
    with (folder / "studio.log").open("wb") as log:
        server = subprocess.Popen(
            command, cwd=folder, env=_environment(module_database_url) | {"PYTHONPATH": str(ROOT)}, stdout=log,
            stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
    try:
        url = f"http://127.0.0.1:{port}"
        _wait_until_ready(url, server, folder / "studio.log")
        yield url
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        try:
            server.wait(timeout=20)
        except subprocess.TimeoutExpired:
            os.killpg(server.pid, signal.SIGKILL)
            server.wait(timeout=20)


@pytest.fixture
async def studio(studio_url: str) -> AsyncIterator[LangGraphClient]:
    async with get_client(url=studio_url) as client:
        yield client


def _tail(log: Path) -> str:
    return log.read_text()[-3000:]


def _wait_until_ready(url: str, server: subprocess.Popen[bytes], log: Path) -> None:
    with httpx.Client(base_url=url, timeout=5) as http:
        for _ in range(600):
            if server.poll() is not None:
                pytest.fail(f"langgraph dev ended: {_tail(log)}")
            try:
                if http.get("/ok").status_code == 200:
                    return
            except httpx.HTTPError:
                pass
            time.sleep(0.1)
    pytest.fail(f"langgraph dev did not start: {_tail(log)}")


def _says(text: str) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": text}]}


async def test_conversation_runs_streams_interrupts_resumes_and_keeps_history(studio: LangGraphClient) -> None:
    thread = (await studio.threads.create())["thread_id"]

    ran: Any = await studio.runs.wait(thread, "conversation", input=_says("oi, quero ver minha fatura"))
    assert "assistente virtual" in ran["messages"][-1]["content"]

    nodes = [
        node
        async for event in studio.runs.stream(
            thread, "conversation", input=_says("qual o horário de atendimento?"), stream_mode="updates"
        )
        if event.event == "updates"
        for node in event.data
    ]
    assert nodes[0] == "router"
    assert nodes[-1] == "reply"
    assert "observer" in nodes

    stopped: Any = await studio.runs.wait(thread, "conversation", input=_says("quero falar com um atendente"))
    assert "__interrupt__" in stopped
    state: Any = await studio.threads.get_state(thread)
    assert state["next"] == ["humano"]

    resumed: Any = await studio.runs.wait(thread, "conversation", command={"resume": "Oi, aqui é a Paula!"})
    assert resumed["messages"][-1]["content"] == "Oi, aqui é a Paula!"
    assert resumed["messages"][-1]["name"] == "operador"

    history = await studio.threads.get_history(thread, limit=50)
    assert len(history) > 10
    replayed: Any = await studio.runs.wait(
        thread, "conversation", input=_says("obrigada"), checkpoint=history[-1]["checkpoint"]
    )  # fmt: skip
    assert replayed["messages"][-1]["content"]


async def test_each_agent_opens_alone(studio: LangGraphClient) -> None:
    for name in ("persona", "cobranca", "sales"):
        answered: Any = await studio.runs.wait(None, name, input=_says("bom dia, tudo bem?"))
        assert answered["messages"][-1]["name"] == name
    judged: Any = await studio.runs.wait(None, "observer", input={**_says("oi"), "rascunho": "Te ligo em 5 minutos!"})
    assert judged["veredito"] == "revisar"
    assert judged["motivos"][0]["motivo"] == "unsupported_claim"


def test_every_graph_of_the_project_file_is_a_factory() -> None:
    graphs = json.loads((ROOT / "langgraph.json").read_text())["graphs"]
    assert "conversation" in graphs
    for target in graphs.values():
        module, _, name = target.partition(":")
        assert "/" not in module
        assert callable(getattr(import_module(module), name))
