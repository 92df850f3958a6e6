"""Structured logs: one JSON object per line on stderr, from this program and its libraries.

Log routes, counts and times; never secrets, phone numbers, queries or bodies.
"""

import logging.config
import sys
from typing import Any, Final

import structlog

_SHARED: Final[list[structlog.typing.Processor]] = [
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.format_exc_info,
]


def log_config(level: str) -> dict[str, Any]:
    """Return the `logging` configuration of a process; Granian's log lines get the same format."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "json": {
                "()": structlog.stdlib.ProcessorFormatter,
                "processors": [
                    structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                    structlog.processors.JSONRenderer(),
                ],
                "foreign_pre_chain": _SHARED,
            }
        },
        "handlers": {"stderr": {"class": "logging.StreamHandler", "stream": sys.stderr, "formatter": "json"}},
        "root": {"handlers": ["stderr"], "level": level.upper()},
        # httpcore logs the headers of requests and answers.
        "loggers": {name: {"level": "WARNING"} for name in ("_granian", "alembic", "httpcore")},
    }


def configure_logs(level: str) -> None:
    """Send every log line of this process to stderr as JSON."""
    logging.config.dictConfig(log_config(level))
    structlog.configure(
        processors=[*_SHARED, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        # Calls below the level return at once.
        wrapper_class=structlog.make_filtering_bound_logger(level),
        cache_logger_on_first_use=True,
    )
