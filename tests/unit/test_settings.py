"""Settings: flags override the environment, `.env` and the defaults, in this order; errors name the variable."""

import os
from pathlib import Path

import pytest

from talkmeter.errors import Misconfigured
from talkmeter.setting_values import PREFIX
from talkmeter.settings import SETTINGS, Settings, load_settings


@pytest.fixture(autouse=True)
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Work in an empty folder, with an environment without settings."""
    for name in [name for name in os.environ if name.startswith(PREFIX)]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_defaults_are_those_of_the_documentation() -> None:
    assert load_settings() == Settings(
        database_url="sqlite:///talkmeter.db",
        database_wait_sec=60,
        host="127.0.0.1",
        port=8000,
        workers=1,
        connections=10_000,
        head_timeout_sec=30,
        public_url="",
        history_days=None,
        retention_days=None,
        log_level="info",
        metrics_open=False,
        metrics_token="",
        known_organizations_only=False,
        max_body_bytes=16 * 1024 * 1024,
        max_events=10_000,
        body_timeout_sec=30,
        queue_bytes=64 * 1024 * 1024,
        queue_events=40_000,
        write_lanes=4,
        commit_timeout_sec=30,
        reader_threads=4,
        query_timeout_sec=30,
        answer_bytes=16 * 1024 * 1024,
        stale_hours=24,
        export_bytes=2 * 1024 * 1024 * 1024,
        secret_key="",
        outgoing_origins="",
        outgoing_ports="443",
        smtp_url="",
        email_from="",
        email_domains="",
        plans_url="",
        provider_name="Talkmeter",
        stripe_key="",
        stripe_key_file="",
        stripe_url="https://api.stripe.com",
        cors_origins="",
        session_days=7,
        session_idle_hours=12,
        jwt_issuer="",
        jwt_audience="",
        jwt_jwks_url="",
        jwt_organizations_claim="org_id",
        jwt_role_claim="role",
        jwt_scopes_claim="scope",
    )


def test_every_field_has_one_row_in_the_table_and_a_help_sentence() -> None:
    assert [setting.name for setting in SETTINGS] == list(Settings.__struct_fields__)
    assert all(setting.help.endswith(".") for setting in SETTINGS)


def test_variable_has_the_name_of_its_flag() -> None:
    assert [setting.variable for setting in SETTINGS if setting.name == "database_url"] == ["TALKMETER_DATABASE_URL"]


def test_flag_overrides_environment_overrides_file_overrides_default(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ports = [load_settings().port]
    (folder / ".env").write_text("TALKMETER_PORT=8001\n")
    ports.append(load_settings().port)
    monkeypatch.setenv("TALKMETER_PORT", "8002")
    ports.append(load_settings().port)
    ports.append(load_settings(port="8003").port)
    ports.append(load_settings(port=None).port)

    assert ports == [8000, 8001, 8002, 8003, 8002]


def test_settings_are_merged_from_all_sources(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / ".env").write_text("# a comment\nTALKMETER_HOST='0.0.0.0'\nOTHER=1\nTALKMETER_WORKERS\n")
    monkeypatch.setenv("TALKMETER_LOG_LEVEL", " warning ")

    settings = load_settings(port=9000)

    assert (settings.host, settings.log_level, settings.port, settings.workers) == ("0.0.0.0", "warning", 9000, 1)


@pytest.mark.parametrize(("text", "days"), [("", None), ("0", 0), ("30", 30), ("36500", 36_500)])
def test_history_is_kept_forever_for_some_days_or_not_at_all(text: str, days: int | None) -> None:
    assert load_settings(history_days=text).history_days == days


@pytest.mark.parametrize(
    ("text", "value"),
    [("true", True), ("TRUE", True), ("1", True), ("yes", True), ("false", False), ("No", False), ("0", False)],
)
def test_switch_is_true_or_false(text: str, value: bool) -> None:
    assert load_settings(metrics_open=text).metrics_open is value


NUMBERS = [
    (row.name, row.minimum, row.maximum) for row in SETTINGS if row.minimum is not None and row.maximum is not None
]


@pytest.mark.parametrize(("name", "minimum", "maximum"), NUMBERS)
def test_number_must_be_between_its_minimum_and_maximum(name: str, minimum: int, maximum: int) -> None:
    assert [getattr(load_settings(**{name: number}), name) for number in (minimum, maximum)] == [minimum, maximum]
    for outside in (minimum - 1, maximum + 1):
        with pytest.raises(Misconfigured, match=rf"^TALKMETER_{name.upper()} must be .*, not '{outside}'\.$"):
            load_settings(**{name: outside})


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("port", "0", "TALKMETER_PORT must be a whole number from 1 to 65535, not '0'."),
        ("port", "http", "TALKMETER_PORT must be a whole number from 1 to 65535, not 'http'."),
        ("port", "", "TALKMETER_PORT must be a whole number from 1 to 65535, not ''."),
        ("port", "80.5", "TALKMETER_PORT must be a whole number from 1 to 65535, not '80.5'."),
        ("workers", "65", "TALKMETER_WORKERS must be a whole number from 1 to 64, not '65'."),
        ("history_days", "-1", "TALKMETER_HISTORY_DAYS must be a whole number from 0 to 36500, not '-1'."),
        ("history_days", "ever", "TALKMETER_HISTORY_DAYS must be a whole number from 0 to 36500, not 'ever'."),
        ("stale_hours", "0", "TALKMETER_STALE_HOURS must be a whole number from 1 to 8760, not '0'."),
        ("stale_hours", "1.5", "TALKMETER_STALE_HOURS must be a whole number from 1 to 8760, not '1.5'."),
        ("stale_hours", "", "TALKMETER_STALE_HOURS must be a whole number from 1 to 8760, not ''."),
        ("export_bytes", "2G", f"TALKMETER_EXPORT_BYTES must be a whole number from 1024 to {2**50}, not '2G'."),
        ("log_level", "loud", "TALKMETER_LOG_LEVEL must be one of debug, info, warning, error, not 'loud'."),
        ("log_level", "", "TALKMETER_LOG_LEVEL must be one of debug, info, warning, error, not ''."),
        ("metrics_open", "maybe", "TALKMETER_METRICS_OPEN must be true or false, not 'maybe'."),
        ("metrics_open", "", "TALKMETER_METRICS_OPEN must be true or false, not ''."),
        ("metrics_token", "short", "TALKMETER_METRICS_TOKEN must have at least 16 printable ASCII characters."),
    ],
)
def test_error_of_an_invalid_value_names_the_variable_and_the_allowed_values(
    monkeypatch: pytest.MonkeyPatch, name: str, text: str, message: str
) -> None:
    with pytest.raises(Misconfigured) as flag_error:
        load_settings(**{name: text})
    monkeypatch.setenv(PREFIX + name.upper(), text)
    with pytest.raises(Misconfigured) as environment_error:
        load_settings()

    assert flag_error.value.detail == environment_error.value.detail == message


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("TALKMETER_WORKER", "the nearest one is TALKMETER_WORKERS."),
        ("TALKMETER_DATABASE", "the nearest one is TALKMETER_DATABASE_URL."),
        ("talkmeter_port", "the nearest one is TALKMETER_PORT."),
        ("TALKMETER_QZX", "'talkmeter serve --help' lists all settings."),
    ],
)
def test_unknown_setting_is_refused_with_the_nearest_name(
    folder: Path, monkeypatch: pytest.MonkeyPatch, name: str, hint: str
) -> None:
    (folder / ".env").write_text(f"{name}=secret\n")
    with pytest.raises(Misconfigured) as file_error:
        load_settings()
    (folder / ".env").unlink()
    monkeypatch.setenv(name, "secret")
    with pytest.raises(Misconfigured) as environment_error:
        load_settings()

    assert file_error.value.detail == f"Unknown setting {name} in the file .env: {hint}"
    assert environment_error.value.detail == f"Unknown setting {name} in the environment: {hint}"


def test_variables_of_the_client_and_of_reconcile_are_not_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("TALKMETER_URL", "TALKMETER_KEY", "TALKMETER_TWILIO_URL"):
        monkeypatch.setenv(name, "http://127.0.0.1:8000")

    assert load_settings().port == 8000
