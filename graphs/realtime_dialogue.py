"""Both sides of a Realtime call in the order in which they were said: a transcript may come after its answer."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal
from uuid import UUID, uuid5

from langchain_core.messages import AIMessage, AnyMessage, HumanMessage

Side = Literal["customer", "agent"]


@dataclass(slots=True)
class Said:
    """One utterance. `text` is what was really heard of it, None while nobody knows."""

    id: UUID
    item_id: str
    side: Side
    text: str | None = None
    meant: str | None = None
    is_interrupted: bool = False
    is_kept: bool = False

    @property
    def is_known(self) -> bool:
        return self.text is not None


class Dialogue:
    """The utterances of one call, by the provider's items."""

    def __init__(self, call_id: UUID) -> None:
        self._call_id = call_id
        self._said: list[Said] = []
        self._by_item: dict[str, Said] = {}

    def __contains__(self, item_id: str) -> bool:
        return item_id in self._by_item

    def begin(self, item_id: str, side: Side, *, after: str | None = None) -> None:
        """Give an utterance its place: behind the item that it follows, else at the end."""
        if item_id in self._by_item:
            return
        said = Said(id=uuid5(self._call_id, item_id), item_id=item_id, side=side)
        self._by_item[item_id] = said
        before = self._by_item.get(after) if after is not None else None
        if before is None:
            self._said.append(said)
            return
        kept = sum(other.is_kept for other in self._said)
        self._said.insert(max(self._said.index(before) + 1, kept), said)

    def settle(self, item_id: str, text: str, *, meant: str | None = None, is_interrupted: bool = False) -> None:
        """Say what was heard of an utterance, once."""
        said = self._by_item.get(item_id)
        if said is None or said.is_known:
            return
        said.text, said.meant, said.is_interrupted = text.strip(), meant, is_interrupted

    def settle_rest(self) -> None:
        """What is not known by now never will be."""
        for said in self._said:
            if not said.is_known:
                said.text = ""

    @property
    def unheard(self) -> frozenset[str]:
        """Name the customer's items whose words have not come."""
        return frozenset(said.item_id for said in self._said if said.side == "customer" and not said.is_known)

    @property
    def customer_texts(self) -> list[str]:
        return [said.text for said in self._said if said.side == "customer" and said.text]

    def messages(self) -> list[AnyMessage]:
        """Give what is known of both sides as the graph has it."""
        return [_as_message(said, said.text) for said in self._said if said.text]

    def take_known(self) -> Sequence[Said]:
        """Give what is known and not kept yet, up to the first utterance that is still open."""
        taken: list[Said] = []
        for said in self._said:
            if not said.is_known:
                break
            if not said.is_kept:
                said.is_kept = True
                taken.append(said)
        return taken


def _as_message(said: Said, text: str) -> AnyMessage:
    if said.side == "customer":
        return HumanMessage(content=text, id=str(said.id))
    return AIMessage(content=text, id=str(said.id))
