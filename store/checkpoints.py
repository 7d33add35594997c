"""LangGraph's own tables, as far as we touch them: forget old checkpoints, find what a conversation still needs."""

from typing import LiteralString

from store.database import Connection

KEPT_PER_THREAD = 20  # enough to look back in a trace; the conversation itself needs only the newest

# Checkpoint ids are time-ordered UUIDs, so the text order is the order of time. A blob belongs to every checkpoint
# that names its version; only versions that no kept checkpoint names are dropped.
_CROWDED: LiteralString = """
    SELECT thread_id FROM langgraph.checkpoints WHERE checkpoint_ns = ''
    GROUP BY thread_id HAVING count(*) > %(crowd)s LIMIT %(limit)s
"""
_FORGET: LiteralString = """
    WITH kept AS (
        (SELECT checkpoint_id, checkpoint FROM langgraph.checkpoints
         WHERE thread_id = %(thread_id)s AND checkpoint_ns = ''
         ORDER BY checkpoint_id DESC LIMIT %(keep)s)
        UNION ALL
        SELECT k.checkpoint_id, k.checkpoint FROM langgraph.checkpoints k
        JOIN public.conversations c ON c.id::text = k.thread_id AND c.checkpoint_id = k.checkpoint_id
        WHERE k.thread_id = %(thread_id)s AND k.checkpoint_ns = ''
    ), used AS (
        SELECT v.key AS channel, v.value AS version FROM kept, jsonb_each_text(kept.checkpoint -> 'channel_versions') v
    ), old_writes AS (
        DELETE FROM langgraph.checkpoint_writes WHERE thread_id = %(thread_id)s AND checkpoint_ns = ''
            AND checkpoint_id NOT IN (SELECT checkpoint_id FROM kept)
    ), old_blobs AS (
        DELETE FROM langgraph.checkpoint_blobs b WHERE thread_id = %(thread_id)s AND checkpoint_ns = ''
            AND NOT EXISTS (SELECT FROM used WHERE used.channel = b.channel AND used.version = b.version)
    )
    DELETE FROM langgraph.checkpoints WHERE thread_id = %(thread_id)s AND checkpoint_ns = ''
        AND checkpoint_id NOT IN (SELECT checkpoint_id FROM kept)
"""


async def prune(connection: Connection, *, limit: int, keep: int = KEPT_PER_THREAD) -> int:
    """Cut threads with more than twice `keep` checkpoints down to the newest `keep` and the one that the conversation
    goes on from (platform role); return how many threads."""
    cursor = await connection.execute(_CROWDED, {"crowd": 2 * keep, "limit": limit})
    threads = [row["thread_id"] for row in await cursor.fetchall()]
    for thread_id in threads:
        await connection.execute(_FORGET, {"thread_id": thread_id, "keep": keep})
    return len(threads)
