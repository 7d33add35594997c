"""Retell's requests over HTTP: how calls go on, who rings, tools for agents hosted there (protocols 5.2 to 5.4).

Every body is checked over its raw bytes before it is read. Retell waits ten seconds and asks up to three times again,
so each answer here may be given several times.
"""

import asyncio
import json
from collections.abc import Mapping
from typing import cast

import structlog
from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from langchain_core.messages import AIMessage, AnyMessage, HumanMessage
from starlette.requests import ClientDisconnect

from channels.base import ChannelError, WebhookRequest
from channels.retell import SIGNATURE_HEADER, RetellVoice, agent_override
from channels.retell_calls import FunctionCall, InboundCall, RetellCall, read_event, read_function_call, read_inbound
from domain.errors import NotFound
from domain.messages import Address, AddressKind, Provider
from domain.phones import match_key
from graphs.hosted_tools import HostedTools
from server.errors import RETRY_AFTER_SECONDS
from server.observability import WEBHOOKS
from server.webhooks.routes import read_webhook
from services.accounts import OpenAccount
from services.call_context import CallBrief, call_variables
from services.call_desk import CallDesk
from services.call_outcomes import first_name_of
from services.retell_reports import RetellReports, account_of, expected
from store import call_talk, contacts, line_accounts
from store.cipher import SecretUnreadable
from store.database import UNAVAILABLE
from tools.results import refuse, unavailable
from wiring.deps import Deps

logger = structlog.get_logger(__name__)

router = APIRouter(tags=["Voice webhooks"])

_STORE_SECONDS = 5.0  # of the ten that Retell waits
_GREET_SECONDS = 0.7  # somebody hears it ring meanwhile
_TOOL_SECONDS = 60.0  # of the two minutes that Retell waits
_LONGEST_KEY = 100
_LONGEST_RESULT = 15_000
_MOST_CANDIDATES = 20
_EVENT = "retell"
_INBOUND = "retell_inbound"
_FUNCTION = "retell_function"
_BROKEN = unavailable()[0]
_UNKNOWN_CALL = refuse(
    "chamada_desconhecida", "Esta ligação não foi reconhecida. Despeça-se com gentileza e não use ferramentas."
)[0]
_UNREADABLE = refuse("argumentos_invalidos", "Os argumentos não seguem o formato da ferramenta. Confira e tente.")[0]


class _Refused(Exception):
    """The request is not answered: no such account, or not signed by it."""

    def __init__(self, status: int, outcome: str) -> None:
        super().__init__(outcome)
        self.status = status
        self.outcome = outcome


# --- how calls go on


@router.get("/webhooks/retell", summary="Retell asks whether somebody listens here")
@router.get("/webhooks/retell/{webhook_key}", summary="Retell asks whether somebody listens here")
async def verification() -> JSONResponse:
    """Say yes; an address that nobody has looks the same."""
    return JSONResponse({"status": "ok"})


@router.post(
    "/webhooks/retell",
    summary="Retell tells how a call goes on",
    responses={204: {"description": "Taken in"}, 401: {"description": "Not signed"}, 403: {"description": "Wrongly"}},
    status_code=204,
)
async def event_of_any_account(request: Request) -> Response:
    """Take in an event of whichever account's key has signed it."""
    return await _event(request, None)


@router.post(
    "/webhooks/retell/{webhook_key}",
    summary="Retell tells how a call of this account goes on",
    responses={204: {"description": "Taken in"}, 401: {"description": "Not signed"}, 403: {"description": "Wrongly"}},
    status_code=204,
)
async def event_of_account(request: Request, webhook_key: str) -> Response:
    """Take in an event of one account, or of another number of its tenant."""
    return await _event(request, webhook_key)


async def _event(request: Request, webhook_key: str | None) -> Response:
    deps = _deps(request)
    try:
        async with asyncio.timeout(_STORE_SECONDS):
            account, body = await _verified(deps, request, webhook_key)
            event = read_event(body)
            if event is None or (event.call is None and event.kind not in ("ignored", "unknown")):
                logger.warning("retell.event_not_understood", account_id=str(account.row.id), bytes=len(body))
                return _counted(_EVENT, "not_understood", Response(status_code=204))
            taken = await _reports(deps).take(account, event)
    except _Refused as refused:
        return _counted(_EVENT, refused.outcome, Response(status_code=refused.status))
    except ClientDisconnect:
        return _counted(_EVENT, "disconnected", Response(status_code=400))
    except (*UNAVAILABLE, TimeoutError, SecretUnreadable) as error:
        logger.warning("retell.event_unavailable", error=type(error).__name__)
        return _counted(_EVENT, "unavailable", _try_again())
    if taken == "unknown_call":
        logger.warning("retell.event_of_unknown_call", account_id=str(account.row.id), kind=event.kind)
    elif taken == "ended":
        await deps.queue.ring("post_call")
    return _counted(_EVENT, taken, Response(status_code=204))


# --- who rings


@router.post("/retell/inbound/{webhook_key}", summary="Retell asks which agent answers a call")
async def inbound_call(request: Request, webhook_key: str) -> Response:
    """Name the account's agent and what it may know of the caller: never a debt, and whoever rings is answered.

    No call is written down yet: Retell tells no id, asks again when it is in doubt, and may still find nobody there.
    """
    deps = _deps(request)
    try:
        async with asyncio.timeout(_STORE_SECONDS):
            account, body = await _verified(deps, request, webhook_key)
    except _Refused as refused:
        return _counted(_INBOUND, refused.outcome, Response(status_code=refused.status))
    except ClientDisconnect:
        return _counted(_INBOUND, "disconnected", Response(status_code=400))
    except (*UNAVAILABLE, TimeoutError, SecretUnreadable) as error:
        logger.warning("retell.inbound_unavailable", error=type(error).__name__)
        return _counted(_INBOUND, "unavailable", _try_again())
    told = read_inbound(body)
    if told is None:
        return _counted(_INBOUND, "not_understood", JSONResponse({"call_inbound": {}}))
    variables: dict[str, str] = {}
    try:
        async with asyncio.timeout(_GREET_SECONDS):
            account = await account_of(deps.database, deps.accounts, account, told.to_number)
            variables = await _variables(deps, account, told)
    except (*UNAVAILABLE, TimeoutError, SecretUnreadable, LookupError) as error:
        logger.warning("retell.caller_not_looked_up", error=type(error).__name__)
    answer = {**agent_override(account.channel), "dynamic_variables": variables}
    return _counted(_INBOUND, "answered", JSONResponse({"call_inbound": answer}))


async def _variables(deps: Deps, account: OpenAccount, told: InboundCall) -> dict[str, str]:
    tenant = (await deps.tenants.profile(account.row.tenant_id)).tenant
    phone = told.from_number or ""
    key = match_key(phone)
    name: str | None = None
    if key is not None:
        address = Address(kind=AddressKind.PHONE, value=phone)
        async with deps.database.tenant(account.row.tenant_id) as connection:
            known = await contacts.find_addresses(connection, [address], [key])
            name = first_name_of(await contacts.by_id(connection, known[0].contact_id)) if known else None
    return call_variables(tenant, CallBrief(purpose="inbound", first_name=name))


# --- tools


@router.post("/retell/functions/{webhook_key}", summary="An agent hosted at Retell uses one of our tools")
async def custom_function(request: Request, webhook_key: str) -> Response:
    """Run a tool; asked again, it gives the same result and does nothing twice.

    Where Retell sends the arguments alone, the address carries the rest: `?name=...&call_id={{call_id}}`.
    """
    deps = _deps(request)
    try:
        async with asyncio.timeout(_STORE_SECONDS):
            account, body = await _verified(deps, request, webhook_key)
    except _Refused as refused:
        return _counted(_FUNCTION, refused.outcome, Response(status_code=refused.status))
    except ClientDisconnect:
        return _counted(_FUNCTION, "disconnected", Response(status_code=400))
    except (*UNAVAILABLE, TimeoutError, SecretUnreadable) as error:
        logger.warning("retell.function_unavailable", error=type(error).__name__)
        return _counted(_FUNCTION, "unavailable", _tool_answer(_BROKEN))
    wanted = read_function_call(body)
    if wanted is None:
        return _counted(_FUNCTION, "not_understood", _tool_answer(_UNREADABLE))
    outcome, result = await _run(request, deps, account, wanted)
    return _counted(_FUNCTION, outcome, _tool_answer(result))


async def _run(request: Request, deps: Deps, account: OpenAccount, wanted: FunctionCall) -> tuple[str, str]:
    """Give what the agent is told: always words it can go on with, whatever broke."""
    tools = cast(HostedTools, request.app.state.hosted_tools)
    try:
        async with asyncio.timeout(_TOOL_SECONDS):
            told = wanted.call or await _named_call(deps, account, request.query_params)
            name = wanted.name or request.query_params.get("name")
            if told is None or not name:
                return "unknown_call", _UNKNOWN_CALL
            account = await account_of(deps.database, deps.accounts, account, told.our_number)
            opened = await _desk(deps).begin(account, await expected(deps.database, account, told))
            texts = [said.text for said in told.transcript if said.role == "user"]
            dialogue: list[AnyMessage] = [
                HumanMessage(content=said.text) if said.role == "user" else AIMessage(content=said.text)
                for said in told.transcript
            ]
            return "answered", await tools.run(
                opened, name=name, arguments=wanted.arguments, customer_texts=texts, dialogue=dialogue
            )
    except NotFound:
        return "unknown_call", _UNKNOWN_CALL
    except (*UNAVAILABLE, TimeoutError, ChannelError) as error:
        logger.warning("retell.tool_unavailable", error=type(error).__name__)
    except Exception:
        logger.exception("retell.tool_failed", account_id=str(account.row.id))
    return "failed", _BROKEN


async def _named_call(deps: Deps, account: OpenAccount, query: Mapping[str, str]) -> RetellCall | None:
    """Find the call that the address names; what we do not know yet, Retell does."""
    call_id = query.get("call_id", "")
    if not 0 < len(call_id) <= _LONGEST_KEY or not call_id.isascii() or not call_id.isprintable():
        return None
    async with deps.database.tenant(account.row.tenant_id) as connection:
        known = await call_talk.find(connection, account_id=account.row.id, provider_call_id=call_id)
    if known is not None:
        return RetellCall(provider_call_id=call_id)
    return await line(deps).describe(account.channel, call_id)


def _tool_answer(result: str) -> Response:
    """Answer 2xx, for Retell would ask again; and no longer than it reads."""
    if len(result) > _LONGEST_RESULT:
        # Half of it: each character may have to be escaped.
        cut = {"ok": True, "truncado": True, "texto": result[: _LONGEST_RESULT // 2 - 100]}
        result = json.dumps(cut, ensure_ascii=False)
    return Response(result, media_type="application/json")


# --- whose request it is


async def _verified(deps: Deps, request: Request, webhook_key: str | None) -> tuple[OpenAccount, bytes]:
    """Find the account whose key signed the raw bytes. A body without a signature is not even looked at."""
    body = await request.body()  # 413 beyond the limit of `RequestFrame`
    webhook = read_webhook(deps, request, body)
    if SIGNATURE_HEADER not in webhook.headers:
        raise _Refused(401, "unsigned")
    if webhook_key is not None:
        account = await account_by_key(deps, webhook_key)
        if account is None:
            raise _Refused(404, "unknown")
        if line(deps).verify(webhook, account.channel):
            return account, body
    else:
        found = await _signer(deps, webhook)
        if found is not None:
            return found, body
    logger.warning("retell.signature_wrong", bytes=len(body))
    raise _Refused(403, "refused")


async def _signer(deps: Deps, webhook: WebhookRequest) -> OpenAccount | None:
    """Find the account by what the body names; what it names counts for nothing until a key of ours fits."""
    event = read_event(webhook.body)
    if event is None:
        return None
    told = event.call
    numbers = [number for number in (told.our_number, told.customer_phone) if number] if told else []
    async with deps.database.platform() as connection:
        rows = await line_accounts.candidates(
            connection, Provider.RETELL, numbers=numbers, agent_id=event.agent_id, limit=_MOST_CANDIDATES
        )
    for row in rows:
        account = await deps.accounts.by_id(row.tenant_id, row.id)
        if account is not None and line(deps).verify(webhook, account.channel):
            return account
    return None


async def account_by_key(deps: Deps, webhook_key: str) -> OpenAccount | None:
    """Find the account a URL names. Unknown, malformed and somebody else's provider look the same."""
    if len(webhook_key) > _LONGEST_KEY or not webhook_key.isascii() or not webhook_key.isprintable():
        return None
    account = await deps.accounts.by_webhook_key(webhook_key)
    return account if account is not None and account.row.provider is Provider.RETELL else None


def line(deps: Deps) -> RetellVoice:
    """Give what speaks to Retell, with all that it can do beyond other lines."""
    return cast(RetellVoice, deps.voice_lines[Provider.RETELL])


def _desk(deps: Deps) -> CallDesk:
    return CallDesk(deps.database, deps.clock)


def _reports(deps: Deps) -> RetellReports:
    return RetellReports(database=deps.database, accounts=deps.accounts, desk=_desk(deps), clock=deps.clock)


def _deps(request: Request) -> Deps:
    return cast(Deps, request.app.state.deps)


def _try_again() -> Response:
    return Response(status_code=503, headers={"retry-after": str(RETRY_AFTER_SECONDS)})


def _counted(name: str, outcome: str, response: Response) -> Response:
    WEBHOOKS.labels(name, outcome).inc()
    return response
