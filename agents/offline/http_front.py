"""The offline model over HTTP, OpenAI-compatible: chat completions, embeddings, models."""

import json
from base64 import b64encode
from struct import pack
from typing import Final, TypeVar

from pydantic import BaseModel, ValidationError
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from agents.offline.brain import MODEL_NAME, respond
from agents.offline.chat_model import choice_name, cut_at_stop, wanted_schema
from agents.offline.wire import (
    ChatRequest,
    EmbeddingRequest,
    InvalidToolArguments,
    completion,
    completion_events,
    error_body,
    messages_of,
)
from services.offline_embeddings import DIMENSIONS, EMBEDDING_MODEL_NAME, embed

_MAX_BODY_BYTES: Final = 4 * 1024 * 1024
_MAX_INPUTS: Final = 2048
_BODY = TypeVar("_BODY", bound=BaseModel)


class _Refused(Exception):
    """A request that is answered with an error body."""

    def __init__(self, status: int, message: str, *, param: str | None = None, code: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.body = error_body(message, param=param, code=code)


def create_openai_app(*, max_body_bytes: int = _MAX_BODY_BYTES) -> Starlette:
    """Return the ASGI application; it keeps no state, so any number may run."""

    async def chat_completions(request: Request) -> Response:
        body = _parsed(ChatRequest, await _read_body(request, max_body_bytes))
        try:
            messages = messages_of(body)
        except InvalidToolArguments as error:
            raise _Refused(
                400, f"The arguments of the call to {error} are no JSON object.", param="messages"
            ) from error
        reply = cut_at_stop(
            respond(
                messages,
                body.tools or (),
                tool_choice=_checked_choice(body),
                response_schema=wanted_schema(body.response_format),
            ),
            [body.stop] if isinstance(body.stop, str) else body.stop,
        )
        if not body.stream:
            return JSONResponse(completion(reply, model=body.model))
        include_usage = body.stream_options is not None and body.stream_options.include_usage
        events = completion_events(reply, model=body.model, include_usage=include_usage)
        return StreamingResponse(iter(events), media_type="text/event-stream", headers={"Cache-Control": "no-cache"})

    async def embeddings(request: Request) -> Response:
        return JSONResponse(_embedded(_parsed(EmbeddingRequest, await _read_body(request, max_body_bytes))))

    routes = [
        Route("/v1/chat/completions", chat_completions, methods=["POST"]),
        Route("/v1/embeddings", embeddings, methods=["POST"]),
        Route("/v1/models", _models, methods=["GET"]),
        Route("/v1/models/{model}", _model, methods=["GET"]),
    ]
    return Starlette(routes=routes, exception_handlers={_Refused: _refusal, HTTPException: _http_error})


def _checked_choice(body: ChatRequest) -> str | None:
    choice = choice_name(body.tool_choice)
    if choice is None and body.tool_choice is not None:
        raise _Refused(400, "tool_choice names no function.", param="tool_choice")
    names = {choice_name(tool) for tool in body.tools or ()}
    if None in names:
        raise _Refused(400, "Every tool needs a function with a name.", param="tools")
    if choice not in (None, "auto", "none", "any", "required") and choice not in names:
        raise _Refused(400, f"Tool choice '{choice}' is not among the tools.", param="tool_choice")
    return choice


async def _read_body(request: Request, limit: int) -> bytes:
    """Read the body, refusing as soon as it is known to be too large."""
    length = request.headers.get("content-length", "")
    too_large = _Refused(413, f"The request body is larger than {limit} bytes.", code="request_too_large")
    if length.isdigit() and int(length) > limit:
        raise too_large
    body = bytearray()
    try:
        async for piece in request.stream():
            body += piece
            if len(body) > limit:
                raise too_large
    except ClientDisconnect as error:
        raise _Refused(400, "The client went away while sending.") from error
    return bytes(body)


def _parsed(model: type[_BODY], body: bytes) -> _BODY:
    try:
        value = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise _Refused(400, "We could not parse the JSON body of your request.") from error
    try:
        return model.model_validate(value)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False, include_context=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or None
        raise _Refused(400, f"{first['msg']}{f' ({where})' if where else ''}", param=where) from error


def _embedded(request: EmbeddingRequest) -> dict[str, object]:
    texts = [request.input] if isinstance(request.input, str) else request.input
    if not texts or len(texts) > _MAX_INPUTS or not all(texts):
        raise _Refused(400, f"input needs 1 to {_MAX_INPUTS} texts, none of them empty.", param="input")
    if request.dimensions not in (None, DIMENSIONS):
        raise _Refused(400, f"This model has {DIMENSIONS} dimensions.", param="dimensions")
    data = [
        {"object": "embedding", "index": index, "embedding": _written(embed(text), request.encoding_format)}
        for index, text in enumerate(texts)
    ]
    tokens = sum((len(text) + 3) // 4 for text in texts)
    usage = {"prompt_tokens": tokens, "total_tokens": tokens}
    return {"object": "list", "data": data, "model": request.model, "usage": usage}


def _written(vector: list[float], encoding: str | None) -> list[float] | str:
    """Write a vector as numbers or as base64 of little-endian 32-bit floats (the official client's default)."""
    return b64encode(pack(f"<{len(vector)}f", *vector)).decode() if encoding == "base64" else vector


def _model_entry(name: str) -> dict[str, object]:
    return {"id": name, "object": "model", "created": 0, "owned_by": "master-ia"}


async def _models(_request: Request) -> Response:
    names = (MODEL_NAME, EMBEDDING_MODEL_NAME)
    return JSONResponse({"object": "list", "data": [_model_entry(name) for name in names]})


async def _model(request: Request) -> Response:
    name = request.path_params["model"]
    if name not in (MODEL_NAME, EMBEDDING_MODEL_NAME):
        raise _Refused(404, f"The model '{name}' does not exist.", param="model", code="model_not_found")
    return JSONResponse(_model_entry(name))


async def _refusal(_request: Request, error: Exception) -> Response:
    refused = error if isinstance(error, _Refused) else _Refused(400, "Bad request.")
    return JSONResponse(refused.body, status_code=refused.status)


async def _http_error(_request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 400
    detail = str(error.detail) if isinstance(error, HTTPException) else "Bad request."
    headers = error.headers if isinstance(error, HTTPException) else None
    return JSONResponse(error_body(detail), status_code=status, headers=headers)
