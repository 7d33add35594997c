"""Scenarios put together from blocks: date expression × channel × spelling × invoice situation."""

from evals.composer.composing import SUITE, compose

__all__ = ["SUITE", "compose"]
