"""Which addresses a message may be sent to: those of the public Internet."""

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Final

_NOT_PUBLIC_4: Final = (
    IPv4Network("192.0.0.0/24"),  # IETF protocol assignments; is_global is true for some of them
    IPv4Network("192.88.99.0/24"),  # relays to 6to4
    IPv4Network("168.63.129.16/32"),  # the host of a virtual machine at Azure
)
_GLOBAL_UNICAST_6: Final = IPv6Network("2000::/3")
_NOT_PUBLIC_6: Final = (
    IPv6Network("2001::/23"),  # IETF protocol assignments, with Teredo: it contains an IPv4 address
    IPv6Network("2002::/16"),  # 6to4: it contains an IPv4 address
    IPv6Network("3fff::/20"),  # documentation
)


def is_public(address: str) -> bool:
    """Return whether an IP address is a unicast address of the public Internet.

    `is_global` alone also accepts multicast, reserved ranges, and IPv6 addresses that contain any IPv4 address.
    """
    try:
        parsed = ip_address(address)
    except ValueError:
        return False
    if isinstance(parsed, IPv6Address) and parsed.ipv4_mapped is not None:
        parsed = parsed.ipv4_mapped
    if not parsed.is_global or parsed.is_multicast or parsed.is_reserved:
        return False
    if isinstance(parsed, IPv4Address):
        return not any(parsed in network for network in _NOT_PUBLIC_4)
    return (
        parsed.scope_id is None
        and parsed in _GLOBAL_UNICAST_6
        and not any(parsed in network for network in _NOT_PUBLIC_6)
    )
