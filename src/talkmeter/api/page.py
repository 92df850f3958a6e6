"""The Usage page as files: what the build left in `page/`, read at start and served from memory by exact name.

`index.html` carries a new nonce with every answer and is never stored (a page from a cache would meet a policy with
another nonce). Assets have their content's hash in their name, so they may be kept for ever.
"""

import re
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Final, NamedTuple

from litestar import MediaType, Response, Router, get
from litestar.exceptions import NotFoundException
from litestar.handlers import HTTPRouteHandler
from litestar.params import PathParameter
from litestar.response import Redirect

import talkmeter
from talkmeter.api.problems import AnyRequest
from talkmeter.errors import Unavailable

PAGE_FOLDER: Final = Path(talkmeter.__file__).parent / "page"
USAGE_PATH: Final = "/organization/usage"
NONCE_PLACEHOLDER: Final = b"__TALKMETER_NONCE__"
POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'nonce-{nonce}'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
_FOR_EVER: Final = "public, max-age=31536000, immutable"
_ENCODINGS: Final = {"br": ".br", "gzip": ".gz"}
"""Content codings and the endings of their files, the best first."""

_TYPES: Final = {
    ".js": "text/javascript",
    ".css": "text/css",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".ico": "image/x-icon",
    ".woff2": "font/woff2",
    ".txt": "text/plain",
    ".webmanifest": "application/manifest+json",
}
_WEIGHT: Final = re.compile(r"q=(0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?)")


class Asset(NamedTuple):
    """A file as it is sent: its type, its bytes, and them compressed, by content coding."""

    media_type: str
    content: bytes
    compressed: Mapping[str, bytes]


class Page(NamedTuple):
    """What the build made; `html` is None where nothing was built."""

    html: bytes | None
    assets: Mapping[str, Asset]
    """By path, such as `/assets/index-4f2a.js`."""


def load_page(folder: Path) -> Page:
    """Read a built page. Hidden files, and files of types that a page has no use for, are left where they are."""
    index = folder / "index.html"
    if not index.is_file():
        return Page(None, {})
    files = sorted([*folder.glob("*.*"), *folder.glob("assets/**/*.*")])
    assets = {
        f"/{file.relative_to(folder).as_posix()}": _load_asset(file)
        for file in files
        if file.suffix in _TYPES and not file.name.startswith(".") and file.is_file()
    }
    return Page(index.read_bytes(), assets)


def page_router(page: Page) -> Router:
    """The page's addresses; they are not part of the API's description."""

    @get("/", sync_to_thread=False)
    def get_root() -> Redirect:
        return Redirect(USAGE_PATH)

    @get(["/organization", "/organization/{rest:path}"], sync_to_thread=False)
    def get_page() -> Response[bytes]:
        if page.html is None:
            raise Unavailable("The page has not been built: run 'make install' in the sources, or install the wheel.")
        nonce = secrets.token_urlsafe(16)
        return Response(
            content=page.html.replace(NONCE_PLACEHOLDER, nonce.encode()),
            media_type=MediaType.HTML,
            headers={"Content-Security-Policy": POLICY.format(nonce=nonce), "Cache-Control": "no-store"},
        )

    @get("/assets/{name:path}", sync_to_thread=False)
    def get_asset(request: AnyRequest, name: Annotated[str, PathParameter()]) -> Response[bytes]:
        asset = page.assets.get(f"/assets/{name.removeprefix('/')}")
        if asset is None:
            raise NotFoundException
        return _answer(request, asset, _FOR_EVER)

    at_root = [_at_root(path, asset) for path, asset in page.assets.items() if path.count("/") == 1]
    return Router(path="/", route_handlers=[get_root, get_page, get_asset, *at_root], include_in_schema=False)


def accepted_encoding(header: str, available: Mapping[str, bytes]) -> str | None:
    """The best content coding that a client accepts and that there is; None: none (RFC 9110, section 12.5.3)."""
    weights: dict[str, float] = {}
    for part in header.lower().split(","):
        coding, *parameters = (piece.strip() for piece in part.split(";"))
        weight = _WEIGHT.fullmatch(parameters[0]) if parameters else None
        if coding and (weight is not None or not parameters):
            weights[coding] = float(weight[1]) if weight else 1.0
    usable = {coding: weights.get(coding, weights.get("*", 0.0)) for coding in _ENCODINGS if coding in available}
    best = max(usable, key=lambda coding: usable[coding], default=None)
    return best if best is not None and usable[best] > 0 else None


def _at_root(path: str, asset: Asset) -> HTTPRouteHandler:
    """A file beside index.html, such as an icon, which keeps its name when its content changes."""

    @get(path, sync_to_thread=False)
    def get_file(request: AnyRequest) -> Response[bytes]:
        return _answer(request, asset, "no-cache")

    return get_file


def _answer(request: AnyRequest, asset: Asset, cache_control: str) -> Response[bytes]:
    encoding = accepted_encoding(request.headers.get("accept-encoding", ""), asset.compressed)
    headers = {"Cache-Control": cache_control, "Vary": "Accept-Encoding"}
    if encoding is None:
        return Response(content=asset.content, media_type=asset.media_type, headers=headers)
    content = asset.compressed[encoding]
    return Response(content=content, media_type=asset.media_type, headers={**headers, "Content-Encoding": encoding})


def _load_asset(file: Path) -> Asset:
    beside = {coding: file.with_name(file.name + ending) for coding, ending in _ENCODINGS.items()}
    compressed = {coding: other.read_bytes() for coding, other in beside.items() if other.is_file()}
    return Asset(_TYPES[file.suffix], file.read_bytes(), compressed)
