import base64
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wiring.settings import Settings, SettingsError, load_settings, parse_encryption_keys

KEY = base64.b64encode(b"k" * 32).decode()
OTHER_KEY = base64.b64encode(b"o" * 32).decode()
NAMES = {name.upper() for name in Settings.model_fields}
EXAMPLE = Path(__file__).parents[2] / ".env.example"


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)


def _load() -> Settings:
    return load_settings(env_file=None)


def test_defaults_need_nothing() -> None:
    settings = _load()

    assert settings.is_embedded
    assert (settings.api_port, settings.pages_port) == (8000, 8080)
    assert settings.meta_api_version == "v26.0"
    assert settings.webhook_max_bytes == 1_048_576


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="frozen"):
        _load().api_port = 1


@pytest.mark.parametrize("blank", ["", " ", "\t\n"])
def test_blank_counts_as_unset_for_every_variable(monkeypatch: pytest.MonkeyPatch, blank: str) -> None:
    for name in NAMES:
        monkeypatch.setenv(name, blank)

    assert _load() == Settings.model_construct()


def test_example_file_documents_every_variable_and_its_default() -> None:
    documented = dict(re.findall(r"^([A-Z_0-9]+)=(.*)$", EXAMPLE.read_text("utf-8"), re.MULTILINE))

    assert set(documented) == NAMES - {"FAILPOINT"}  # for crash tests only
    assert load_settings(env_file=EXAMPLE) == _load()


def test_env_file_is_read_and_the_environment_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / ".env"
    file.write_text("API_PORT=9000\nPAGES_PORT=9001\nSOMETHING_ELSE=x\n", "utf-8")
    monkeypatch.setenv("PAGES_PORT", "9002")

    settings = load_settings(env_file=file)

    assert (settings.api_port, settings.pages_port) == (9000, 9002)


def test_env_file_that_is_not_text_is_named(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_bytes(b"API_PORT=\xff\xfe\x00")

    with pytest.raises(SettingsError, match="UTF-8"):
        load_settings(env_file=file)


BAD = [
    ("DATABASE_URL", "mysql://x@y/z"),
    ("DATABASE_URL", "postgresql://"),
    ("DATABASE_URL", "postgresql://h:99999/x"),
    ("DATABASE_URL", "localhost:5432"),
    ("REDIS_URL", "http://127.0.0.1"),
    ("REDIS_URL", "redis://h:port"),
    ("API_PORT", "0"),
    ("API_PORT", "65536"),
    ("API_PORT", "eighty"),
    ("API_PORT", "8" * 5000),
    ("API_PORT", "-1"),
    ("API_HOST", "127.0.0.1; rm -rf /"),
    ("API_HOST", "a" * 300),
    ("PAGES_HOST", "<script>"),
    ("PUBLIC_BASE_URL", "javascript:alert(1)"),
    ("PUBLIC_BASE_URL", "https://"),
    ("PUBLIC_BASE_URL", "https://a b"),
    ("PUBLIC_BASE_URL", "https://a\nHost: b"),
    ("LOG_LEVEL", "LOUD"),
    ("ENCRYPTION_KEYS", "not a key"),
    ("ENCRYPTION_KEYS", f":{KEY}"),
    ("ENCRYPTION_KEYS", "k1:####"),
    ("ENCRYPTION_KEYS", "k1:" + base64.b64encode(b"short").decode()),
    ("ENCRYPTION_KEYS", f"k1:{KEY},k1:{OTHER_KEY}"),
    ("ENCRYPTION_KEYS", f"k1:{KEY},"),
    ("OPENAI_BASE_URL", "api.openai.com"),
    ("META_API_VERSION", "26"),
    ("META_API_VERSION", "v26.0/../../me"),
    ("RUNNER_CONCURRENCY", "0"),
    ("RUNNER_CONCURRENCY", "1e9"),
    ("DB_POOL_MAX", "1000000"),
    ("WEBHOOK_MAX_BYTES", "0"),
    ("QUIET_COMPLETE_SECONDS", "nan"),
    ("QUIET_BROKEN_SECONDS", "inf"),
    ("LEASE_SECONDS", "-5"),
    ("SEED_DEMO", "perhaps"),
    ("OPENAI_API_KEY", "x" * 100_000),
]


@pytest.mark.parametrize(("name", "value"), BAD)
def test_bad_value_is_refused_by_name_and_never_repeated(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)

    with pytest.raises(SettingsError) as caught:
        _load()

    assert set(caught.value.problems) == {name}
    if len(value) > 5 and not value.endswith("://"):
        assert value not in str(caught.value)
    assert len(str(caught.value)) < 1000


def test_all_bad_values_are_reported_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("API_PORT", "x")
    monkeypatch.setenv("REDIS_URL", "y")

    with pytest.raises(SettingsError) as caught:
        _load()

    assert set(caught.value.problems) == {"API_PORT", "REDIS_URL"}


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"QUIET_COMPLETE_SECONDS": "7"}, "QUIET_COMPLETE_SECONDS <= QUIET_BROKEN_SECONDS"),
        ({"CRM_API_URL": "https://crm.example.com"}, "CRM_API_KEY must be set"),
    ],
)
def test_values_that_do_not_fit_together_are_refused(
    monkeypatch: pytest.MonkeyPatch, values: dict[str, str], words: str
) -> None:
    for name, value in values.items():
        monkeypatch.setenv(name, value)

    with pytest.raises(SettingsError, match=words):
        _load()


def test_secrets_do_not_show_in_repr(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "DATABASE_URL": "postgresql://u:pw-canary@h/db",
        "REDIS_URL": "redis://:pw-canary@h",
        "OPENAI_API_KEY": "sk-canary",
        "ENCRYPTION_KEYS": f"k1:{KEY}",
        "PAGES_STORAGE_SECRET": "page-canary",
    }.items():
        monkeypatch.setenv(name, value)
    settings = _load()

    shown = repr(settings) + str(settings) + str(settings.model_dump())

    assert "canary" not in shown
    assert KEY not in shown
    assert KEY not in repr(settings.encryption_key_ring())


def test_first_key_encrypts_and_all_are_kept() -> None:
    keys = parse_encryption_keys(f"new:{KEY}, old:{OTHER_KEY}")

    assert [key.key_id for key in keys] == ["new", "old"]
    assert keys[0].raw == b"k" * 32


@given(st.text(max_size=200))
def test_any_text_is_either_keys_or_a_plain_refusal(text: str) -> None:
    try:
        keys = parse_encryption_keys(text)
    except ValueError:
        return
    assert all(len(key.raw) == 32 for key in keys)


def test_missing_url_and_keys_say_what_to_set() -> None:
    with pytest.raises(SettingsError, match="DATABASE_URL: is not set"):
        _load().required_database_url()
    with pytest.raises(SettingsError, match="ENCRYPTION_KEYS: is not set"):
        _load().encryption_key_ring()


def test_local_secrets_are_made_once_and_private(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATA_DIR", str(tmp_path / "data"))

    first, second = _load().with_local_secrets(), _load().with_local_secrets()

    assert first.encryption_key_ring() == second.encryption_key_ring()
    assert first.pages_storage_secret == second.pages_storage_secret
    for name in ("encryption.key", "pages.key"):
        assert oct((tmp_path / "data" / name).stat().st_mode & 0o777) == "0o600"


def test_local_secrets_are_not_made_up_for_an_external_database(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("DATABASE_URL", "postgresql://u@h/db")

    with pytest.raises(SettingsError, match="ENCRYPTION_KEYS"):
        _load().with_local_secrets().encryption_key_ring()
    assert not (tmp_path / "data").exists()


def test_damaged_key_file_is_named_and_not_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATA_DIR", str(tmp_path))
    (tmp_path / "encryption.key").write_text("garbage")

    with pytest.raises(SettingsError, match="damaged"):
        _load().with_local_secrets()
    assert (tmp_path / "encryption.key").read_text() == "garbage"


def test_child_reads_the_same_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATA_DIR", str(tmp_path))
    monkeypatch.setenv("OPENAI_API_KEY", "sk-1")
    monkeypatch.setenv("QUIET_CAP_SECONDS", "9.5")
    settings = (
        _load()
        .with_local_secrets()
        .with_services(database_url="postgresql://postgres@/postgres?host=%2Ftmp", redis_url="redis://:x@127.0.0.1:1/0")
    )
    for name, value in settings.child_environment().items():
        monkeypatch.setenv(name, value)

    assert _load() == settings
