"""The OpenAI client over a real socket: the offline model's own front, and servers that misbehave."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
import uvicorn
from pydantic import SecretStr

from agents.offline import create_openai_app
from domain.effects import RecordPromise
from tests.graphs.rig import open_rig

Send = Callable[[dict[str, Any]], Awaitable[None]]


@asynccontextmanager
async def serve(app: Any) -> AsyncIterator[str]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="off"))
        task = asyncio.create_task(server.serve(sockets=[listener]))
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}/v1"
        finally:
            server.should_exit = True
            await task


def broken(status: int, body: bytes, content_type: bytes = b"application/json") -> Any:
    async def app(scope: dict[str, Any], receive: Any, send: Send) -> None:
        headers = [(b"content-type", content_type), (b"retry-after-ms", b"1")]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    return app


async def test_whole_negotiation_over_the_openai_wire(database_url: str) -> None:
    async with serve(create_openai_app()) as url:
        settings = {"openai_api_key": SecretStr("offline"), "openai_base_url": url}
        async with open_rig(database_url, settings=settings) as rig:
            for text in ("oi, quero pagar minha fatura", "529.982.247-25", "pago tudo dia 27", "sim"):
                outcome = await rig.run(text)
                assert outcome.verdict == "approved"
                assert outcome.model == "openai:gpt-5-mini"
            assert any(isinstance(effect, RecordPromise) for effect in rig.effects)
            assert all(usage.input_tokens > 0 for usage in outcome.usage)


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (500, b'{"error": {"message": "internal: secret"}}'),
        (429, b'{"error": {"message": "slow down"}}'),
        (401, b'{"error": {"message": "bad key"}}'),
        (200, b"<html>gateway</html>"),
        (200, b"{}"),
        (200, b'{"choices": []}'),
        (200, b'{"choices": [{"message": {"role": "assistant", "content": null}}]}'),
    ],
)
async def test_misbehaving_provider_is_replaced_by_the_offline_model(
    database_url: str, status: int, body: bytes
) -> None:
    async with serve(broken(status, body)) as url:
        settings = {"openai_api_key": SecretStr("k"), "openai_base_url": url}
        async with open_rig(database_url, settings=settings) as rig:
            outcome = await rig.run("bom dia")
            assert outcome.model == "offline"
            assert outcome.verdict == "approved"
            assert "secret" not in str(outcome)
