"""A PostgreSQL saver that reads the last *committed* checkpoint of a thread and says which one a run wrote."""

from dataclasses import dataclass

import structlog
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import ChannelVersions, Checkpoint, CheckpointMetadata, CheckpointTuple
from langgraph.checkpoint.postgres.aio import AsyncPostgresSaver

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
    """

    async def aget_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        run = config["configurable"].get(RUN_KEY)
        if not isinstance(run, CommittedRun) or config["configurable"].get("checkpoint_id"):
            return await super().aget_tuple(config)
        if run.starts_from is None:
            return None
        named: RunnableConfig = {
            **config,
            "configurable": {**config["configurable"], "checkpoint_id": run.starts_from},
        }
        found = await super().aget_tuple(named)
        if found is None:
            # Nothing to fall back on that is known to be committed: the conversation goes on without its memory.
            logger.error("checkpoint.missing", thread_id=config["configurable"]["thread_id"])
        return found

    async def aput(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> RunnableConfig:
        written = await super().aput(config, checkpoint, metadata, new_versions)
        run = config["configurable"].get(RUN_KEY)
        if isinstance(run, CommittedRun):
            run.written = checkpoint["id"]
        return written
