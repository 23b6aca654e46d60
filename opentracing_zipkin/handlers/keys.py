"""Keys: the names of tags, parameters and fields whose values are secret, as exact names or as patterns with `*`.

Rules: names are compared in lower case and without punctuation, so `X-Api-Key`, `x_api_key` and `xApiKey` are the same name.  A
key without `*` also matches the last word of a longer name: `pin` matches `user.pin`, but not `spin`.  A pattern is matched
piece by piece, never by a regular expression, so no name can make it slow.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from .spellings import decoded_once, may_be_encoded

__all__ = ["DEFAULT_KEYS", "Keys", "matcher"]

DEFAULT_KEYS = (
    "*password*", "*passwd*", "*passphrase*", "*passcode*", "pass", "pwd",
    "*secret*", "*token*", "*credential*", "*authorization*", "auth", "*jwt*", "bearer",
    "*api_key*", "*access_key*", "*private_key*", "*account_key*", "*shared_key*", "*signature*", "sig",
    "*app_key*", "*auth_key*", "*client_key*", "*encryption_key*", "*functions_key*", "*master_key*", "*signing_key*",
    "*subscription_key*", "*assertion*", "pw",
    "*otp_code*", "totp", "*mfa_code*", "*auth_code*", "*recovery_code*", "*security_code*", "*social_security*", "*pin_code*",
    "*passkey*", "pswd", "creds", "*session_key*", "*ssh_key*", "*pgp_key*", "*license_key*", "*seed_phrase*", "*webhook_url*",
    "cvv2", "hmac",
    "*session_id*", "*sess_id*", "sid", "*cookie*", "*csrf*", "*xsrf*", "otp", "pin",
    "*card_number*", "*credit_card*", "cvv", "cvc", "ssn",
)  # fmt: skip

MAX_REMEMBERED_NAMES = 4096  # names, of at most MAX_NAME_CHARS characters: less than 1 MB
MAX_NAME_CHARS = 255

_PUNCTUATION = re.compile(r"(?:[^\w*]|_)+")
_WORD = re.compile(r"(?:[^\w*]|_)+|(?<=[a-z0-9])(?=[A-Z])")
_TOKEN_COUNT_NAME = re.compile(r"tokens?[._-]?(?:count|limit|total|usage|used)\Z|tokens\Z", re.IGNORECASE)
_COUNT_VALUE = re.compile(r"\s*\d{1,9}\s*\Z")


class Keys:
    """Answers whether a name is one of the given keys, and remembers the answers; may be used from any thread."""

    def __init__(self, keys: Iterable[str]) -> None:
        given = list(keys)
        self._exact = frozenset(_plain(key) for key in given if "*" not in key)
        self._patterns = [matcher(_plain(key)) for key in given if "*" in key]
        self._known: dict[str, bool] = {}

    def __contains__(self, name: str) -> bool:
        found = self._known.get(name)
        return self._look_up(name) if found is None else found

    def is_secret(self, name: str, value: str) -> bool:
        """Whether the value of this name is a secret; a number of tokens, as in `max_tokens=512`, is not."""
        return name in self and not (_TOKEN_COUNT_NAME.search(name) and _COUNT_VALUE.match(value))

    def _is_key(self, name: str) -> bool:
        plain = _plain(name)
        return plain in self._exact or _last_word(name) in self._exact or any(matches(plain) for matches in self._patterns)

    def _look_up(self, name: str) -> bool:
        found = any(map(self._is_key, _spellings(name)))
        if len(name) <= MAX_NAME_CHARS:
            if len(self._known) >= MAX_REMEMBERED_NAMES:
                self._known.clear()
            self._known[name] = found
        return found


def _spellings(name: str) -> Iterable[str]:
    """The name, and the results of decoding it once, twice and three times, where it is encoded or disguised."""
    yield name
    for _ in range(3):
        if may_be_encoded(name):
            name = decoded_once(name)
            yield name


def _plain(name: str) -> str:
    """The form in which names are compared."""
    return _PUNCTUATION.sub("", name).lower()


def _last_word(name: str) -> str:
    return next((word for word in reversed(_WORD.split(name)) if word), "").lower()


def matcher(pattern: str) -> Callable[[str], bool]:
    """A function that tests a text against a pattern in which `*` is any text; its time is linear in the text's length."""
    first, *others = pattern.split("*")
    if not others:
        return pattern.__eq__
    *middle, last = others

    def matches(text: str) -> bool:
        if len(text) < len(first) + len(last) or not text.startswith(first) or not text.endswith(last):
            return False
        place, end = len(first), len(text) - len(last)
        for piece in middle:
            found = text.find(piece, place, end)
            if found < 0:
                return False
            place = found + len(piece)
        return True

    return matches
