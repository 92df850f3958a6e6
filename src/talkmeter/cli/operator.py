"""The user at the command line, as the audit log names them."""

import os
import pwd

from talkmeter.db.audit import Actor


def operator() -> Actor:
    """Return the user of this process; with sudo, also the user that called it."""
    user_id = os.geteuid()
    try:
        user = pwd.getpwuid(user_id).pw_name
    except KeyError:
        user = f"user {user_id}"
    caller = os.environ.get("SUDO_USER", "")
    return Actor("operator", f"{user} (sudo by {caller[:100]})" if caller and caller != user else user)
