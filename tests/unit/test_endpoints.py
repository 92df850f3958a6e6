"""Which URLs a webhook may have, and which addresses it may be sent to."""

import pytest

from talkmeter.errors import Misconfigured, Unprocessable
from talkmeter.notify.addresses import is_public
from talkmeter.notify.endpoints import Endpoint, OutgoingRules, outgoing_rules, read_endpoint
from talkmeter.settings import load_settings

PUBLIC = (
    "1.1.1.1",
    "8.8.8.8",
    "172.15.255.255",
    "172.32.0.1",
    "192.0.1.1",
    "192.88.98.1",
    "223.255.255.254",
    "2001:4860:4860::8888",
    "2606:4700:4700::1111",
    "2a00:1450:4001::1",
    "2001:200::1",
    "::ffff:8.8.8.8",
)
NOT_PUBLIC = {
    "this network": "0.0.0.0",
    "a host of this network": "0.1.2.3",
    "private 10": "10.0.0.1",
    "shared by carriers": "100.64.0.1",
    "metadata of a cloud behind carriers": "100.100.100.200",
    "loopback": "127.0.0.1",
    "end of loopback": "127.255.255.254",
    "link-local metadata": "169.254.169.254",
    "host of Azure": "168.63.129.16",
    "private 172.16": "172.16.0.1",
    "end of private 172.16": "172.31.255.255",
    "protocol assignments": "192.0.0.1",
    "a protocol assignment that is global": "192.0.0.8",
    "port control anycast": "192.0.0.9",
    "documentation 1": "192.0.2.1",
    "relay to 6to4": "192.88.99.1",
    "private 192.168": "192.168.0.1",
    "benchmarks": "198.18.0.1",
    "documentation 2": "198.51.100.1",
    "documentation 3": "203.0.113.1",
    "multicast": "224.0.0.1",
    "multicast by source": "232.1.1.1",
    "end of multicast": "239.255.255.255",
    "reserved": "240.0.0.1",
    "broadcast": "255.255.255.255",
    "unspecified IPv6": "::",
    "loopback IPv6": "::1",
    "compatible with IPv4": "::127.0.0.1",
    "compatible with a public IPv4": "::8.8.8.8",
    "mapped loopback": "::ffff:127.0.0.1",
    "mapped loopback in hexadecimal": "::ffff:7f00:1",
    "mapped private": "::ffff:10.0.0.1",
    "mapped multicast": "::ffff:224.0.0.1",
    "translated IPv4": "::ffff:0:127.0.0.1",
    "NAT64 of loopback": "64:ff9b::7f00:1",
    "NAT64 of a public address": "64:ff9b::808:808",
    "local NAT64": "64:ff9b:1::1",
    "discard": "100::1",
    "Teredo": "2001::1",
    "Teredo of loopback": "2001:0:4136:e378:8000:63bf:80ff:fffe",
    "benchmarks IPv6": "2001:2::1",
    "ORCHID": "2001:10::1",
    "ORCHID 2": "2001:20::1",
    "end of protocol assignments": "2001:1ff:ffff::1",
    "documentation IPv6": "2001:db8::1",
    "6to4 of loopback": "2002:7f00:1::",
    "6to4 of a public address": "2002:808:808::1",
    "documentation IPv6 2": "3fff::1",
    "end of documentation IPv6 2": "3fff:fff:ffff::1",
    "not assigned": "4000::1",
    "segment routing": "5f00::1",
    "unique local": "fc00::1",
    "metadata in unique local": "fd00:ec2::254",
    "link-local IPv6": "fe80::1",
    "link-local with a zone": "fe80::1%eth0",
    "public with a zone": "2606:4700:4700::1111%eth0",
    "site-local": "fec0::1",
    "multicast IPv6": "ff02::1",
    "global multicast IPv6": "ff0e::1",
    "not an address": "example.com",
    "decimal": "2130706433",
    "short": "127.1",
    "octal": "0177.0.0.1",
    "nothing": "",
}
RULES = OutgoingRules(frozenset({443}), frozenset())


@pytest.mark.parametrize("address", PUBLIC)
def test_public_address_is_allowed(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize("address", NOT_PUBLIC.values(), ids=NOT_PUBLIC)
def test_address_that_is_not_public_is_refused(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize(
    ("url", "endpoint"),
    [
        ("https://example.com", Endpoint("https", "example.com", 443, "/", trusted=False)),
        ("https://Example.COM:443/a?b=c", Endpoint("https", "example.com", 443, "/a?b=c", trusted=False)),
        ("https://xn--bcher-kva.example/%20", Endpoint("https", "xn--bcher-kva.example", 443, "/%20", trusted=False)),
        ("https://8.8.8.8/x", Endpoint("https", "8.8.8.8", 443, "/x", trusted=False)),
        ("https://[2606:4700:4700::1111]/", Endpoint("https", "2606:4700:4700::1111", 443, "/", trusted=False)),
    ],
)
def test_url_is_read(url: str, endpoint: Endpoint) -> None:
    assert read_endpoint(url, RULES) == endpoint


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("", "must look like https://example.com/path"),
        ("example.com", "must look like https://example.com/path"),
        ("ftp://example.com", "must look like https://example.com/path"),
        ("file:///etc/passwd", "must look like https://example.com/path"),
        ("https://", "must look like https://example.com/path"),
        ("https:///path", "must look like https://example.com/path"),
        ("https://example.com:0/", "must look like https://example.com/path"),
        ("https://example.com:99999/", "must look like https://example.com/path"),
        ("https://exämple.com/", "must look like https://example.com/path"),
        ("https://example.com/a b", "must look like https://example.com/path"),
        ("https://example.com/a\r\nX: y", "must look like https://example.com/path"),
        ("https://example.com\\@127.0.0.1/", "must look like https://example.com/path"),
        ("https://example.com/" + "a" * 2_000, "must look like https://example.com/path"),
        ("https://user:password@example.com/", "must not contain a user or a password"),
        ("https://example.com@127.0.0.1/", "must not contain a user or a password"),
        ("https://example.com/#x", "must not contain a fragment"),
        ("https://example.com./", "has no valid host: 'example.com.'"),
        ("https://ex%61mple.com/", "has no valid host"),
        ("https://[fe80::1%25eth0]/", "(has no valid host|must not have a private address)"),
        ("http://example.com/", "must begin with https://"),
        ("https://example.com:8443/", "must be one of 443, not 8443"),
        ("https://127.0.0.1/", "must not have a private address"),
        ("https://[::1]/", "must not have a private address"),
        ("https://[::ffff:127.0.0.1]/", "must not have a private address"),
        ("https://169.254.169.254/latest/meta-data", "must not have a private address"),
    ],
)
def test_url_that_is_not_allowed_is_refused(url: str, sentence: str) -> None:
    with pytest.raises(Unprocessable, match=sentence):
        read_endpoint(url, RULES)


def test_listed_origin_may_be_private_and_plain_http() -> None:
    rules = OutgoingRules(frozenset({443}), frozenset({"http://127.0.0.1:9000", "https://[fd00::1]:8443"}))

    assert read_endpoint("http://127.0.0.1:9000/x", rules).trusted
    assert read_endpoint("https://[FD00::1]:8443/", rules).authority == "[fd00::1]:8443"
    for other in ("http://127.0.0.1:9001/", "https://127.0.0.1:9000/", "http://localhost:9000/"):
        with pytest.raises(Unprocessable):
            read_endpoint(other, rules)


def test_ports_and_origins_are_settings() -> None:
    settings = load_settings(
        outgoing_ports="443, 8443", outgoing_origins="HTTP://Hooks.Internal:80, http://[::1]:9000/"
    )
    rules = outgoing_rules(settings)

    assert rules == OutgoingRules(frozenset({443, 8443}), frozenset({"http://hooks.internal", "http://[::1]:9000"}))
    assert read_endpoint("https://example.com:8443/", rules).origin == "https://example.com:8443"
    assert read_endpoint("http://hooks.internal/x", rules).trusted


@pytest.mark.parametrize("ports", ["0", "65536", "https", "443-445"])
def test_invalid_port_is_named(ports: str) -> None:
    with pytest.raises(Misconfigured, match=r"^TALKMETER_OUTGOING_PORTS must be a whole number from 1 to 65535"):
        load_settings(outgoing_ports=ports)
