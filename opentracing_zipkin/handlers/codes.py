"""OAuth's authorization code: a value named `code` is a secret only in the company of OAuth's other parameters.

Rules: the order and the distance of the parameters do not matter.  A query, a fragment or the body of a form is a run of
characters without blanks and quotes.  Each run is read three times, and no expression can go back in it.
Source: RFC 6749, 4.1.2 and 4.1.3; RFC 7636, 4.5.
"""

from __future__ import annotations

import re

__all__ = ["HINTS", "without_codes"]

HINTS = ("code=", 'code"', "code'", "code\\")  # a text with a code has one of these, in lower case

_OF_OAUTH = r"grant_type|session_state|client_id|redirect_uri|code_verifier"
_COMPANY = re.compile(rf"(?<![\w.%+-])(?:state|{_OF_OAUTH})=", re.IGNORECASE)
_CODE = re.compile(r"(?<![\w.%+-])(code=)(?:[^&;#\s\"'<>`]|;(?![\w.%+\[\]-]{1,64}=))+", re.IGNORECASE)

_JSON_COMPANY = re.compile(rf"\\{{0,8}}[\"'](?:{_OF_OAUTH})\\{{0,8}}[\"']\s{{0,8}}:", re.IGNORECASE)
_JSON_STATE = re.compile(r"\\{0,8}[\"']state\\{0,8}[\"']\s{0,8}:", re.IGNORECASE)
_JSON_CODE = re.compile(
    r"(?P<kept>(?P<quote>\\{0,8}[\"'])code(?P=quote)\s{0,8}:\s{0,8}(?P=quote))(?P<code>(?:(?!(?P=quote))[^\r\n])+)",
    re.IGNORECASE,
)
# Many JSON objects that have nothing to do with OAuth have `state` and `code`, but codes of errors and countries are shorter.
MIN_CODE_BESIDE_STATE = 16


def without_codes(text: str, mask: str) -> str:
    """The text with the mask in place of each authorization code."""
    if "=" in text:
        # The mask may have marks that end a run, and it stands where another secret was.
        run = re.compile(rf"(?:[^\s\"'<>`]|{re.escape(mask)})+")
        text = run.sub(lambda found: _without_code(found[0], mask), text)
    if _JSON_COMPANY.search(text):
        return _JSON_CODE.sub(lambda found: f"{found['kept']}{mask}", text)
    if _JSON_STATE.search(text):
        return _JSON_CODE.sub(lambda found: f"{found['kept']}{mask}" if _is_long(found) else found[0], text)
    return text


def _without_code(run: str, mask: str) -> str:
    return _CODE.sub(lambda found: f"{found[1]}{mask}", run) if _COMPANY.search(run) else run


def _is_long(found: re.Match[str]) -> bool:
    return len(found["code"]) >= MIN_CODE_BESIDE_STATE
