"""What an address says: text to parts, and which places are public.

It comes from a stranger's list or from a server's answer. What different programs read
differently is refused here: an address must mean to the one who checks it what it means
to the one who connects. Nothing here asks the network.
"""

import ipaddress
import re
import unicodedata
from typing import TypeAlias
from urllib.parse import SplitResult, quote, urljoin, urlsplit, urlunsplit

import idna

from intake.errors import Refused

MAX_URL = 2_000
PORTS = {"http": 80, "https": 443}
NOT_ALLOWED = "This link is not allowed"
UNREADABLE = "The link cannot be read"
_VISIBLE = bytes(range(0x21, 0x7F))
_JOINERS = {"\u200c", "\u200d"}
Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address

# What `is_global` of Python 3.11 lets through and no picture lives at.
_CLOSED_4 = [
    ipaddress.ip_network(n) for n in ("192.0.0.0/24", "192.88.99.0/24", "240.0.0.0/4")
] + [
    # Public by number; inside every machine of Azure it is the host's own services.
    ipaddress.ip_network("168.63.129.16/32")
]
_OPEN_6 = ipaddress.ip_network("2000::/3")
_CLOSED_6 = [
    ipaddress.ip_network(n) for n in ("2001::/23", "2001:db8::/32", "2002::/16")
] + [ipaddress.ip_network("3fff::/20")]


def is_public(address: Address) -> bool:
    """Whether an address belongs to the public internet.

    IPv6 is open only where hosts are given addresses (2000::/3), less the parts that
    wrap IPv4 addresses or serve documentation: 6to4, Teredo, NAT64 and IPv4-mapped
    addresses would else lead back inside.
    """
    if isinstance(address, ipaddress.IPv4Address):
        closed = any(address in network for network in _CLOSED_4)
        return address.is_global and not address.is_multicast and not closed
    if address not in _OPEN_6 or any(address in network for network in _CLOSED_6):
        return False
    return address.is_global


def split(url: str) -> SplitResult:
    """Take an address apart, refusing what different programs read differently.

    Raises:
        Refused: with the reason.
    """
    if len(url) > MAX_URL:
        raise Refused(f"The link is longer than {MAX_URL:,} characters")
    if "\\" in url or any(unicodedata.category(c)[0] in "CZ" for c in url):
        raise Refused("The link has characters that are not allowed")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as problem:
        raise Refused(UNREADABLE) from problem
    if parts.scheme not in PORTS:
        raise Refused("The link must start with http:// or https://")
    if not parts.hostname:
        raise Refused("The link has no website name")
    if parts.username is not None or parts.password is not None:
        raise Refused("The link must not contain a user name or password")
    if port == 0:
        raise Refused(NOT_ALLOWED)
    return parts


def _in_ascii(host: str) -> str:
    """A name as browsers ask for it: by Unicode's rules (UTS 46), where ß stays ß.

    Symbols, which a newer rule forbids, they take; invisible joiners they do not.
    """
    labels = idna.uts46_remap(host, std3_rules=False, transitional=False).split(".")
    written = [_label(label) for label in labels]
    if not all(1 <= len(label) <= 63 for label in written):
        raise UnicodeError("a part is empty or too long")
    return ".".join(written)


def _label(label: str) -> str:
    if label.isascii():
        return label
    if _JOINERS & set(label):
        return idna.alabel(label).decode()
    return f"xn--{label.encode('punycode').decode()}"


def host_name(parts: SplitResult) -> str:
    """The host in ASCII; disguised digits and odd spellings of numbers are refused."""
    host = (parts.hostname or "").rstrip(".")
    if unicodedata.normalize("NFKC", host) != host:
        raise Refused("The link has characters that are not allowed")
    try:
        host = host if ":" in host else _in_ascii(host)
    except (UnicodeError, idna.IDNAError) as problem:
        raise Refused("The link has no website name") from problem
    if re.fullmatch(r"(0x[0-9a-f]*|[0-9]+)", host.rsplit(".", 1)[-1], re.I):
        try:
            ipaddress.ip_address(host)
        except ValueError as problem:
            raise Refused(NOT_ALLOWED) from problem
    return host


def lead_on(url: str, location: str) -> str:
    """Where a redirect leads, its `Location` read as browsers read it.

    Many servers send a path as it is. It is UTF-8, or bytes of which nobody knows what
    they are, and goes back percent-encoded; the HTTP library took it for Latin-1.

    Raises:
        Refused: it cannot be read.
    """
    sent = location.encode("latin-1")
    try:
        text = sent.decode()
    except UnicodeDecodeError:
        text = quote(sent, safe=bytes(range(128)))
    try:
        parts = urlsplit(urljoin(url, text))
    except ValueError as problem:
        raise Refused(UNREADABLE) from problem
    path, query = (quote(part, safe=_VISIBLE) for part in (parts.path, parts.query))
    return urlunsplit(parts._replace(path=path, query=query, fragment=""))
