"""A fake identity provider: real keys, and a server that publishes them."""

import base64
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey

RSA_KEY = rsa.generate_private_key(65_537, 2_048)
OTHER_RSA_KEY = rsa.generate_private_key(65_537, 2_048)
WEAK_RSA_KEY = rsa.generate_private_key(65_537, 1_024)
EC_KEY = ec.generate_private_key(ec.SECP256R1())
ED_KEY = ed25519.Ed25519PrivateKey.generate()
SECRET = b"a symmetric key in the key set, as none is" * 2


def public_jwk(key: PrivateKey, kid: str, **more: str) -> dict[str, Any]:
    """Return a public key as the key set contains it."""
    return {**_public_numbers(key), "kid": kid, "use": "sig", **more}


def _public_numbers(key: PrivateKey) -> dict[str, Any]:
    match key:
        case rsa.RSAPrivateKey():
            return RSAAlgorithm.to_jwk(key.public_key(), as_dict=True)
        case ec.EllipticCurvePrivateKey():
            return ECAlgorithm.to_jwk(key.public_key(), as_dict=True)
        case ed25519.Ed25519PrivateKey():
            return OKPAlgorithm.to_jwk(key.public_key(), as_dict=True)


def base64url(content: bytes) -> str:
    """Return base64url without padding, as in a JWT."""
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


SLOW_BYTE_SEC = 0.05
KEYS: list[dict[str, Any]] = [
    public_jwk(RSA_KEY, "rsa-1", alg="RS256"),
    public_jwk(RSA_KEY, "rsa-any"),
    public_jwk(EC_KEY, "ec-1", alg="ES256"),
    public_jwk(ED_KEY, "ed-1"),
    public_jwk(WEAK_RSA_KEY, "weak"),
    public_jwk(OTHER_RSA_KEY, "for-encryption", use="enc"),
    {"kty": "oct", "kid": "symmetric", "alg": "HS256", "k": base64url(SECRET)},
]


class JwksHandler(BaseHTTPRequestHandler):
    """Responds with the key set, and counts requests."""

    keys: ClassVar[list[dict[str, Any]]] = KEYS
    body: ClassVar[bytes | None] = None
    request_count: ClassVar[int] = 0
    received: ClassVar[threading.Semaphore] = threading.Semaphore(0)
    """Released once for each request."""
    answers: ClassVar[threading.Event] = threading.Event()
    """While it is not set, requests wait."""
    answers.set()

    def do_GET(self) -> None:
        type(self).request_count += 1
        self.received.release()
        self.answers.wait()
        body = self.body if self.body is not None else json.dumps({"keys": self.keys}).encode()
        self.send_response(302 if self.path == "/moved" else 200)
        if self.path == "/moved":
            self.send_header("Location", "/jwks.json")
        self.send_header("Content-Length", str(len(body)))
        if self.path == "/slow-head":
            self.flush_headers()
            self._trickle(b"X-Header: 1\r\n" * 100)
            return
        self.end_headers()
        if self.path == "/slow":
            self._trickle(body)
        else:
            # A client that has read enough closes the connection.
            with suppress(OSError):
                self.wfile.write(body)

    def _trickle(self, body: bytes) -> None:
        with suppress(OSError):
            for byte in body:
                self.wfile.write(bytes([byte]))
                time.sleep(SLOW_BYTE_SEC)

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002  the library's name
        """Log nothing."""


@contextmanager
def jwks_server() -> Iterator[str]:
    """Run a server of the keys; yield its URL."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), JwksHandler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
