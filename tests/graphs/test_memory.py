"""What a conversation takes up from another one of the same contact."""

from typing import Any

import pytest
from langchain_core.messages import AIMessage, AnyMessage, HumanMessage

from domain.messages import Medium
from graphs.memory import carry

OFFER = {"amount_cents": 11990, "due_on": "2026-11-27", "protocol": None, "proposed_in_turn": 3}
OTHER_OFFER = {**OFFER, "due_on": "2026-11-30"}


def said(*names: str) -> list[AnyMessage]:
    return [
        AIMessage(content=f"fala {name}", id=name) if place % 2 else HumanMessage(content=f"fala {name}", id=name)
        for place, name in enumerate(names)
    ]


def taken(own: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    return dict(carry(own, other, medium=Medium.VOICE, turn_seq=4))


def test_offer_is_kept_when_the_other_conversation_went_on_without_knowing_of_it() -> None:
    own = {"messages": said("1", "2", "3", "4"), "proposal": OFFER, "promise": None}
    beside = {"messages": said("1", "2", "a", "b"), "proposal": None, "promise": None}
    assert "proposal" not in taken(own, beside)


def test_offer_is_gone_when_it_was_settled_in_the_other_conversation() -> None:
    own = {"messages": said("1", "2", "3", "4"), "proposal": OFFER, "promise": None}
    after = {"messages": said("1", "2", "3", "4", "a", "b"), "proposal": None, "promise": {**OFFER, "protocol": "P1"}}
    found = taken(own, after)
    assert found["proposal"] is None
    assert found["promise"]["protocol"] == "P1"


def test_own_offer_that_only_came_by_elsewhere_may_still_be_accepted_here() -> None:
    own = {"messages": said("1", "2", "3", "4"), "proposal": OFFER}
    after = {"messages": said("1", "2", "3", "4", "a", "b"), "proposal": {**OFFER, "proposed_in_turn": 0}}
    assert "proposal" not in taken(own, after)


@pytest.mark.parametrize("names", [("1", "2", "a", "b"), ("1", "2", "3", "4", "a", "b")])
def test_newer_offer_takes_the_place_of_the_older_one(names: tuple[str, ...]) -> None:
    own = {"messages": said("1", "2", "3", "4"), "proposal": OFFER}
    assert taken(own, {"messages": said(*names), "proposal": OTHER_OFFER})["proposal"]["due_on"] == "2026-11-30"
