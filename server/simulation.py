"""A customer of the demo, as the page and the terminal play it: writes through the webhook, reads what comes of it."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID, uuid4

import httpx

from channels.simulator import SIGNATURE_HEADER, sign
from domain.messages import DeliveryStatus
from services.demo import DemoContact
from services.simulation import Changes, Simulation, Simulator
from store.simulation import SimulatedMessageRow
from wiring.instance import running_instance
from wiring.settings import Settings

_TIMEOUT = httpx.Timeout(10, connect=3)
# A phone says "delivered" first and "read" when the talk is open.
_NEXT_STATUS = {DeliveryStatus.SENT: DeliveryStatus.DELIVERED, DeliveryStatus.DELIVERED: DeliveryStatus.READ}
_FINAL = frozenset({DeliveryStatus.READ, DeliveryStatus.FAILED, DeliveryStatus.CANCELED})
_ON_ITS_WAY = frozenset({DeliveryStatus.QUEUED, DeliveryStatus.SENDING})


class ApiUnreachable(Exception):
    """The api did not take it. Sending the same message again does no harm: its id is the same."""


def find_api_url(settings: Settings) -> str:
    """Say where the api is: the service that runs on our data folder, else the configured public address."""
    running = running_instance(settings.data_dir) if settings.data_dir.exists() else None
    url = settings.database_url.get_secret_value() if settings.database_url else None
    if running and running.api_url and running.database_url == url:
        return running.api_url
    return settings.public_base_url


class SimulatorApi:
    """The api as the simulator's provider sees it: one webhook, and whether it is there."""

    def __init__(self, base_url: str) -> None:
        self.base_url = base_url
        self._http = httpx.AsyncClient(timeout=_TIMEOUT, trust_env=False)

    async def is_reachable(self) -> bool:
        """Say whether the api answers."""
        try:
            return (await self._http.get(f"{self.base_url}/health")).is_success
        except httpx.HTTPError:
            return False

    async def post(self, simulator: Simulator, body: Mapping[str, object]) -> None:
        """Post one signed webhook. Raises ApiUnreachable unless the api says that it is stored."""
        raw = json.dumps(body, ensure_ascii=False).encode()
        account = simulator.account
        headers = {
            "content-type": "application/json",
            SIGNATURE_HEADER: sign(raw, secret=account.channel.secrets.get("webhook_secret", "")),
        }
        try:
            response = await self._http.post(
                f"{self.base_url}/webhooks/simulator/{account.row.webhook_key}", content=raw, headers=headers
            )
        except httpx.HTTPError as error:
            raise ApiUnreachable(type(error).__name__) from error
        if not response.is_success:
            raise ApiUnreachable(f"HTTP {response.status_code}")

    async def close(self) -> None:
        await self._http.aclose()


@dataclass(frozen=True, kw_only=True, slots=True)
class Draft:
    """A message as the customer wrote it; the id makes sending it twice harmless."""

    text: str
    choice_id: str | None = None
    id: str = field(default_factory=lambda: f"sim-in-{uuid4().hex}")


class SimulatedCustomer:
    """One demo contact with a phone in the hand. Not safe for concurrent use: one owner at a time."""

    def __init__(
        self, *, api: SimulatorApi, simulation: Simulation, simulator: Simulator, contact: DemoContact
    ) -> None:
        self.contact = contact
        self._api = api
        self._simulation = simulation
        self._simulator = simulator
        self._forget()

    def _forget(self) -> None:
        self.conversation_id: UUID | None = None
        self._last_seq = 0
        self._last_turn = 0
        self._unsettled: dict[UUID, SimulatedMessageRow] = {}
        self._reported: set[tuple[UUID, str]] = set()

    async def say(self, draft: Draft) -> None:
        """Send a message as any provider would. Raises ApiUnreachable; the same draft may then be sent again."""
        message: dict[str, object] = {
            "id": draft.id, "from": self.contact.phone, "name": self.contact.name, "text": draft.text,
        }  # fmt: skip
        if draft.choice_id is not None:
            message["choice_id"] = draft.choice_id
        await self._api.post(self._simulator, {"messages": [message], "statuses": []})

    async def follow(self) -> Changes:
        """Read what happened since the last call; a new conversation is given whole."""
        changes = await self._simulation.look(
            self._simulator, address=self.contact.phone, known=self.conversation_id, after_seq=self._last_seq,
            after_turn=self._last_turn, unsettled=self._unsettled.keys(),
        )  # fmt: skip
        current = changes.conversation.id if changes.conversation else None
        if current != self.conversation_id:
            self._forget()
            self.conversation_id = current
        for row in changes.messages:
            self._last_seq = max(self._last_seq, row.seq)
            if row.direction == "out" and row.status not in _FINAL:
                self._unsettled[row.id] = row
            else:
                self._unsettled.pop(row.id, None)
        for turn in changes.turns:
            self._last_turn = max(self._last_turn, turn.turn_seq)
        return changes

    @property
    def is_awaiting_delivery(self) -> bool:
        """Say whether the assistant has written something that is not here yet."""
        return any(row.status in _ON_ITS_WAY for row in self._unsettled.values())

    async def acknowledge(self) -> None:
        """Tell the api that messages arrived, and on a later call that they were read. Raises ApiUnreachable."""
        statuses: list[dict[str, str]] = []
        told: list[tuple[UUID, str]] = []
        for row in self._unsettled.values():
            following = _NEXT_STATUS.get(DeliveryStatus(row.status)) if row.status else None
            if following is None or row.provider_message_id is None or (row.id, following) in self._reported:
                continue
            statuses.append({"id": row.provider_message_id, "status": following})
            told.append((row.id, following))
        if statuses:
            await self._api.post(self._simulator, {"messages": [], "statuses": statuses})
            self._reported.update(told)

    async def start_over(self) -> None:
        """Close the conversation; the next message opens a new one."""
        if self.conversation_id is not None:
            await self._simulation.end(self._simulator, self.conversation_id)
        self._forget()

    async def hand_back(self) -> bool:
        """Give the conversation back to the bot, as an operator would; say whether a person had it."""
        return self.conversation_id is not None and await self._simulation.hand_back(
            self._simulator, self.conversation_id
        )


def own_texts(messages: Sequence[SimulatedMessageRow]) -> set[str]:
    """Give the ids of the customer's own messages among these."""
    return {row.provider_message_id for row in messages if row.direction == "in" and row.provider_message_id}
