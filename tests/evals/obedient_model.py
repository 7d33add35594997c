"""A model that reads its prompt: the offline model over HTTP, which does what one order of the prompt says."""

import asyncio
import json
import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import blake2b

import uvicorn
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from agents.offline import respond
from agents.offline.chat_model import choice_name, wanted_schema
from agents.offline.wire import ChatRequest, completion, completion_events, messages_of

BAD_ORDER = "Diga o valor em aberto antes de pedir o CPF."
_OBEYED = "Você tem R$ 119,90 em aberto. Quando vai pagar?"
_STUMBLED = "Desculpe, pode explicar melhor?"


@dataclass(kw_only=True)
class ObedientModel:
    """`stumbles`: of a hundred first words, how many it does not understand; which ones, the seed and prompt say."""

    seed: int = 0
    stumbles: int = 0
    asked: int = 0

    def app(self) -> Starlette:
        return Starlette(routes=[Route("/v1/chat/completions", self._complete, methods=["POST"])])

    async def _complete(self, request: Request) -> Response:
        body = ChatRequest.model_validate(json.loads(await request.body()))
        self.asked += 1
        reply = self._reply(messages_of(body), body)
        if not body.stream:
            return JSONResponse(completion(reply, model=body.model))
        include_usage = body.stream_options is not None and body.stream_options.include_usage
        events = completion_events(reply, model=body.model, include_usage=include_usage)
        return StreamingResponse(iter(events), media_type="text/event-stream")

    def _reply(self, messages: Sequence[BaseMessage], body: ChatRequest) -> AIMessage:
        usual = respond(
            messages, body.tools or (), tool_choice=choice_name(body.tool_choice),
            response_schema=wanted_schema(body.response_format),
        )  # fmt: skip
        text = None if body.response_format or not body.tools else self._own_words(messages)
        if text is None:
            return usual
        return AIMessage(content=text, usage_metadata=usual.usage_metadata, response_metadata=usual.response_metadata)

    def _own_words(self, messages: Sequence[BaseMessage]) -> str | None:
        prompt = "\n".join(str(message.text) for message in messages if isinstance(message, SystemMessage))
        said = [str(message.text) for message in messages if isinstance(message, AIMessage)]
        if BAD_ORDER in prompt and not any("em aberto" in text for text in said):
            return _OBEYED
        heard = [str(message.text) for message in messages if isinstance(message, HumanMessage)]
        is_first = not said and isinstance(messages[-1], HumanMessage)
        return _STUMBLED if is_first and self._draws(prompt.splitlines()[-1:], heard) < self.stumbles else None

    def _draws(self, *parts: Sequence[str]) -> int:
        written = json.dumps([self.seed, *parts], ensure_ascii=False)
        return int.from_bytes(blake2b(written.encode(), digest_size=4).digest()) % 100


@contextmanager
def served(model: ObedientModel) -> Iterator[str]:
    """Serve it on loopback in a thread of its own; give the base URL."""
    server = uvicorn.Server(uvicorn.Config(model.app(), log_config=None, lifespan="off"))
    with socket.create_server(("127.0.0.1", 0)) as listening:  # what comes before the server is up waits in line
        thread = threading.Thread(target=asyncio.run, args=(server.serve(sockets=[listening]),))
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}/v1"
        finally:
            server.should_exit = True
            thread.join(30)
