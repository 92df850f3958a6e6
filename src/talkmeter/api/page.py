"""The Usage page: the files of `page/`, read at startup and served from memory by exact path.

`index.html` gets a new nonce for every response and is never cached: a cached page would not match the nonce of its
policy. The names of assets contain a hash of their content, so they are cached forever. Litestar's static file router
serves whole folders without precompressed variants, so it is not used (docs/decisions/0025-library-or-own-code.md).
"""

import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Final, NamedTuple

from litestar import MediaType, Response, Router, get
from litestar.exceptions import NotFoundException
from litestar.response import Redirect

import talkmeter
from talkmeter.api.compression import best_coding
from talkmeter.api.problems import AnyRequest
from talkmeter.errors import Unavailable

PAGE_FOLDER: Final = Path(talkmeter.__file__).parent / "page"
USAGE_PATH: Final = "/organization/usage"
OPERATOR_PATH: Final = "/operator"
NONCE_PLACEHOLDER: Final = b"__TALKMETER_NONCE__"
POLICY: Final = (
    "default-src 'none'; script-src 'self' 'nonce-{nonce}'; style-src 'self' 'nonce-{nonce}'; img-src 'self' data:; "
    "font-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
_FOREVER: Final = "public, max-age=31536000, immutable"
_ENCODINGS: Final = {"br": ".br", "gzip": ".gz"}
"""Content codings and their file suffixes, preferred first."""

_MEDIA_TYPES: Final = {
    ".js": "text/javascript",
    ".css": "text/css",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".ico": "image/x-icon",
    ".woff2": "font/woff2",
    ".txt": "text/plain",
    ".webmanifest": "application/manifest+json",
}


class Asset(NamedTuple):
    """A file to serve, with its compressed variants by content coding."""

    media_type: str
    content: bytes
    compressed: Mapping[str, bytes]


class BuiltPage(NamedTuple):
    """The built page; `html` is None if it has not been built."""

    html: bytes | None
    assets: Mapping[str, Asset]
    """By URL path, such as `/assets/index-4f2a.js`."""


def load_page(folder: Path) -> BuiltPage:
    """Read the built page, without hidden files and without files of other types, such as source maps."""
    index = folder / "index.html"
    if not index.is_file():
        return BuiltPage(None, {})
    files = sorted([*folder.glob("*.*"), *folder.glob("assets/**/*.*")])
    assets = {
        f"/{file.relative_to(folder).as_posix()}": _load_asset(file)
        for file in files
        if file.suffix in _MEDIA_TYPES and not file.name.startswith(".") and file.is_file()
    }
    return BuiltPage(index.read_bytes(), assets)


def page_router(page: BuiltPage) -> Router:
    """Return the routes of the page; the OpenAPI description does not list them."""
    root_files = [path for path in page.assets if not path.startswith("/assets/")]

    @get("/", sync_to_thread=False)
    def get_root() -> Redirect:
        return Redirect(USAGE_PATH)

    @get(["/organization", "/organization/{rest:path}", OPERATOR_PATH], sync_to_thread=False)
    def get_page() -> Response[bytes]:
        if page.html is None:
            raise Unavailable("The page has not been built: run 'make install' in the sources, or install the wheel.")
        nonce = secrets.token_urlsafe(16)
        return Response(
            content=page.html.replace(NONCE_PLACEHOLDER, nonce.encode()),
            media_type=MediaType.HTML,
            headers={"Content-Security-Policy": POLICY.format(nonce=nonce), "Cache-Control": "no-store"},
        )

    @get(["/assets/{rest:path}", *root_files], sync_to_thread=False)
    def get_asset(request: AnyRequest) -> Response[bytes]:
        asset = page.assets.get(request.scope["path"])
        if asset is None:
            raise NotFoundException
        # The name of a file at the root, such as an icon, stays the same when its content changes.
        cache_control = "no-cache" if request.scope["path"] in root_files else _FOREVER
        return _asset_response(request, asset, cache_control)

    return Router(path="/", route_handlers=[get_root, get_page, get_asset], include_in_schema=False)


def _asset_response(request: AnyRequest, asset: Asset, cache_control: str) -> Response[bytes]:
    encoding = best_coding(request.headers.get("accept-encoding", ""), asset.compressed)
    headers = {"Cache-Control": cache_control, "Vary": "Accept-Encoding"}
    if encoding is None:
        return Response(content=asset.content, media_type=asset.media_type, headers=headers)
    content = asset.compressed[encoding]
    return Response(content=content, media_type=asset.media_type, headers={**headers, "Content-Encoding": encoding})


def _load_asset(file: Path) -> Asset:
    variants = {coding: file.with_name(file.name + suffix) for coding, suffix in _ENCODINGS.items()}
    compressed = {coding: variant.read_bytes() for coding, variant in variants.items() if variant.is_file()}
    return Asset(_MEDIA_TYPES[file.suffix], file.read_bytes(), compressed)
