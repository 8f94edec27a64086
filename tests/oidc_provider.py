"""An OpenID Connect provider that is a process of its own, keeps to the rules, and breaks one of them when told to.

It signs in whoever `POST /tell` has named, without a page, and checks what a provider must: the client's secret, the
redirect address, PKCE, and that a code is used once. `fault` names what is wrong in the next token. For what people see
the tests use `oidc-provider-mock`, which others have written.

Started as `python -m tests.oidc_provider PORT`; prints `ready` when it answers.
"""

from __future__ import annotations

import base64
import hmac
import json
import secrets
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlencode, urlsplit

from authlib.oauth2.rfc7636 import create_s256_code_challenge
from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey

CLIENT_ID, CLIENT_SECRET = "sammed:client", "a secret/with ü"
FAULTS = (
    "signature unsigned symmetric nonce no_nonce expired not_yet audience other_party issuer no_subject no_token code "
    "down_token userinfo_other answer_issuer new_key"
).split()
LOGOUT_FAULTS = (
    "signature unsigned symmetric audience issuer expired old future no_events other_event nonce nobody no_jti".split()
)
LOGOUT_EVENT = "http://schemas.openid.net/event/backchannel-logout"


class Provider:
    """What the provider knows. `told`: whom it signs in next, and what it does wrong."""

    def __init__(self, issuer: str) -> None:
        self.issuer = issuer
        self.key = RSAKey.generate_key(2048, {"kid": "first"}, auto_kid=False)
        self.told: dict[str, Any] = {}
        self.codes: dict[str, dict[str, Any]] = {}
        self.access: dict[str, dict[str, Any]] = {}

    def description(self) -> dict[str, Any]:
        return {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "userinfo_endpoint": f"{self.issuer}/userinfo",
            "jwks_uri": f"{self.issuer}/keys",
            "end_session_endpoint": f"{self.issuer}/bye",
            "backchannel_logout_supported": True,
            "backchannel_logout_session_supported": True,
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
        }

    def authorize(self, asked: dict[str, str]) -> str:
        """The address to go back to."""
        assert asked["client_id"] == CLIENT_ID and asked["code_challenge_method"] == "S256"
        back = {"state": asked["state"]}
        if "error" in self.told:
            back |= {"error": self.told["error"], "error_description": "<b>words of the provider</b>"}
        else:
            code = secrets.token_urlsafe(16)
            self.codes[code] = asked
            back |= {"code": code}
        if self.told.get("fault") == "answer_issuer":
            back |= {"iss": "https://elsewhere.example.org"}
        return f"{asked['redirect_uri']}?{urlencode(back)}"

    def token(self, form: dict[str, str], authorization: str) -> tuple[int, dict[str, Any]]:
        """The answer of the token endpoint: status and body."""
        fault = self.told.get("fault")
        if fault == "down_token":
            return 503, {}
        scheme, _, packed = authorization.partition(" ")
        pair = base64.b64decode(packed).decode().split(":") if scheme == "Basic" else ["", ""]
        if [unquote(part.replace("+", " ")) for part in pair] != [CLIENT_ID, CLIENT_SECRET]:
            return 401, {"error": "invalid_client"}
        asked = self.codes.pop(form["code"], None)
        kept = asked is not None and asked["redirect_uri"] == form["redirect_uri"]
        if not kept or create_s256_code_challenge(form["code_verifier"]) != asked["code_challenge"] or fault == "code":
            return 400, {"error": "invalid_grant", "error_description": "a secret of the provider"}
        access = secrets.token_urlsafe(16)
        self.access[access] = self.told
        answer = {"access_token": access, "token_type": "Bearer", "expires_in": 60}
        return 200, answer if fault == "no_token" else {**answer, "id_token": self.id_token(asked, fault)}

    def id_token(self, asked: dict[str, str], fault: str | None) -> str:
        now = int(time.time())
        claims = {"iss": self.issuer, "aud": CLIENT_ID, "iat": now, "exp": now + 60, "nonce": asked["nonce"]}
        claims |= {"sub": self.told["sub"], **self.told.get("claims", {})}
        wrong: dict[str, dict[str, Any]] = {
            "nonce": {"nonce": "of another sign-in"},
            "expired": {"iat": now - 7200, "exp": now - 3600},
            "not_yet": {"nbf": now + 3600},
            "audience": {"aud": "another client"},
            "other_party": {"aud": [CLIENT_ID, "another client"], "azp": "another client"},
            "issuer": {"iss": "https://elsewhere.example.org"},
        }
        claims |= wrong.get(fault or "", {})
        if fault in ("no_nonce", "no_subject"):
            del claims[{"no_nonce": "nonce", "no_subject": "sub"}[fault]]
        return self.signed(claims, fault)

    def logout_token(self, told: dict[str, Any]) -> str:
        """What tells a client that a session is over. `told`: `sub`, `sid` and the `fault`."""
        fault, now = told.pop("fault", None), int(time.time())
        claims: dict[str, Any] = {"iss": self.issuer, "aud": CLIENT_ID, "iat": now, "exp": now + 120}
        claims |= {"jti": secrets.token_hex(8), "events": {LOGOUT_EVENT: {}}, **told}
        wrong: dict[str, dict[str, Any]] = {
            "audience": {"aud": "another client"},
            "issuer": {"iss": "https://elsewhere.example.org"},
            "expired": {"exp": now - 300},
            "old": {"iat": now - 3600},
            "future": {"iat": now + 3600},
            "other_event": {"events": {"urn:another": {}}},
            "nonce": {"nonce": "of a sign-in"},
        }
        claims |= wrong.get(fault or "", {})
        for name in {"no_events": ["events"], "nobody": ["sub", "sid"], "no_jti": ["jti"]}.get(fault or "", []):
            claims.pop(name, None)
        return self.signed(claims, fault, "logout+jwt")

    def signed(self, claims: dict[str, Any], fault: str | None, typ: str = "JWT") -> str:
        if fault in ("unsigned", "symmetric"):
            header = {"alg": "none"} if fault == "unsigned" else {"alg": "HS256", "kid": self.key.kid}
            signed = ".".join(_packed(json.dumps(part).encode()) for part in (header, claims))
            public = self.key.as_pem(private=False)  # what everybody may read
            mac = hmac.digest(public, signed.encode(), "sha256") if fault == "symmetric" else b""
            return f"{signed}.{_packed(mac)}"
        if fault == "new_key":
            self.key = RSAKey.generate_key(2048, {"kid": secrets.token_hex(4)}, auto_kid=False)
        key = RSAKey.generate_key(2048) if fault == "signature" else self.key
        return jwt.encode({"alg": "RS256", "kid": self.key.kid, "typ": typ}, claims, key)


def _packed(part: bytes) -> str:
    return base64.urlsafe_b64encode(part).rstrip(b"=").decode()


class Handler(BaseHTTPRequestHandler):
    provider: Provider

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        if parts.path == "/.well-known/openid-configuration":
            self._json(200, self.provider.description())
        elif parts.path == "/keys":
            self._json(200, KeySet([self.provider.key]).as_dict(private=False))
        elif parts.path == "/authorize":
            self.send_response(302)
            self.send_header("Location", self.provider.authorize(query))
            self.end_headers()
        elif parts.path == "/userinfo":
            told = self.provider.access[self.headers["Authorization"].removeprefix("Bearer ")]
            other = told.get("fault") == "userinfo_other"
            self._json(200, {"sub": "another" if other else told["sub"], **told.get("userinfo", {})})
        else:
            self._json(404, {})

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        if self.path == "/tell":
            self.provider.told = json.loads(body)
            self._json(200, {})
        elif self.path == "/announce":
            self._json(200, {"logout_token": self.provider.logout_token(json.loads(body))})
        else:
            form = {name: values[0] for name, values in parse_qs(body).items()}
            self._json(*self.provider.token(form, self.headers.get("Authorization", "")))

    def _json(self, status: int, value: dict[str, Any]) -> None:
        packed = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(packed)))
        self.end_headers()
        self.wfile.write(packed)

    def log_message(self, *words: object) -> None:
        """Say nothing."""


def main() -> None:
    port = int(sys.argv[1])
    Handler.provider = Provider(f"http://127.0.0.1:{port}")
    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    server.serve_forever()


if __name__ == "__main__":
    main()
