"""The former name of the package `talkmeter_client`, for programs that import it from here."""

from talkmeter_client import *  # noqa: F403
from talkmeter_client import __all__ as __all__  # noqa: PLC0414  exports what the package exports
