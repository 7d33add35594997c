"""A campaign played against simulated debtors on a virtual clock: the demo, and the harness of the campaign tests."""
