"""What a conversation takes up from another one of the same contact: text to call to text, one memory (ADR 15)."""

from collections.abc import Mapping, Sequence
from typing import Any, cast

from langchain_core.messages import AIMessage, AnyMessage, BaseMessage, HumanMessage

from agents.turn_context import CARRIED, Heard
from domain.masking import mask_text
from domain.messages import Medium
from domain.speaker import has_confirmed_name
from domain.turns import Agreement, Evidence, Identity
from graphs.state import TurnInput, bounded
from services.identity import identity_after

_MESSAGES_CARRIED = 16


def carry(own: Mapping[str, Any], other: Mapping[str, Any], *, medium: Medium, turn_seq: int) -> TurnInput:
    """Give what the newer conversation `other` changes in `own`, as input of the turn that goes on from it.

    Proposal and promise are those of the newer one; but one that went on beside this one, and does not know what was
    said here, has nothing to say against what was agreed here. An identity confirmed in a call holds in writing; one
    confirmed elsewhere is only expected on the phone, where anybody may have picked up: they must still say who they
    are. Nor does a yes on the phone accept an offer made in writing: "sim, sou eu" is none. It is read back there.
    """
    taken: TurnInput = {"messages": _messages(own, other)}
    has_heard = _has_heard(other, own)
    for key in ("proposal", "promise"):
        if key in other and not _is_same(other[key], own.get(key)) and (other[key] is not None or has_heard):
            taken[key] = cast(Agreement | None, other[key])
    if proposal := taken.get("proposal"):
        offered_in = turn_seq if medium is Medium.VOICE else 0
        taken["proposal"] = {**proposal, "proposed_in_turn": offered_in}
    evidence: list[Evidence] = [*own.get("evidence", ()), *other.get("evidence", ())]
    if evidence:
        taken["evidence"] = bounded(evidence)
    facts = {**own.get("facts", {}), **other.get("facts", {})}
    if facts:
        taken["facts"] = facts
    if other.get("agent"):
        taken["agent"] = other["agent"]
    identity = _identity(own.get("identity"), other.get("identity"), is_call=medium is Medium.VOICE)
    if identity is not None:
        taken["identity"] = identity
    return taken


def _is_same(one: Agreement | None, another: Agreement | None) -> bool:
    """Compare what was agreed, not in whose turn: an offer made here that only came by there is still ours."""
    return (one and {**one, "proposed_in_turn": 0}) == (another and {**another, "proposed_in_turn": 0})


def _has_heard(other: Mapping[str, Any], own: Mapping[str, Any]) -> bool:
    """Tell whether `other` has taken up the last words said in `own`."""
    said = [message.id for message in own.get("messages", ()) if _is_words(message)]
    return not said or any(message.id == said[-1] for message in other.get("messages", ()))


def _is_words(message: BaseMessage) -> bool:
    """Tell what was said from tool calls and their results."""
    is_spoken = isinstance(message, HumanMessage) or (isinstance(message, AIMessage) and not message.tool_calls)
    return is_spoken and bool(str(message.text).strip())


def _identity(own: Identity | None, other: Identity | None, *, is_call: bool) -> Identity | None:
    if other is None or (own is not None and own["status"] in ("confirmada", "bloqueada")):
        return None
    if not is_call:
        return other if other["status"] != "pendente" or "tries" in other else None
    if other["status"] == "confirmada":
        expected: Identity = {"status": "pendente", "expected_document": other["document"]}
        return expected | {"expected_name": other["customer_name"]} if "customer_name" in other else None
    return None if other["status"] == "pendente" and "expected_document" not in other else other


def _messages(own: Mapping[str, Any], other: Mapping[str, Any]) -> list[AnyMessage]:
    """Give what was said there and is not known here, oldest first; tool calls and their results stay there.

    Documents are masked, and the words are marked as said elsewhere: what a customer gave there would let whoever is
    here now pass for its holder.
    """
    known = {message.id for message in own.get("messages", ())}
    said: list[AnyMessage] = [
        message.model_copy(
            update={
                "content": mask_text(str(message.text)),
                "additional_kwargs": {**message.additional_kwargs, CARRIED: True},
            }
        )
        for message in other.get("messages", ())
        if message.id not in known and _is_words(message)
    ]  # fmt: skip
    return said[-_MESSAGES_CARRIED:]


def recognise(identity: Identity, heard: Heard, messages: Sequence[BaseMessage]) -> Identity:
    """Confirm who was expected on the phone, once the person has said yes to their name (spec 1.3).

    A confirmed identity is set back once somebody else has taken the phone over.
    """
    identity = identity_after(identity, heard.customer_texts, asked=heard.asked)
    name = identity.get("expected_name")
    if identity["status"] != "pendente" or name is None or "expected_document" not in identity:
        return identity
    asked = next((str(message.text) for message in reversed(messages) if isinstance(message, AIMessage)), "")
    if heard.is_wrong_person or not has_confirmed_name(asked, heard.words, name=name, is_yes=heard.is_yes):
        return identity
    return {"status": "confirmada", "document": identity["expected_document"], "customer_name": name}
