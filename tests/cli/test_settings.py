"""`talkmeter settings`: effective values, their sources, and no secrets."""

import pytest

from tests.cli.terminal import Terminal


def test_settings_prints_each_value_and_where_it_came_from(empty_folder: Terminal) -> None:
    (empty_folder.folder / ".env").write_text("TALKMETER_PORT=9001\nTALKMETER_WORKERS=2\nTALKMETER_LOG_LEVEL=debug\n")
    empty_folder.environment |= {"TALKMETER_PORT": "9002", "TALKMETER_LOG_LEVEL": "error"}

    lines = empty_folder.run("settings", "--port", "9003").splitlines()

    assert "TALKMETER_PORT\t9003\tflag" in lines
    assert "TALKMETER_LOG_LEVEL\terror\tenvironment" in lines
    assert "TALKMETER_WORKERS\t2\t.env" in lines
    assert "TALKMETER_HOST\t127.0.0.1\tdefault" in lines
    assert not empty_folder.database.exists()


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://usage:pa55word@db/usage", "postgresql://usage:***@db/usage"),
        ("postgresql://usage@db/usage?password=pa55word", "postgresql://usage@db/usage?password=hidden"),
        ("sqlite:///usage.db", "sqlite:///usage.db"),
    ],
)
def test_settings_hides_secrets(empty_folder: Terminal, url: str, shown: str) -> None:
    empty_folder.environment |= {"TALKMETER_DATABASE_URL": url, "TALKMETER_SECRET_KEY": "pa55word"}

    output = empty_folder.run("settings")

    assert f"TALKMETER_DATABASE_URL\t{shown}\tenvironment" in output
    assert "TALKMETER_SECRET_KEY\t(hidden)\tenvironment" in output
    assert "pa55word" not in output


def test_serve_refuses_an_unknown_setting(empty_folder: Terminal) -> None:
    empty_folder.environment["TALKMETER_WORKER"] = "2"

    assert empty_folder.error("serve") == (
        "Unknown setting TALKMETER_WORKER in the environment: the nearest one is TALKMETER_WORKERS."
    )
