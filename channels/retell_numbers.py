"""Numbers at Retell: looked up, imported over a SIP trunk, bound to agents (protocols 5.6)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote, urlencode

import httpx

from channels.reading import JsonObject, as_object, as_text, objects_in
from channels.retell import API_URL, raise_refusal
from channels.transport import Answer, exchange

ORIGINATION_URL = "sip:sip.retellai.com;transport=tcp"
"""Where a trunk takes the calls for Retell."""
_UNKNOWN = frozenset({404, 422})
_LONGEST_NUMBER = 9


@dataclass(frozen=True, kw_only=True, slots=True)
class BoundAgent:
    """An agent that answers or makes the calls of a number. Without a version Retell chooses."""

    agent_id: str
    version: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class RetellNumber:
    """A number as Retell has it. The password of its trunk nobody can read again."""

    phone: str
    is_imported: bool  # else it was bought at Retell, which has its own trunk for it
    termination_uri: str | None
    username: str | None
    inbound: tuple[BoundAgent, ...]
    outbound: tuple[BoundAgent, ...]
    inbound_webhook_url: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class RetellAgent:
    """One version of an agent."""

    agent_id: str
    name: str
    version: str | None
    is_published: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class TrunkLogin:
    """How Retell calls out through a trunk."""

    username: str
    password: str

    def __repr__(self) -> str:
        return f"TrunkLogin({self.username!r}, ***)"


@dataclass(frozen=True, kw_only=True, slots=True)
class NumberChange:
    """What a number shall be; None leaves a field alone, no agents at all unbinds."""

    termination_uri: str | None = None
    login: TrunkLogin | None = None
    inbound: Sequence[BoundAgent] | None = None
    outbound: Sequence[BoundAgent] | None = None
    inbound_webhook_url: str | None = None


class RetellNumbers:
    """Raises only ChannelError; the URL differs in tests only."""

    def __init__(self, http: httpx.AsyncClient, *, base_url: str = API_URL) -> None:
        self._http = http
        self._base_url = base_url.rstrip("/")

    async def number(self, api_key: str, phone: str) -> RetellNumber | None:
        answer = await self._ask(api_key, "GET", f"/get-phone-number/{quote(phone, safe='')}")
        if answer.status in _UNKNOWN:
            return None
        raise_refusal(answer)
        return _number(answer.json(), phone)

    async def agent(self, api_key: str, agent_id: str, version: str | None) -> RetellAgent | None:
        """Find an agent, in a version where one is named."""
        query = f"?{urlencode({'version': version})}" if version else ""
        answer = await self._ask(api_key, "GET", f"/get-agent/{quote(agent_id, safe='')}{query}")
        if answer.status in _UNKNOWN:
            return None
        raise_refusal(answer)
        body = answer.json()
        return RetellAgent(
            agent_id=agent_id, name=as_text(body.get("agent_name")) or "", version=as_text(body.get("version")),
            is_published=body.get("is_published") is True,
        )  # fmt: skip

    async def import_number(self, api_key: str, phone: str, wanted: NumberChange, *, nickname: str) -> None:
        """Import a number that is on a SIP trunk. Retell refuses one that it has already."""
        body: dict[str, object] = {"phone_number": phone, "nickname": nickname, "transport": "TCP"}
        login = wanted.login
        if login is not None:
            body |= {"sip_trunk_auth_username": login.username, "sip_trunk_auth_password": login.password}
        raise_refusal(await self._ask(api_key, "POST", "/import-phone-number", body | _shared(wanted)))

    async def update_number(self, api_key: str, phone: str, change: NumberChange) -> None:
        body = _shared(change)
        if change.login is not None:
            body |= {"auth_username": change.login.username, "auth_password": change.login.password}
        raise_refusal(await self._ask(api_key, "PATCH", f"/update-phone-number/{quote(phone, safe='')}", body))

    async def _ask(
        self, api_key: str, method: str, path: str, body: Mapping[str, object] | None = None
    ) -> Answer:  # fmt: skip
        headers = {"authorization": f"Bearer {api_key}"}
        return await exchange(self._http, method, self._base_url + path, headers=headers, json_body=body)


def _shared(change: NumberChange) -> dict[str, object]:
    body: dict[str, object] = {}
    if change.termination_uri is not None:
        body["termination_uri"] = change.termination_uri
    if change.inbound is not None:
        body["inbound_agents"] = _bound(change.inbound)
    if change.outbound is not None:
        body["outbound_agents"] = _bound(change.outbound)
    if change.inbound_webhook_url is not None:
        body["inbound_webhook_url"] = change.inbound_webhook_url
    return body


def _bound(agents: Sequence[BoundAgent]) -> list[dict[str, object]] | None:
    """Write agents as Retell reads them: the weights add up to one, and null means nobody."""
    if not agents:
        return None
    bound: list[dict[str, object]] = []
    for agent in agents:
        entry: dict[str, object] = {"agent_id": agent.agent_id, "weight": 1 / len(agents)}
        if agent.version is not None:
            entry["agent_version"] = version_value(agent.version)
        bound.append(entry)
    return bound


def version_value(version: str) -> int | str:
    """Give a version as Retell takes it: a number, or the name of a tag."""
    is_number = version.isascii() and version.isdigit() and len(version) <= _LONGEST_NUMBER
    return int(version) if is_number else version


def _number(body: JsonObject, phone: str) -> RetellNumber:
    trunk = as_object(body.get("sip_outbound_trunk_config"))
    return RetellNumber(
        phone=phone, is_imported=body.get("phone_number_type") == "custom",
        termination_uri=as_text(trunk.get("termination_uri")), username=as_text(trunk.get("auth_username")),
        inbound=_agents(body.get("inbound_agents")), outbound=_agents(body.get("outbound_agents")),
        inbound_webhook_url=as_text(body.get("inbound_webhook_url")),
    )  # fmt: skip


def _agents(value: object) -> tuple[BoundAgent, ...]:
    return tuple(
        BoundAgent(agent_id=agent_id, version=as_text(row.get("agent_version")))
        for row in objects_in(value)
        if (agent_id := as_text(row.get("agent_id"))) is not None
    )
