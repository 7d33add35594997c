"""Tracing goes out only with a key, and masked (design: N6)."""

import asyncio
from typing import Any, cast

import pytest
from langsmith.run_helpers import get_tracing_context
from langsmith.utils import get_env_var, tracing_is_enabled
from pydantic import SecretStr

from agents.tracing import mask_traced, tracing_client, turn_tracing
from tests.agents.test_models_over_http import Send, serve
from tests.graphs.rig import MARIA, make_settings, open_rig


def test_without_a_key_nothing_is_traced_whatever_the_environment_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LANGSMITH_TRACING", "true")
    with turn_tracing(make_settings("postgresql://x/y")):
        assert tracing_is_enabled() is False
    with turn_tracing(None):
        assert tracing_is_enabled() is False
    assert get_tracing_context()["client"] is None


def forget_environment() -> None:
    """Make the library read its variables again."""
    cast(Any, get_env_var).cache_clear()


class FakeLangSmith:
    """Takes whatever is posted and keeps the bytes."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Send) -> None:
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        self.bodies.append(body)
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/json")]})
        await send({"type": "http.response.body", "body": b"{}"})


async def test_traced_conversation_carries_no_personal_data(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    smith = FakeLangSmith()
    async with serve(smith) as url:
        monkeypatch.setenv("LANGSMITH_ENDPOINT", url.removesuffix("/v1"))
        forget_environment()
        key = "lsv2_test_of_the_masking"
        async with open_rig(database_url, settings={"langsmith_api_key": SecretStr(key)}) as rig:
            for text in (
                "oi, sou a Maria, me liga no 11 99999-0001",
                "quero minha fatura, cpf 529.982.247-25",
                "pago dia 27",
            ):
                await rig.run(text)
            await asyncio.to_thread(tracing_client(key).flush)
        sent = b"".join(smith.bodies).decode(errors="replace")
    forget_environment()
    assert "consultar_faturas_cpf" in sent
    for secret in ("529.982.247-25", MARIA, "99999-0001", "Silva", "Maria", "kkkkkkkk", "a2tra2tr", "encryption"):
        place = sent.find(secret)
        assert place < 0, (secret, sent[max(0, place - 300) : place + 60])


def test_what_is_not_ours_is_named_and_not_opened() -> None:
    assert mask_traced({"a": object(), "b": (SecretStr("x"),), "c": MARIA}) == {
        "a": "object", "b": ["SecretStr"], "c": "***.***.***-25",
    }  # fmt: skip
