"""Vapi's server messages (protocols 6.2): which assistant answers, tools for it, how a call goes on and ends.

Every message is checked over the raw bytes before it is taken in. The assistant is never left waiting: a question is
answered whatever happens here, with an error in the words of our tools at worst.
"""

import asyncio
from collections.abc import Sequence
from typing import cast
from uuid import UUID

import structlog
from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from langchain_core.messages import AIMessage, AnyMessage, HumanMessage
from starlette.requests import ClientDisconnect

from channels.vapi import VapiVoice, is_signed
from channels.vapi_messages import (
    EndReport,
    Said,
    ServerMessage,
    ToolCall,
    VapiCall,
    end_of,
    function_call,
    read_message,
    said_in,
    status_of,
    tool_calls,
)
from domain.calls import FINAL_STATUSES
from domain.errors import NotFound
from domain.message_templates import first_name
from domain.messages import Provider
from graphs.hosted_tools import HostedTools
from server.errors import RETRY_AFTER_SECONDS
from server.observability import WEBHOOKS
from server.webhooks.routes import read_webhook
from services.accounts import OpenAccount
from services.call_desk import Arrival, CallDesk, OpenedCall
from services.call_events import CallFacts, note_ended
from services.calls import receive_report
from store import call_talk, calls, contacts
from store.cipher import SecretUnreadable
from store.database import RETRYABLE, UNAVAILABLE, Connection
from tools.results import refuse, unavailable
from wiring.deps import Deps

logger = structlog.get_logger(__name__)

router = APIRouter(tags=["Voice webhooks"])

_STORE_SECONDS = 3.0
_LOOK_SECONDS = 2.0
_ANSWER_SECONDS = 1.0  # Vapi gives up after 7.5 s, which nobody can change, and the caller hears it ring meanwhile
_TOOLS_SECONDS = 18.0  # Vapi waits 20 s for a tool, in all
_TRIES = 3
_LONGEST_KEY = 100
_NAMELESS = first_name("", document="")
_NOT_NOW = "Desculpe, não podemos atender a sua ligação agora. Por favor, tente de novo mais tarde."
_UNREADABLE = refuse(
    "argumentos_invalidos", "Os argumentos não seguem o formato da ferramenta. Confira e tente de novo."
)[0]
_BROKEN = unavailable()[0]
_Answer = tuple[str, Response]


class _BotOff(Exception):
    """The tenant has switched its assistant off."""


@router.post(
    "/webhooks/vapi/{webhook_key}",
    summary="Vapi tells of a call, or asks",
    responses={
        200: {"description": "Taken in, or the answer"},
        401: {"description": "Not signed"},
        403: {"description": "Wrongly signed"},
    },
)
async def server_message(request: Request, webhook_key: str) -> Response:
    """Take in one server message. Late, repeated, unordered and unknown ones change nothing."""
    deps = _deps(request)
    try:
        body = await request.body()  # 413 beyond the limit of `RequestFrame`
    except ClientDisconnect:
        return _counted("disconnected", Response(status_code=400))
    try:
        async with asyncio.timeout(_LOOK_SECONDS):
            account = await _account(deps, webhook_key)
    except (*UNAVAILABLE, TimeoutError, SecretUnreadable) as error:
        logger.warning("vapi.account_unavailable", error=type(error).__name__)
        return _counted("unavailable", _without_account(body))
    if account is None:
        return _counted("unknown", Response(status_code=404))
    webhook = read_webhook(deps, request, body)
    if not _line(deps).verify(webhook, account.channel):
        logger.warning("vapi.signature_wrong", account_id=str(account.row.id), bytes=len(body))
        return _counted("refused", Response(status_code=403 if is_signed(webhook, account.channel) else 401))
    message = read_message(body)
    if message is None:
        logger.warning("vapi.message_not_understood", account_id=str(account.row.id), bytes=len(body))
        return _counted("not_understood", JSONResponse({}))
    return _counted(*await _answer(request, deps, account, message))


def _without_account(body: bytes) -> Response:
    """Answer while nobody can be looked up: whoever waits gets our fixed words, which tell strangers nothing."""
    message = read_message(body)
    match message.kind if message else "":
        case "assistant-request":
            return JSONResponse({"error": _NOT_NOW})
        case "tool-calls":
            wanted = tool_calls(message) if message else ()
            return _results(wanted, [_BROKEN] * len(wanted))
        case "function-call":
            return JSONResponse({"result": _BROKEN})
        case _:
            return _try_again()


async def _answer(request: Request, deps: Deps, account: OpenAccount, message: ServerMessage) -> _Answer:
    match message.kind:
        case "assistant-request":
            return await _assistant(deps, account, message)
        case "tool-calls":
            return await _tool_results(deps, _tools(request), account, message)
        case "function-call":
            return await _function_result(deps, _tools(request), account, message)
        case "status-update" | "end-of-call-report":
            return await _progress(deps, account, message)
        case "hang":
            logger.warning("vapi.we_were_slow", account_id=str(account.row.id))
            return "noted", JSONResponse({})
        case _:
            # What is said comes whole with the end-of-call-report, and so far with each tool call.
            return "ignored", JSONResponse({})


# --- Which assistant answers ---------------------------------------------------------------------------------------


async def _assistant(deps: Deps, account: OpenAccount, message: ServerMessage) -> _Answer:
    """Name the account's assistant, with what it may know of the caller. An error is spoken, so it is Portuguese."""
    agent_id = account.channel.settings.get("agent_id")
    # An account that was stopped calls nobody, but those who ring us are answered.
    if agent_id is None or account.row.status == "disabled" or not account.row.is_bot_enabled:
        return _not_answered(account)
    overrides: dict[str, object] = {}
    # Whoever rings is answered; a caller who could not be looked up is written down with the next message.
    try:
        async with asyncio.timeout(_ANSWER_SECONDS):
            overrides = await _overrides(deps, account, message)
    except _BotOff:
        return _not_answered(account)
    except (*UNAVAILABLE, TimeoutError, LookupError, NotFound) as error:
        logger.warning("vapi.caller_not_looked_up", error=type(error).__name__)
    return "answered", JSONResponse({"assistantId": agent_id, "assistantOverrides": overrides})


def _not_answered(account: OpenAccount) -> _Answer:
    logger.warning("vapi.call_not_answered", account_id=str(account.row.id), status=account.row.status)
    return "not_answered", JSONResponse({"error": _NOT_NOW})


async def _overrides(deps: Deps, account: OpenAccount, message: ServerMessage) -> dict[str, object]:
    tenant = (await deps.tenants.profile(account.row.tenant_id)).tenant
    if not tenant.is_bot_enabled:
        raise _BotOff
    if message.call is None:
        return {}
    opened = await _opened(deps, account, message.call)
    async with deps.database.tenant(opened.tenant_id) as connection:
        contact = await contacts.by_id(connection, opened.contact_id)
    name = first_name(contact.name, document=contact.document or "") if contact and contact.name else _NAMELESS
    variables = {"empresa": tenant.name, "assistente": tenant.assistant_name}
    return {
        "variableValues": variables if name == _NAMELESS else {**variables, "nome": name},
        "metadata": {"call_id": str(opened.call.id)},
    }


# --- Tools of the assistant ----------------------------------------------------------------------------------------


async def _tool_results(deps: Deps, tools: HostedTools, account: OpenAccount, message: ServerMessage) -> _Answer:
    """Answer every call of the message, always with 200: another status would take the results from the model."""
    wanted = tool_calls(message)
    results = await _run(deps, tools, account, message, wanted)
    return "tools", _results(wanted, results)


def _results(wanted: Sequence[ToolCall], results: Sequence[str]) -> Response:
    written = [
        {"name": call.name, "toolCallId": call.id, "result": result}
        for call, result in zip(wanted, results, strict=True)
    ]
    return JSONResponse({"results": written})


async def _function_result(deps: Deps, tools: HostedTools, account: OpenAccount, message: ServerMessage) -> _Answer:
    """Answer the old form of a tool call."""
    call = function_call(message)
    if call is None:
        return "not_understood", JSONResponse({"result": _UNREADABLE})
    (result,) = await _run(deps, tools, account, message, [call])
    return "tools", JSONResponse({"result": result})


async def _run(
    deps: Deps, tools: HostedTools, account: OpenAccount, message: ServerMessage, wanted: Sequence[ToolCall]
) -> list[str]:
    """Run the tools one after the other: they share the call's state. What cannot be had in time is unavailable."""
    results: list[str] = []
    try:
        async with asyncio.timeout(_TOOLS_SECONDS):
            if message.call is None:
                raise NotFound("call")
            async with asyncio.timeout(_STORE_SECONDS):  # the customer hears nothing meanwhile
                opened = await _opened(deps, account, message.call)
            for call in wanted:
                results.append(await _result(tools, opened, call, said_in(message)))
    except (*UNAVAILABLE, TimeoutError, NotFound) as error:
        logger.warning("vapi.tools_unavailable", error=type(error).__name__)
    except Exception:
        logger.exception("vapi.tools_failed", account_id=str(account.row.id))
    return results + [_BROKEN] * (len(wanted) - len(results))


async def _result(tools: HostedTools, opened: OpenedCall, call: ToolCall, said: Sequence[Said]) -> str:
    if call.arguments is None:
        return _UNREADABLE
    texts = [entry.text for entry in said if entry.role == "user"]
    dialogue: list[AnyMessage] = [
        HumanMessage(content=entry.text) if entry.role == "user" else AIMessage(content=entry.text) for entry in said
    ]
    result = await tools.run(
        opened, name=call.name, arguments=call.arguments, customer_texts=texts, dialogue=dialogue
    )  # fmt: skip
    return " ".join(result.splitlines())  # Vapi takes single-line strings only


# --- How a call goes on --------------------------------------------------------------------------------------------


async def _progress(deps: Deps, account: OpenAccount, message: ServerMessage) -> _Answer:
    """Take in a status or the end. Vapi sends it once, or with back-off where the assistant is set up so."""
    if message.call is None:
        return "not_understood", JSONResponse({})
    try:
        async with asyncio.timeout(_STORE_SECONDS):
            outcome, has_ended = await _retried(deps, account, message, message.call)
    except (*UNAVAILABLE, TimeoutError) as error:
        logger.warning("vapi.progress_unavailable", error=type(error).__name__)
        return "unavailable", _try_again()
    if has_ended:
        await deps.queue.ring("post_call")
    return outcome, JSONResponse({})


async def _retried(deps: Deps, account: OpenAccount, message: ServerMessage, call: VapiCall) -> tuple[str, bool]:
    for _ in range(_TRIES - 1):
        try:
            return await _take_in(deps, account, message, call)
        except RETRYABLE:
            logger.info("vapi.deadlock_retried", account_id=str(account.row.id))
    return await _take_in(deps, account, message, call)


async def _take_in(deps: Deps, account: OpenAccount, message: ServerMessage, call: VapiCall) -> tuple[str, bool]:
    try:
        call_id = await _known(deps, account, call) or (await _opened(deps, account, call)).call.id
    except NotFound:
        # Made from Vapi's own dashboard, or by another system over the same account.
        logger.info("vapi.call_of_others", account_id=str(account.row.id))
        return "other_call", False
    report = status_of(message)
    now = deps.clock.now()
    async with deps.database.tenant(account.row.tenant_id) as connection:
        if report is not None and not await receive_report(connection, call_id, report, now=now):
            logger.warning("vapi.status_of_another_call", call_id=str(call_id))
            return "other_call", False
        if message.kind == "end-of-call-report":
            await note_ended(connection, call_id, _facts(end_of(message)), now=now)
    return "stored", report is not None and report.status in FINAL_STATUSES


def _facts(end: EndReport) -> CallFacts:
    return CallFacts(
        disconnection_reason=end.reason,
        recording_url=end.recording_url,
        cost_usd_cents=end.cost_usd_cents,
        provider_transcript=[
            {"role": said.role, "text": said.text, "startSeconds": said.start_seconds} for said in end.transcript
        ],
        transferred_to=end.transferred_to,
        duration_seconds=end.duration_seconds,
    )


# --- Which call, which account -------------------------------------------------------------------------------------


async def _known(deps: Deps, account: OpenAccount, call: VapiCall) -> UUID | None:
    """Find the call among ours, without beginning a talk: it may only ring yet."""
    async with deps.database.tenant(account.row.tenant_id) as connection:
        return await _find(connection, account, call)


async def _find(connection: Connection, account: OpenAccount, call: VapiCall) -> UUID | None:
    found = await call_talk.find(connection, account_id=account.row.id, provider_call_id=call.id)
    if found is not None or call.our_call_id is None:
        return found
    row = await calls.by_id(connection, call.our_call_id)
    return row.id if row is not None and row.channel_account_id == account.row.id else None


async def _opened(deps: Deps, account: OpenAccount, call: VapiCall) -> OpenedCall:
    """Begin or take up the call's conversation. Raises NotFound for a call out that we did not ask for."""
    known = await _known(deps, account, call)
    if known is None and (call.direction == "out" or call.our_call_id is not None):
        raise NotFound("call")
    return await CallDesk(deps.database, deps.clock).begin(
        account,
        Arrival(
            provider_call_id=call.id, direction=call.direction, customer_phone=call.customer_phone, call_id=known
        ),
    )  # fmt: skip


async def _account(deps: Deps, webhook_key: str) -> OpenAccount | None:
    """Find the account the URL names. Unknown, malformed and somebody else's provider look the same."""
    if len(webhook_key) > _LONGEST_KEY or not webhook_key.isascii() or not webhook_key.isprintable():
        return None
    account = await deps.accounts.by_webhook_key(webhook_key)
    return account if account is not None and account.row.provider is Provider.VAPI else None


def _line(deps: Deps) -> VapiVoice:
    """Give what speaks to Vapi; it keeps nothing, so it is made when it is asked for."""
    return VapiVoice(deps.http, clock=deps.clock, base_url=deps.settings.vapi_api_url)


def _deps(request: Request) -> Deps:
    return cast(Deps, request.app.state.deps)


def _tools(request: Request) -> HostedTools:
    return cast(HostedTools, request.app.state.hosted_tools)


def _try_again() -> Response:
    return Response(status_code=503, headers={"retry-after": str(RETRY_AFTER_SECONDS)})


def _counted(outcome: str, response: Response) -> Response:
    WEBHOOKS.labels("vapi", outcome).inc()
    return response
