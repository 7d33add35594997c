"""What tools answered to agents that speak elsewhere: each call of a tool is answered once (protocols 5.4)."""

from dataclasses import dataclass
from datetime import datetime
from typing import LiteralString
from uuid import UUID

from psycopg.rows import class_row

from store.conversations import COLUMNS as CONVERSATION_COLUMNS
from store.conversations import ConversationRow
from store.database import Connection

# Unlike the socket of a call, a tool waits for whoever has the conversation.
_CLAIM_FREE: LiteralString = f"""
    UPDATE conversations SET locked_by = %(runner)s, locked_until = %(locked_until)s, turn_seq = turn_seq + 1
    WHERE id = %(id)s AND (locked_until IS NULL OR locked_until <= %(now)s)
    RETURNING {CONVERSATION_COLUMNS}
"""
_EARLIER: LiteralString = """
    SELECT max(result) FILTER (WHERE tool_call_key = %(key)s) AS result,
        coalesce(max(utterances) FILTER (WHERE utterances < %(utterances)s), 0) AS answered,
        coalesce(max(utterances), 0) AS known,
        min(turn_seq) FILTER (WHERE utterances >= %(utterances)s) AS first_turn
    FROM hosted_tool_calls WHERE call_id = %(call_id)s
"""
_PUT: LiteralString = """
    INSERT INTO hosted_tool_calls (tenant_id, call_id, tool_call_key, result, turn_seq, utterances, created_at)
    VALUES (%(tenant_id)s, %(call_id)s, %(key)s, %(result)s, %(turn_seq)s, %(utterances)s, %(now)s)
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class EarlierCalls:
    """What the tools of a call did before: this one's result when it was called so already; how many utterances the
    last tools before the newest utterance knew, and the last of all; the first turn since the newest utterance."""

    result: str | None
    answered: int
    known: int
    first_turn: int | None


async def claim_free(
    connection: Connection, conversation_id: UUID, *, runner: str, now: datetime, locked_until: datetime
) -> ConversationRow | None:
    """Take a conversation for one turn, with a new fencing number; None while somebody has it."""
    parameters = {"id": conversation_id, "runner": runner, "now": now, "locked_until": locked_until}
    async with connection.cursor(row_factory=class_row(ConversationRow)) as cursor:
        await cursor.execute(_CLAIM_FREE, parameters)
        return await cursor.fetchone()


async def earlier(connection: Connection, call_id: UUID, *, key: str, utterances: int) -> EarlierCalls:
    """Read what was answered in this call before; `utterances` is how often the customer has spoken by now."""
    async with connection.cursor(row_factory=class_row(EarlierCalls)) as cursor:
        await cursor.execute(_EARLIER, {"call_id": call_id, "key": key, "utterances": utterances})
        row = await cursor.fetchone()
    return row or EarlierCalls(result=None, answered=0, known=0, first_turn=None)


async def put(
    connection: Connection, *, tenant_id: UUID, call_id: UUID, key: str, result: str, turn_seq: int, utterances: int,
    now: datetime,
) -> None:  # fmt: skip
    """Keep an answer for whoever asks again."""
    await connection.execute(
        _PUT,
        {
            "tenant_id": tenant_id, "call_id": call_id, "key": key, "result": result, "turn_seq": turn_seq,
            "utterances": utterances, "now": now,
        },
    )  # fmt: skip
