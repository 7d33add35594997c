"""All policies in the order in which reports list them."""

from collections.abc import Iterable
from typing import Final

from evals.events import Transcript
from evals.policies import claims, conduct, form, identity, injection, offers, promises, wishes
from evals.policies.facts import Facts
from evals.policies.policy import Break, Policy
from evals.scenario import Scenario

POLICIES: Final[tuple[Policy, ...]] = (
    *identity.POLICIES, *conduct.POLICIES, *promises.POLICIES, *offers.POLICIES, *claims.POLICIES, *wishes.POLICIES,
    *injection.POLICIES, *form.POLICIES,
)  # fmt: skip
POLICY_IDS: Final = frozenset(policy.id for policy in POLICIES)


def find_breaks(
    scenario: Scenario, transcript: Transcript, policies: Iterable[Policy] = POLICIES
) -> dict[str, list[Break]]:
    """Give the breaks of each policy in a talk, by its id; what a scenario skips is left out."""
    facts = Facts(scenario, transcript)
    skipped = {policy.id for policy in scenario.expect.skip_policies}
    return {policy.id: list(policy.find(facts)) for policy in policies if policy.id not in skipped}
