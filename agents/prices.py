"""What tokens cost, in USD per million, by model name. Providers change prices: check theirs before trusting sums."""

from dataclasses import dataclass
from decimal import Decimal

import structlog

from domain.turns import ModelUsage

logger = structlog.get_logger(__name__)

_MILLION = Decimal(1_000_000)


@dataclass(frozen=True, kw_only=True, slots=True)
class Price:
    """USD per million tokens, read and written."""

    input: Decimal
    output: Decimal


@dataclass(frozen=True, kw_only=True, slots=True)
class Cost:
    """What a call cost. `is_known` is False when the model is not in the table: then `usd` is 0 and says nothing."""

    usd: Decimal
    is_known: bool


_FREE = Price(input=Decimal(0), output=Decimal(0))
# As published in 2025; dated and fine-tuned names take the price of the longest name they begin with.
_PRICES: dict[str, Price] = {
    "gpt-5": Price(input=Decimal("1.25"), output=Decimal(10)),
    "gpt-5-mini": Price(input=Decimal("0.25"), output=Decimal(2)),
    "gpt-5-nano": Price(input=Decimal("0.05"), output=Decimal("0.40")),
    "gpt-4.1": Price(input=Decimal(2), output=Decimal(8)),
    "gpt-4.1-mini": Price(input=Decimal("0.40"), output=Decimal("1.60")),
    "gpt-4.1-nano": Price(input=Decimal("0.10"), output=Decimal("0.40")),
    "gpt-4o": Price(input=Decimal("2.50"), output=Decimal(10)),
    "gpt-4o-mini": Price(input=Decimal("0.15"), output=Decimal("0.60")),
    "o3": Price(input=Decimal(2), output=Decimal(8)),
    "o4-mini": Price(input=Decimal("1.10"), output=Decimal("4.40")),
    # What sound costs: nearly all tokens of a call are.
    "gpt-realtime": Price(input=Decimal(32), output=Decimal(64)),
    "gpt-realtime-mini": Price(input=Decimal(10), output=Decimal(20)),
    "text-embedding-3-small": Price(input=Decimal("0.02"), output=Decimal(0)),
    "text-embedding-3-large": Price(input=Decimal("0.13"), output=Decimal(0)),
}


def cost_of(usage: ModelUsage) -> Cost:
    """Price one call."""
    price = _FREE if usage.provider == "offline" else _price(usage.model)
    if price is None:
        return Cost(usd=Decimal(0), is_known=False)
    usd = (usage.input_tokens * price.input + usage.output_tokens * price.output) / _MILLION
    return Cost(usd=usd, is_known=True)


def cost_usd(usage: ModelUsage) -> Decimal:
    """Give the cost to record, 0 and a warning for a model without a price."""
    cost = cost_of(usage)
    if not cost.is_known:
        logger.warning("model.price_unknown", model=usage.model)
    return cost.usd


def _price(model: str) -> Price | None:
    if model in _PRICES:
        return _PRICES[model]
    # "gpt-5-mini-2025-08-07" is gpt-5-mini; "gpt-5.4" is no gpt-5.
    dated = [name for name in _PRICES if model.startswith(f"{name}-20") or model.startswith(f"ft:{name}-20")]
    return _PRICES[max(dated, key=len)] if dated else None
