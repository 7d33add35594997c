"""Read the process's settings from the environment and `.env`; nobody else looks there."""

import base64
import binascii
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr, ValidationError, ValidationInfo, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from wiring.instance import write_private

_MAX_VALUE_CHARS = 16_384
_KEY_BYTES = 32
_HINTS: Mapping[str, str] = {
    "DATABASE_URL": "give postgresql://user:password@host:5432/name, or leave it empty for the embedded PostgreSQL",
    "REDIS_URL": "give redis://:password@host:6379/0, or leave it empty for the embedded Redis",
    "ENCRYPTION_KEYS": "give keyid:base64 of 32 bytes, e.g. k1:$(openssl rand -base64 32); commas between several",
    "LOG_LEVEL": "give DEBUG, INFO, WARNING or ERROR",
}


class SettingsError(ValueError):
    """Name each variable that is wrong and say what to write there; never repeat its value."""

    def __init__(self, problems: Mapping[str, str]) -> None:
        self.problems = dict(problems)
        lines = [f"{name}: {text}" for name, text in self.problems.items()]
        super().__init__("Settings are wrong (environment or .env):\n  " + "\n  ".join(lines))


@dataclass(frozen=True, slots=True)
class EncryptionKey:
    """One AES-256 key and the id that rows keep beside what it encrypted."""

    key_id: str
    secret: SecretStr

    @property
    def raw(self) -> bytes:
        """Give the 32 bytes."""
        return base64.b64decode(self.secret.get_secret_value())


def _check_url(value: str, *schemes: str) -> str:
    parts = urlsplit(value)
    if any(character.isspace() or ord(character) < 32 for character in value):
        raise ValueError("must not contain spaces or line breaks")
    if parts.scheme not in schemes or not (parts.netloc or parts.query or parts.path.strip("/")):
        raise ValueError(f"must be a URL that starts with {' or '.join(f'{scheme}://' for scheme in schemes)}")
    _ = parts.port  # raises ValueError when it is out of range
    return value


def _check_http_url(value: str) -> str:
    if not urlsplit(_check_url(value, "http", "https")).hostname:
        raise ValueError("must name a host, such as https://example.com")
    return value.rstrip("/")


def _check_socket_url(value: str) -> str:
    if not urlsplit(_check_url(value, "ws", "wss")).hostname:
        raise ValueError("must name a host, such as wss://example.com")
    return value.rstrip("/")


HttpUrl = Annotated[str, AfterValidator(_check_http_url)]
SocketUrl = Annotated[str, AfterValidator(_check_socket_url)]
Port = Annotated[int, Field(ge=1, le=65535)]
Seconds = Annotated[float, Field(gt=0, le=3600, allow_inf_nan=False)]


class Settings(BaseSettings):
    """All settings, frozen. An empty variable counts as one that is not set."""

    model_config = SettingsConfigDict(
        env_file=".env",
        env_file_encoding="utf-8",
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
        hide_input_in_errors=True,
    )

    # Where the data is
    database_url: SecretStr | None = None
    redis_url: SecretStr | None = None
    data_dir: Path = Path(".data")
    seed_demo: bool = True
    db_pool_max: Annotated[int, Field(ge=1, le=1000)] = 10

    # Where the service listens and how others reach it
    public_base_url: HttpUrl = "http://127.0.0.1:8000"
    api_host: str = "127.0.0.1"
    api_port: Port = 8000
    pages_host: str = "127.0.0.1"
    pages_port: Port = 8080
    pages_storage_secret: SecretStr | None = None
    webhook_max_bytes: Annotated[int, Field(ge=1024, le=100 * 1024 * 1024)] = 1024 * 1024
    import_max_bytes: Annotated[int, Field(ge=1024, le=1024 * 1024 * 1024)] = 50 * 1024 * 1024

    # Secrets at rest
    encryption_keys: SecretStr | None = None

    # Models
    openai_api_key: SecretStr | None = None
    openai_base_url: HttpUrl | None = None
    openai_model: str = "gpt-5-mini"
    openai_embedding_model: str = "text-embedding-3-small"
    openai_realtime_url: SocketUrl = "wss://api.openai.com/v1/realtime"
    openai_realtime_model: str = "gpt-realtime"

    # Watching
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    log_format: Literal["auto", "json", "text"] = "auto"
    langsmith_api_key: SecretStr | None = None
    langsmith_project: str = "master-ia"
    otel_exporter_otlp_endpoint: HttpUrl | None = None

    # Other systems
    crm_api_url: HttpUrl | None = None
    crm_api_key: SecretStr | None = None
    meta_graph_url: HttpUrl = "https://graph.facebook.com"
    meta_api_version: Annotated[str, Field(pattern=r"^v\d{1,3}\.\d{1,2}$")] = "v26.0"
    twilio_api_url: HttpUrl = "https://api.twilio.com"
    retell_api_url: HttpUrl = "https://api.retellai.com"
    vapi_api_url: HttpUrl = "https://api.vapi.ai"
    twilio_trunking_url: HttpUrl = "https://trunking.twilio.com"

    # The turn runner
    runner_concurrency: Annotated[int, Field(ge=1, le=10_000)] = 300
    lease_seconds: Seconds = 20
    quiet_complete_seconds: Seconds = 1.5
    quiet_broken_seconds: Seconds = 6
    quiet_cap_seconds: Seconds = 10

    # Crash tests only: the instant at which this process kills itself
    failpoint: Annotated[str, Field(pattern=r"^[a-z.]{3,40}(:\d{1,4})?$")] | None = None

    @field_validator("*", mode="before")
    @classmethod
    def _refuse_hostile_text(cls, value: Any, info: ValidationInfo) -> Any:
        if isinstance(value, str):
            if not value.strip() and info.field_name:
                return cls.model_fields[info.field_name].default
            if len(value) > _MAX_VALUE_CHARS:
                raise ValueError(f"is longer than {_MAX_VALUE_CHARS} characters")
            if "\x00" in value:
                raise ValueError("must not contain a NUL character")
            value = value.strip()
        return value

    @field_validator("log_format", mode="before")
    @classmethod
    def _lower(cls, value: Any) -> Any:
        return value.lower() if isinstance(value, str) else value

    @field_validator("log_level", mode="before")
    @classmethod
    def _upper(cls, value: Any) -> Any:
        return value.upper() if isinstance(value, str) else value

    @field_validator("database_url")
    @classmethod
    def _check_database_url(cls, value: SecretStr | None) -> SecretStr | None:
        return _check_secret_url(value, "postgresql", "postgres")

    @field_validator("redis_url")
    @classmethod
    def _check_redis_url(cls, value: SecretStr | None) -> SecretStr | None:
        return _check_secret_url(value, "redis", "rediss", "unix")

    @field_validator("api_host", "pages_host")
    @classmethod
    def _check_host(cls, value: str) -> str:
        if not value or len(value) > 253 or any(not (c.isalnum() or c in ".-:%") for c in value):
            raise ValueError("must be a host name or an address to listen on, such as 127.0.0.1 or 0.0.0.0")
        return value

    @field_validator("encryption_keys")
    @classmethod
    def _check_keys(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            parse_encryption_keys(value.get_secret_value())
        return value

    @model_validator(mode="after")
    def _check_windows(self) -> Self:
        if not self.quiet_complete_seconds <= self.quiet_broken_seconds <= self.quiet_cap_seconds:
            raise ValueError("QUIET_COMPLETE_SECONDS <= QUIET_BROKEN_SECONDS <= QUIET_CAP_SECONDS must hold")
        if self.crm_api_url and self.crm_api_key is None:
            raise ValueError("CRM_API_KEY must be set when CRM_API_URL is")
        return self

    @property
    def is_embedded(self) -> bool:
        """Say whether at least one of the two servers is our own."""
        return self.database_url is None or self.redis_url is None

    def required_database_url(self) -> str:
        """Give the database's URL, or say which variable is missing."""
        return _required(self.database_url, "DATABASE_URL")

    def required_redis_url(self) -> str:
        """Give the URL of Redis, or say which variable is missing."""
        return _required(self.redis_url, "REDIS_URL")

    def encryption_key_ring(self) -> tuple[EncryptionKey, ...]:
        """Give the keys, the one that encrypts first. Raise SettingsError when there is none."""
        return parse_encryption_keys(_required(self.encryption_keys, "ENCRYPTION_KEYS"))

    def with_services(self, *, database_url: str | None, redis_url: str | None) -> "Settings":
        """Give the same settings with the addresses of servers that were started meanwhile."""
        changes: dict[str, Any] = {}
        if database_url:
            changes["database_url"] = SecretStr(database_url)
        if redis_url:
            changes["redis_url"] = SecretStr(redis_url)
        return self.model_copy(update=changes)

    def with_local_secrets(self) -> "Settings":
        """Fill in the secrets an embedded database needs, made once and kept in the data folder (mode 0600).

        With a database of the operator's own nothing is made up: a key that only one machine knows would lose data.
        """
        if self.database_url is not None:
            return self
        changes: dict[str, Any] = {}
        if self.encryption_keys is None:
            path = self.data_dir / "encryption.key"
            text = _kept_secret(path, lambda: f"local:{_random_key()}")
            try:
                parse_encryption_keys(text)
            except ValueError as error:
                raise SettingsError({"ENCRYPTION_KEYS": f"{path} is damaged ({error}); restore it"}) from None
            changes["encryption_keys"] = SecretStr(text)
        if self.pages_storage_secret is None:
            changes["pages_storage_secret"] = SecretStr(_kept_secret(self.data_dir / "pages.key", _random_key))
        return self.model_copy(update=changes)

    def child_environment(self) -> dict[str, str]:
        """Give the environment in which a child process reads these same settings."""
        environment = dict(os.environ)
        for name in type(self).model_fields:
            value = getattr(self, name)
            if value is None:
                environment.pop(name.upper(), None)
            elif isinstance(value, SecretStr):
                environment[name.upper()] = value.get_secret_value()
            else:
                environment[name.upper()] = str(value.resolve() if isinstance(value, Path) else value)
        return environment

    def export(self) -> None:
        """Put these settings into this process's own environment, for what reads them again from there."""
        os.environ.update(self.child_environment())


def _required(value: SecretStr | None, name: str) -> str:
    if value is None:
        raise SettingsError({name: f"is not set; {_HINTS[name]}"})
    return value.get_secret_value()


def _check_secret_url(value: SecretStr | None, *schemes: str) -> SecretStr | None:
    if value is not None:
        _check_url(value.get_secret_value(), *schemes)
    return value


def _random_key() -> str:
    return base64.b64encode(os.urandom(_KEY_BYTES)).decode()


def _kept_secret(path: Path, make: Callable[[], str]) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        write_private(path, make())
    return path.read_text("utf-8").strip()


def parse_encryption_keys(text: str) -> tuple[EncryptionKey, ...]:
    """Read `keyid:base64,keyid:base64`. Raise ValueError that says which key is wrong and never shows it."""
    keys: list[EncryptionKey] = []
    for position, part in enumerate(text.split(","), start=1):
        key_id, separator, encoded = part.strip().partition(":")
        if not separator or not key_id or len(key_id) > 40 or not all(c.isalnum() or c in "-_." for c in key_id):
            raise ValueError(f"key {position} must look like keyid:base64")
        try:
            raw = base64.b64decode(encoded, validate=True)
        except (binascii.Error, ValueError):
            raise ValueError(f"key {position} is not base64") from None
        if len(raw) != _KEY_BYTES:
            raise ValueError(f"key {position} has {len(raw)} bytes instead of {_KEY_BYTES}")
        if key_id in {key.key_id for key in keys}:
            raise ValueError(f"key {position} repeats the id of an earlier one")
        keys.append(EncryptionKey(key_id, SecretStr(encoded)))
    return tuple(keys)


def load_settings(*, env_file: Path | None = Path(".env"), **overrides: Any) -> Settings:
    """Read the settings, or raise SettingsError naming each wrong variable and what to do."""
    try:
        return Settings(_env_file=env_file, **overrides)  # type: ignore[call-arg]
    except ValidationError as error:
        raise SettingsError(_explain(error)) from None
    except UnicodeDecodeError:
        raise SettingsError({".env": "is not UTF-8 text"}) from None


def _explain(error: ValidationError) -> dict[str, str]:
    problems: dict[str, str] = {}
    for item in error.errors(include_input=False, include_url=False):
        name = str(item["loc"][0]).upper() if item["loc"] else "Settings"
        text = item["msg"].removeprefix("Value error, ")
        problems.setdefault(name, f"{text}; {_HINTS[name]}" if name in _HINTS else text)
    return problems
