"""An OpenID Connect provider as a client sees it: where to send people, and who came back, proved by a signed token.

Discovery, the authorization code flow with PKCE, and the checks of the ID token. No accounts here: those are in
services.oidc. Codes, tokens and what the provider says about people are in no log and no error.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from threading import Lock
from typing import Any
from urllib.parse import urlencode

import httpx
import structlog
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import InvalidKeyIdError, JoseError
from joserfc.jwk import KeySet
from joserfc.jws import JWSRegistry

from backend.errors import Unauthenticated, Unavailable
from backend.settings import is_secure

log = structlog.get_logger(__name__)

TIMEOUT = httpx.Timeout(15.0, connect=5.0)
KNOWN_FOR_S = 3600.0
NEW_KEYS_S = 60.0
LEEWAY_S = 60
SCOPE = "openid email profile"
ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519"]
"""Signatures by a key of the provider. None that the client could make itself."""

Json = dict[str, Any]


class ProviderUnavailable(Unavailable):
    """The provider does not answer, or not as it should. Raised by services.oidc_provider and services.oidc."""

    code = "oidc_unavailable"
    title = "The sign-in service does not answer"


class SignInRefused(Unauthenticated):
    """The provider let nobody in. Raised by services.oidc_provider and services.oidc."""

    code = "oidc_refused"
    title = "The sign-in service refused"


class BadIdentity(Unauthenticated):
    """What came back proves nobody's identity. Raised by services.oidc_provider."""

    code = "oidc_bad_identity"
    title = "The identity could not be verified"


@dataclass(frozen=True, slots=True)
class Claims:
    """Who somebody is, as the provider signed it: the subject, and all that it says about them. `session`: what it
    calls their session there; `id_token`: what it signed."""

    issuer: str
    subject: str
    all: Mapping[str, Any]
    session: str | None
    id_token: str


class Provider:
    def __init__(
        self, issuer: str, client_id: str, client_secret: str | None, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Asks nothing yet. `clock`: seconds, by which what was discovered grows old."""
        self._issuer = issuer.rstrip("/")
        self._client_id = client_id
        self._client_secret = client_secret
        self._clock = clock
        self._lock = Lock()
        self._metadata: Json | None = None
        self._keys: KeySet | None = None
        self._asked_at = 0.0
        self._keys_at = 0.0

    def authorization_url(self, *, redirect_uri: str, state: str, nonce: str, verifier: str) -> str:
        """Where the browser goes to prove who its user is. Raises ProviderUnavailable."""
        query = {
            "response_type": "code",
            "client_id": self._client_id,
            "redirect_uri": redirect_uri,
            "scope": SCOPE,
            "state": state,
            "nonce": nonce,
            "code_challenge": create_s256_code_challenge(verifier),
            "code_challenge_method": "S256",
        }
        return _with_query(self._discovered()["authorization_endpoint"], query)

    def identify(self, code: str, *, came_from: str | None, redirect_uri: str, nonce: str, verifier: str) -> Claims:
        """Who brought this code. `came_from`: the issuer that the answer names (RFC 9207), if it does. Raises
        ProviderUnavailable, SignInRefused, BadIdentity."""
        metadata = self._discovered()
        must_name = metadata.get("authorization_response_iss_parameter_supported") is True
        if came_from != metadata["issuer"] and (came_from is not None or must_name):
            raise _bad("the answer came from another issuer")
        token = self._exchange(code, redirect_uri=redirect_uri, verifier=verifier)
        access_token = token.get("access_token")
        id_token = token.get("id_token")
        claims = self._verified(id_token, nonce=nonce, access_token=access_token)
        said = dict(claims)
        endpoint = metadata.get("userinfo_endpoint")
        if "email" not in said and endpoint and isinstance(access_token, str):
            said = self._user_info(endpoint, access_token, claims["sub"]) | said
        sid = claims.get("sid")
        named = sid if isinstance(sid, str) and 1 <= len(sid) <= 255 else None
        return Claims(metadata["issuer"], claims["sub"], said, named, str(id_token))

    def logout_url(self, back_to: str, id_token: str | None) -> str | None:
        """Where the browser goes to sign out of the provider, too; None where that is not offered or not known now.
        `id_token`: that began the session, so that nobody is asked whether it shall end."""
        try:
            endpoint = self._discovered().get("end_session_endpoint")
        except ProviderUnavailable:
            return None
        if not isinstance(endpoint, str) or not is_secure(endpoint):
            return None
        query = {"client_id": self._client_id, "post_logout_redirect_uri": back_to}
        return _with_query(endpoint, query | ({"id_token_hint": id_token} if id_token else {}))

    def announced(self, logout_token: str) -> Json:
        """The claims of a logout token: signed by the provider, for us, now. What they mean: services.oidc_logout.
        Raises ProviderUnavailable, BadIdentity."""
        rules = jwt.JWTClaimsRegistry(
            leeway=LEEWAY_S,
            iss={"essential": True, "value": self._discovered()["issuer"]},
            aud={"essential": True, "value": self._client_id},
            iat={"essential": True},
        )
        try:
            token = self._decoded(logout_token, keys_of_s=NEW_KEYS_S)
            rules.validate(token.claims)
        except (JoseError, ValueError, TypeError, KeyError) as error:
            raise _bad(type(error).__name__) from error
        return dict(token.claims)

    # -- inside -------------------------------------------------------------------------------------------------------
    def _discovered(self) -> Json:
        """The provider's description of itself, asked for once an hour."""
        with self._lock:
            if self._metadata is None or self._clock() - self._asked_at > KNOWN_FOR_S:
                found = _get_json(f"{self._issuer}/.well-known/openid-configuration")
                needed = ("authorization_endpoint", "token_endpoint", "jwks_uri")
                if not all(isinstance(found.get(name), str) and is_secure(found[name]) for name in needed):
                    raise _unavailable("its description lacks an encrypted address")
                if not isinstance(found.get("issuer"), str) or found["issuer"].rstrip("/") != self._issuer:
                    raise _unavailable("it calls itself by another address than SAMMED_OIDC_ISSUER")
                self._metadata, self._keys, self._asked_at = found, None, self._clock()
            return self._metadata

    def _signing_keys(self, *, again: bool = False) -> KeySet:
        uri = self._discovered()["jwks_uri"]
        with self._lock:
            if self._keys is None or again:
                try:
                    self._keys = KeySet.import_key_set(_get_json(uri))  # type: ignore[arg-type]
                except (JoseError, KeyError, TypeError, ValueError) as error:
                    raise _unavailable("its keys cannot be read") from error
                self._keys_at = self._clock()
            return self._keys

    def _exchange(self, code: str, *, redirect_uri: str, verifier: str) -> Json:
        """The token for a code."""
        metadata = self._discovered()
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": redirect_uri,
            "code_verifier": verifier,
        }
        auth: httpx.BasicAuth | None = None
        offered = metadata.get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
        if self._client_secret is None:
            form["client_id"] = self._client_id
        elif "client_secret_basic" in offered:
            auth = httpx.BasicAuth(_form_encoded(self._client_id), _form_encoded(self._client_secret))
        else:
            form |= {"client_id": self._client_id, "client_secret": self._client_secret}
        try:
            answer = httpx.post(metadata["token_endpoint"], data=form, auth=auth, timeout=TIMEOUT)
        except httpx.HTTPError as error:
            raise _unavailable(type(error).__name__) from error
        if 400 <= answer.status_code < 500:
            log.warning("the sign-in service refused a code", status=answer.status_code)
            raise SignInRefused(
                "The sign-in service did not confirm who you are.",
                hint="Sign in again. If it stays so, the client id or secret of this installation may be wrong.",
            )
        return _json_of(answer)

    def _verified(self, id_token: Any, *, nonce: str, access_token: Any) -> Json:
        """The claims of an ID token: signed by the provider, for us, now, and for this very sign-in."""
        if not isinstance(id_token, str):
            raise _bad("there is no ID token")
        try:
            token = self._decoded(id_token)
            claims = CodeIDToken(
                token.claims,
                token.header,
                {
                    "iss": {"essential": True, "value": self._discovered()["issuer"]},
                    "aud": {"essential": True, "value": self._client_id},
                    "nonce": {"essential": True, "value": nonce},
                },
                {"nonce": nonce, "client_id": self._client_id, "access_token": access_token},
            )
            claims.validate(leeway=LEEWAY_S)
        except (JoseError, ValueError, TypeError, KeyError) as error:
            raise _bad(type(error).__name__) from error
        subject = claims["sub"]
        if not isinstance(subject, str) or not 1 <= len(subject) <= 255:
            raise _bad("the subject is not a text of 1 to 255 characters")
        return dict(claims)

    def _decoded(self, signed: str, *, keys_of_s: float = 0.0) -> jwt.Token:
        """What one of the provider's keys has signed. `keys_of_s`: younger keys are not asked for again; anybody could
        have us ask. Raises JoseError, ValueError."""
        registry = JWSRegistry(algorithms=ALGORITHMS, strict_check_header=False)
        try:
            return jwt.decode(signed, self._signing_keys(), registry=registry)
        except InvalidKeyIdError:  # the provider has a new key
            if self._clock() - self._keys_at < keys_of_s:
                raise
            return jwt.decode(signed, self._signing_keys(again=True), registry=registry)

    def _user_info(self, endpoint: str, access_token: str, subject: str) -> Json:
        """What the provider tells beside the token. It counts only when it is about the same person."""
        if not is_secure(endpoint):
            raise _unavailable("its description lacks an encrypted address")
        found = _get_json(endpoint, headers={"Authorization": f"Bearer {access_token}"})
        if found.get("sub") != subject:
            raise _bad("the user info is about somebody else")
        return found


def _form_encoded(text: str) -> str:
    """As RFC 6749 2.3.1 wants client ids and secrets in HTTP Basic."""
    return urlencode({"": text})[1:]


def _with_query(url: str, query: Mapping[str, str]) -> str:
    return f"{url}{'&' if '?' in url else '?'}{urlencode(query)}"


def _get_json(url: str, headers: Mapping[str, str] | None = None) -> Json:
    try:
        answer = httpx.get(url, headers=headers, timeout=TIMEOUT)
    except httpx.HTTPError as error:
        raise _unavailable(type(error).__name__) from error
    return _json_of(answer)


def _json_of(answer: httpx.Response) -> Json:
    if answer.status_code != 200:
        raise _unavailable(f"it answered {answer.status_code}")
    try:
        found = answer.json()
    except ValueError as error:
        raise _unavailable("its answer is no JSON") from error
    if not isinstance(found, dict):
        raise _unavailable("its answer is no JSON object")
    return found


def _unavailable(reason: str) -> ProviderUnavailable:
    log.warning("the sign-in service does not answer as it should", reason=reason)
    return ProviderUnavailable(
        f"The sign-in service does not answer as it should: {reason}.", hint="Try again in a moment."
    )


def _bad(reason: str) -> BadIdentity:
    log.warning("an identity was not accepted", reason=reason)
    return BadIdentity("The sign-in service's answer does not prove who you are.", hint="Sign in again.")
