"""Crash on purpose, for the crash tests: kill -9 of this process at a named instant."""

import os
import signal

from domain.ports import Failpoint

NAMES = (
    "inbox.stored",  # the message is committed, the webhook not answered
    "turn.claimed",
    "turn.loaded",
    "turn.ran",  # the graph is done, nothing is committed
    "turn.committing",  # inside the transaction
    "turn.committed",  # the reply is in the outbox, not sent
    "send.sending",  # `sending` is committed, the provider not called
    "send.accepted",  # the provider took it, we have not written it down
    "send.recorded",
    "contact.claimed",  # the gate has committed a contact, the provider not called
    "contact.accepted",
    "contact.recorded",
    "import.storing",  # inside the transaction of a batch
    "import.stored",
)


def make_failpoint(armed: str | None) -> Failpoint:
    """Return the failpoint of this process. `armed` is a name, or `name:N` for the N-th time it is passed."""
    if armed is None:
        return lambda name: None
    wanted, _, count = armed.partition(":")
    if wanted not in NAMES or (count and not count.isdecimal()):
        raise ValueError(f"FAILPOINT must be one of {', '.join(NAMES)}, with :N for the N-th time")
    remaining = int(count or 1)

    def fail(name: str) -> None:
        nonlocal remaining
        if name != wanted:
            return
        remaining -= 1
        if remaining == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    return fail
