"""What cannot be said aloud, a payment code above all, goes to the customer's text conversation (spec 1.10)."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID, uuid5

from channels.degrade import CAPABILITIES, render
from domain.messages import Part
from services.parts import part_kind, part_text, part_to_json
from store import messages, text_threads
from store.database import Connection
from store.messages import NewOutbound

SERVICE_WINDOW = timedelta(hours=24)  # free text goes only that long after the customer's last message (protocols 1)


async def text_thread(connection: Connection, contact_id: UUID, *, now: datetime) -> UUID | None:
    """Give the contact's open text conversation that takes free text now; None when there is none."""
    found = await text_threads.find(connection, contact_id, since=now - SERVICE_WINDOW)
    return found.conversation_id if found else None


async def send_by_message(
    connection: Connection, *, tenant_id: UUID, contact_id: UUID, parts: Sequence[Part], turn_seq: int, now: datetime,
    author: str = "agent",
) -> UUID | None:  # fmt: skip
    """Queue the parts in the contact's text conversation, each once per `turn_seq`; give that conversation.

    None, and nothing is queued, when no conversation takes free text now. Call it before any debtor is locked.
    """
    found = await text_threads.find(connection, contact_id, since=now - SERVICE_WINDOW)
    if found is None or not parts:
        return None
    rendered = render(parts, CAPABILITIES[found.provider])
    rows = [
        NewOutbound(
            id=uuid5(contact_id, f"{turn_seq}:{now.date()}:{place}:{part_text(part)}"), author=author,
            kind=part_kind(part), text=part_text(part), content=part_to_json(part),
        )
        for place, part in enumerate(rendered)
    ]  # fmt: skip
    known = await text_threads.known(connection, [row.id for row in rows])
    await messages.insert_outbound(
        connection, [row for row in rows if row.id not in known], tenant_id=tenant_id,
        conversation_id=found.conversation_id, channel_account_id=found.channel_account_id, now=now,
    )  # fmt: skip
    return found.conversation_id
