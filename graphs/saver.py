"""A PostgreSQL saver that reads the last *committed* checkpoint of a thread and says which one a run wrote."""

from dataclasses import dataclass
from typing import Any, cast

import structlog
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import (
    ChannelVersions,
    Checkpoint,
    CheckpointMetadata,
    CheckpointTuple,
    get_serializable_checkpoint_metadata,
)
from langgraph.checkpoint.postgres.aio import AsyncPostgresSaver

from store import checkpoints
from store.checkpoints import Blob, CheckpointRow
from store.database import ConnectionPool

logger = structlog.get_logger(__name__)

# Two underscores: the key stays out of the checkpoint's metadata.
RUN_KEY = "__committed_run"


@dataclass(kw_only=True, slots=True)
class CommittedRun:
    """One run: the checkpoint it starts from (None: from nothing) and, afterwards, the one it wrote."""

    starts_from: str | None
    written: str | None = None


class CommittedSaver(AsyncPostgresSaver):
    """Answers "the newest checkpoint" with the committed one, so what crashed and stale runs left is never read.

    Naming a checkpoint in the config does the same, but LangGraph then reads the thread's newest one as well, history
    and all; without a name it would start from whatever a stale run wrote.

    Turns read and write in one statement each, without the lock that makes all threads of a saver wait for each other
    and without its hops to worker threads. Whatever else is asked (Studio, tests) goes the library's own way, over the
    same rows.
    """

    def __init__(self, pool: ConnectionPool) -> None:
        super().__init__(pool)
        self._pool = pool

    async def aget_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        run = config["configurable"].get(RUN_KEY)
        if not isinstance(run, CommittedRun) or config["configurable"].get("checkpoint_id"):
            return await super().aget_tuple(config)
        if run.starts_from is None:
            return None
        thread_id = str(config["configurable"]["thread_id"])
        async with self._pool.connection() as connection:
            row = await checkpoints.read(connection, thread_id, run.starts_from)
        if row is None:
            # Nothing to fall back on that is known to be committed: the conversation goes on without its memory.
            logger.error("checkpoint.missing", thread_id=thread_id)
            return None
        return self._tuple(row)

    def _tuple(self, row: CheckpointRow) -> CheckpointTuple:
        values = {blob.channel: self.serde.loads_typed((blob.type, blob.data)) for blob in row.blobs}
        checkpoint = {**row.checkpoint, "channel_values": {**cast(Any, row.checkpoint["channel_values"]), **values}}
        return CheckpointTuple(
            config=_config(row.thread_id, row.checkpoint_id),
            checkpoint=cast(Checkpoint, checkpoint),
            metadata=cast(CheckpointMetadata, row.metadata),
            parent_config=_config(row.thread_id, row.parent_id) if row.parent_id else None,
            pending_writes=[],  # a run writes once, at its end
        )

    async def aput(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> RunnableConfig:
        run = config["configurable"].get(RUN_KEY)
        if not isinstance(run, CommittedRun):
            return await super().aput(config, checkpoint, metadata, new_versions)
        thread_id = str(config["configurable"]["thread_id"])
        # As the library stores them: plain values in the checkpoint's JSON, the others as a blob per version.
        values = checkpoint["channel_values"]
        plain = {name: value for name, value in values.items() if _is_plain(value)}
        row = CheckpointRow(
            thread_id=thread_id,
            checkpoint_id=checkpoint["id"],
            parent_id=run.starts_from,
            checkpoint={**checkpoint, "channel_values": plain},
            metadata=cast(dict[str, object], get_serializable_checkpoint_metadata(config, metadata)),
            blobs=[
                self._blob(name, str(version), values[name])
                for name, version in new_versions.items()
                if name in values and name not in plain
            ],
        )
        async with self._pool.connection() as connection:
            await checkpoints.write(connection, row)
        run.written = row.checkpoint_id
        return _config(thread_id, row.checkpoint_id)

    def _blob(self, channel: str, version: str, value: object) -> Blob:
        kind, data = self.serde.dumps_typed(value)
        return Blob(channel=channel, version=version, type=kind, data=data)


def _is_plain(value: object) -> bool:
    return value is None or isinstance(value, str | int | float | bool)


def _config(thread_id: str, checkpoint_id: str) -> RunnableConfig:
    return {"configurable": {"thread_id": thread_id, "checkpoint_ns": "", "checkpoint_id": checkpoint_id}}
