"""What no agent may do, as pure functions over a talk: a second opinion that shares no rule with the product."""
