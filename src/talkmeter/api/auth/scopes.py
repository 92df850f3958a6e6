"""The closed list of scopes, and the roles that bundle them (docs/reference/http-api.md lists both)."""

from typing import Final

BILLING_MANAGE: Final = "billing:manage"
CHILD_ORGANIZATIONS_MANAGE: Final = "child_organizations:manage"
EVENTS_WRITE: Final = "events:write"
OPERATOR_READ: Final = "operator:read"
PLANS_MANAGE: Final = "plans:manage"
OPERATOR_SCOPES: Final = (OPERATOR_READ, PLANS_MANAGE)
"""The scopes of operator keys. No role contains them and no organization can have them."""
OPERATOR_SESSION_SCOPES: Final = frozenset({OPERATOR_READ, BILLING_MANAGE})
"""The scopes of an operator's session, in every organization; it can only read."""

SCOPES: Final = (
    "agents:manage",
    "agents:read",
    BILLING_MANAGE,
    "campaigns:manage",
    "campaigns:read",
    CHILD_ORGANIZATIONS_MANAGE,
    "concurrency:manage",
    "concurrency:read",
    "conversations:dial",
    "conversations:manage",
    "conversations:read",
    "conversations:read_sensitive",
    "email_domains:manage",
    "email_domains:read",
    EVENTS_WRITE,
    "managed_accounts:manage",
    "members:manage",
    "members:read",
    "organizations:manage",
    "phone_numbers:manage",
    "phone_numbers:read",
    "resources:manage",
    "trunks:manage",
    "trunks:read",
    "web_widgets:manage",
    "web_widgets:read",
)

ROLES: Final[dict[str, tuple[str, ...]]] = {
    "admin": SCOPES,
    "viewer": tuple(scope for scope in SCOPES if scope.endswith(":read")),
}


def expand(role: str | None, scopes: tuple[str, ...]) -> frozenset[str]:
    """Return the concrete scopes of a role and a list of scopes; unknown roles and scopes are ignored."""
    return frozenset(ROLES.get(role or "", ())) | (frozenset(scopes) & frozenset(SCOPES))
