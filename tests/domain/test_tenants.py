"""Settings of a tenant: strict defaults, and odd values that fall back to them."""

import pytest

from domain.tenants import TenantSettings

# The name, its strict default, values that are taken, values that are not.
NUMBERS = [
    ("promise_horizon_days", 30, (1, 90), (0, 91)),
    ("payment_claim_hold_days", 3, (1, 15), (0, 16)),
    ("contact_cap_per_day", 1, (1, 3), (0, 4, -1)),
    ("contact_cap_per_week", 3, (1, 7), (0, 8)),
    ("live_conversation_hours", 24, (1, 168), (0, 169)),
    ("promise_broken_after_days", 7, (1, 30), (0, 31)),
    ("whatsapp_cost_cents", 40, (0, 10_000), (-1, 10_001)),
    ("sms_cost_cents", 12, (0, 10_000), (-1, 10_001)),
    ("voice_cost_cents", 60, (0, 10_000), (-1, 10_001)),
    ("usd_brl_cents", 550, (1, 10_000), (0, -1, 10_001)),
]
NO_NUMBERS: list[object] = [True, "2", 2.0, None, [2], {"value": 2}]


@pytest.mark.parametrize(("name", "default", "taken", "refused"), NUMBERS)
def test_numbers_outside_their_range_fall_back(
    name: str, default: int, taken: tuple[int, ...], refused: tuple[int, ...]
) -> None:
    assert getattr(TenantSettings(), name) == default
    assert getattr(TenantSettings.from_json({}), name) == default
    for value in taken:
        assert getattr(TenantSettings.from_json({name: value}), name) == value
    for odd in (*refused, *NO_NUMBERS):
        assert getattr(TenantSettings.from_json({name: odd}), name) == default


@pytest.mark.parametrize("odd", [1, "true", "sim", None, []])
def test_reminders_are_sent_only_when_the_tenant_says_so(odd: object) -> None:
    assert TenantSettings.from_json({"is_promise_reminder_enabled": True}).is_promise_reminder_enabled
    assert not TenantSettings.from_json({"is_promise_reminder_enabled": odd}).is_promise_reminder_enabled
    assert not TenantSettings.from_json({}).is_promise_reminder_enabled


def test_reminder_template_is_a_name_or_nothing() -> None:
    assert TenantSettings.from_json({"reminder_template": "lembrete_promessa"}).reminder_template == "lembrete_promessa"
    for odd in ("", None, 3, ["lembrete"]):
        assert TenantSettings.from_json({"reminder_template": odd}).reminder_template is None


def test_settings_read_from_nothing_are_the_defaults() -> None:
    assert TenantSettings.from_json({}) == TenantSettings()
    assert TenantSettings.from_json({"of_another_version": 1}) == TenantSettings()
