"""LangGraph's own tables, as far as we touch them: a turn's read and write, and forgetting old checkpoints."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import LiteralString

from psycopg.types.json import Jsonb

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
# The same rows that LangGraph's saver reads and writes, in one statement each. Turns have no namespaces and no pending
# writes; a value is a blob of its version, and a version is never written twice.
_READ: LiteralString = """
    SELECT k.checkpoint, k.parent_checkpoint_id, k.metadata, blobs.*
    FROM langgraph.checkpoints k
    CROSS JOIN LATERAL (
        SELECT array_agg(b.channel) AS channels, array_agg(b.version) AS versions, array_agg(b.type) AS types,
               array_agg(b.blob) AS data
        FROM jsonb_each_text(k.checkpoint -> 'channel_versions') v
        JOIN langgraph.checkpoint_blobs b ON b.thread_id = k.thread_id AND b.checkpoint_ns = k.checkpoint_ns
            AND b.channel = v.key AND b.version = v.value AND b.type <> 'empty'
    ) blobs
    WHERE k.thread_id = %(thread_id)s AND k.checkpoint_ns = '' AND k.checkpoint_id = %(checkpoint_id)s
"""
_WRITE: LiteralString = """
    WITH written AS (
        INSERT INTO langgraph.checkpoint_blobs (thread_id, checkpoint_ns, channel, version, type, blob)
        SELECT %(thread_id)s, '', b.* FROM unnest(
            %(channels)s::text[], %(versions)s::text[], %(types)s::text[], %(data)b::bytea[]) b
        ON CONFLICT DO NOTHING
    )
    INSERT INTO langgraph.checkpoints
        (thread_id, checkpoint_ns, checkpoint_id, parent_checkpoint_id, checkpoint, metadata)
    VALUES (%(thread_id)s, '', %(checkpoint_id)s, %(parent_id)s, %(checkpoint)s, %(metadata)s)
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Blob:
    """One value of a checkpoint, as LangGraph serialised it."""

    channel: str
    version: str
    type: str
    data: bytes


@dataclass(frozen=True, kw_only=True, slots=True)
class CheckpointRow:
    """What a thread's state was at one time."""

    thread_id: str
    checkpoint_id: str
    parent_id: str | None
    checkpoint: Mapping[str, object]
    metadata: Mapping[str, object]
    blobs: Sequence[Blob]


async def read(connection: Connection, thread_id: str, checkpoint_id: str) -> CheckpointRow | None:
    """Read one checkpoint with all its values."""
    cursor = await connection.execute(_READ, {"thread_id": thread_id, "checkpoint_id": checkpoint_id}, binary=True)
    row = await cursor.fetchone()
    if row is None:
        return None
    columns = (row[name] or () for name in ("channels", "versions", "types", "data"))
    return CheckpointRow(
        thread_id=thread_id,
        checkpoint_id=checkpoint_id,
        parent_id=row["parent_checkpoint_id"],
        checkpoint=row["checkpoint"],
        metadata=row["metadata"],
        blobs=[
            Blob(channel=channel, version=version, type=kind, data=data)
            for channel, version, kind, data in zip(*columns, strict=True)
        ],
    )


async def write(connection: Connection, row: CheckpointRow) -> None:
    """Write a checkpoint with the values that are new in it."""
    await connection.execute(
        _WRITE,
        {
            "thread_id": row.thread_id, "checkpoint_id": row.checkpoint_id, "parent_id": row.parent_id,
            "checkpoint": Jsonb(row.checkpoint), "metadata": Jsonb(row.metadata),
            "channels": [blob.channel for blob in row.blobs], "versions": [blob.version for blob in row.blobs],
            "types": [blob.type for blob in row.blobs], "data": [blob.data for blob in row.blobs],
        },
    )  # fmt: skip


async def prune(connection: Connection, *, limit: int, keep: int = KEPT_PER_THREAD) -> int:
    """Cut threads with more than twice `keep` checkpoints down to the newest `keep` and the one that the conversation
    goes on from (platform role); return how many threads."""
    cursor = await connection.execute(_CROWDED, {"crowd": 2 * keep, "limit": limit})
    threads = [row["thread_id"] for row in await cursor.fetchall()]
    for thread_id in threads:
        await connection.execute(_FORGET, {"thread_id": thread_id, "keep": keep})
    return len(threads)
