"""Settings: flags over environment over `.env` over defaults; each bad value is refused in a sentence."""

import os
from pathlib import Path

import pytest

from talkmeter.errors import Misconfigured
from talkmeter.settings import PREFIX, SETTINGS, Settings, load_settings


@pytest.fixture(autouse=True)
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """An empty working folder, and an environment without settings."""
    for name in [name for name in os.environ if name.startswith(PREFIX)]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_defaults_are_those_of_the_design() -> None:
    assert load_settings() == Settings(
        database_url="sqlite:///talkmeter.db",
        host="127.0.0.1",
        port=8000,
        workers=1,
        connections=10_000,
        head_timeout_sec=30,
        public_url="",
        history_days=None,
        log_level="info",
        metrics_open=False,
        max_body_bytes=16 * 1024 * 1024,
        max_events=10_000,
        body_timeout_sec=30,
        queue_bytes=64 * 1024 * 1024,
        queue_events=40_000,
        reader_threads=4,
        answer_bytes=16 * 1024 * 1024,
        stale_hours=24,
        export_bytes=2 * 1024 * 1024 * 1024,
        secret_key="",
        plans_url="",
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


def test_every_field_has_one_row_in_the_table_and_a_sentence_of_help() -> None:
    assert [setting.name for setting in SETTINGS] == list(Settings.__struct_fields__)
    assert all(setting.help.endswith(".") for setting in SETTINGS)


def test_a_variable_has_the_name_of_its_flag() -> None:
    assert [setting.variable for setting in SETTINGS if setting.name == "database_url"] == ["TALKMETER_DATABASE_URL"]


def test_a_flag_goes_before_the_environment_before_the_file_before_the_default(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = [load_settings().port]
    (folder / ".env").write_text("TALKMETER_PORT=8001\n")
    seen.append(load_settings().port)
    monkeypatch.setenv("TALKMETER_PORT", "8002")
    seen.append(load_settings().port)
    seen.append(load_settings(port="8003").port)
    seen.append(load_settings(port=None).port)

    assert seen == [8000, 8001, 8002, 8003, 8002]


def test_settings_are_mixed_from_all_places(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / ".env").write_text("# a comment\nTALKMETER_HOST='0.0.0.0'\nOTHER=1\nTALKMETER_WORKERS\n")
    monkeypatch.setenv("TALKMETER_LOG_LEVEL", " warning ")

    settings = load_settings(port=9000)

    assert (settings.host, settings.log_level, settings.port, settings.workers) == ("0.0.0.0", "warning", 9000, 1)


@pytest.mark.parametrize(("text", "days"), [("", None), ("0", 0), ("30", 30), ("36500", 36_500)])
def test_history_is_kept_for_ever_for_days_or_not_at_all(text: str, days: int | None) -> None:
    assert load_settings(history_days=text).history_days == days


@pytest.mark.parametrize(
    ("text", "value"),
    [("true", True), ("TRUE", True), ("1", True), ("yes", True), ("false", False), ("No", False), ("0", False)],
)
def test_a_switch_is_true_or_false(text: str, value: bool) -> None:
    assert load_settings(metrics_open=text).metrics_open is value


NUMBERS = [(one.name, one.least, one.most) for one in SETTINGS if one.least is not None and one.most is not None]


@pytest.mark.parametrize(("name", "least", "most"), NUMBERS)
def test_a_number_may_be_its_least_and_its_most_and_nothing_beyond(name: str, least: int, most: int) -> None:
    assert [getattr(load_settings(**{name: number}), name) for number in (least, most)] == [least, most]
    for beyond in (least - 1, most + 1):
        with pytest.raises(Misconfigured, match=rf"^TALKMETER_{name.upper()} must be .*, not '{beyond}'\.$"):
            load_settings(**{name: beyond})


@pytest.mark.parametrize(
    ("name", "text", "sentence"),
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
    ],
)
def test_a_bad_value_is_refused_with_its_name_and_what_is_allowed(
    monkeypatch: pytest.MonkeyPatch, name: str, text: str, sentence: str
) -> None:
    with pytest.raises(Misconfigured) as of_flag:
        load_settings(**{name: text})
    monkeypatch.setenv(PREFIX + name.upper(), text)
    with pytest.raises(Misconfigured) as of_environment:
        load_settings()

    assert of_flag.value.detail == of_environment.value.detail == sentence
