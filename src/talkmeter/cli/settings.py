"""`talkmeter settings`: every setting's effective value, and where it comes from."""

from typing import TYPE_CHECKING

import click

from talkmeter.settings import SETTINGS, find_settings, load_settings, require_no_password

if TYPE_CHECKING:
    from talkmeter.setting_values import Setting


def setting_options() -> list[click.Parameter]:
    """Return a flag for every setting that is not secret."""
    return [
        click.Option([setting.flag], help=f"{setting.help} [{setting.variable}; default: {setting.default or 'empty'}]")
        for setting in SETTINGS
        if not setting.secret
    ]


@click.command(params=setting_options())
def settings(**flags: str | None) -> None:
    """Print every setting's value and its source: flag, environment, .env or default. Secrets are hidden.

    The flags are those of `talkmeter serve`.
    """
    from talkmeter.cli.tables import print_list

    require_no_password("--database-url", flags["database_url"] or "")
    load_settings(**flags)
    found = find_settings(**flags)
    rows = [(row.variable, _shown(row, found[row.name].text), found[row.name].source) for row in SETTINGS]
    print_list(("setting", "value", "from"), rows)


def _shown(setting: "Setting", text: str) -> str:
    from talkmeter.db.engine import url_without_password

    if setting.name == "database_url":
        return url_without_password(text)
    return "(hidden)" if setting.secret and text else text
