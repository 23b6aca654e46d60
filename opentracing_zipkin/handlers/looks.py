"""Secrets that are recognised by their look: card numbers, JWTs, bearer tokens, keys of well-known services, private keys.

Rules: no expression here can be slow: each repetition is bounded, or it begins where no other match can begin and the rest of
the expression cannot fail.  Before an expression runs, a plain text that belongs to it (a hint) is searched for, which takes a
tenth of the time.  The case does not matter, because span names are sent in lower case.
"""

from __future__ import annotations

import re
from base64 import b64decode
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from .codes import HINTS, without_codes

__all__ = ["DEFAULT_LOOKS", "LOOKS", "Look", "looks_of"]

Replace = Callable[[str, str], str]  # a text and the mask -> the text without the secrets


class Look(NamedTuple):
    """One kind of secret; each text with such a secret has one of the `hints`, in lower case."""

    replace: Replace
    hints: tuple[str, ...] = ()


def _masking(expression: str | re.Pattern[str], *hints: str) -> Look:
    """A Look that masks each match of the expression, but keeps a group named `kept` at the beginning of the match."""
    pattern = re.compile(expression, re.IGNORECASE | re.DOTALL) if isinstance(expression, str) else expression
    keeps = "kept" in pattern.groupindex

    def replace(text: str, mask: str) -> str:
        def masked(found: re.Match[str]) -> str:
            kept = (found["kept"] or "") if keeps else ""
            return kept if kept == found[0] else f"{kept}{mask}"  # nothing follows the kept part, so there is no secret

        return pattern.sub(masked, text)

    return Look(replace, hints)


# Card numbers

# A run of at least 13 digits, with blanks, + or - between them; the number may be a part of the run.
_DIGITS = re.compile(r"(?<![\w.])\d(?:[ +-]?\d){12,60}(?!\w)")
_IN_FOURS = re.compile(r"(?<![\w.])[2-6][0-9]{3}(?:(?:[._/]|--)[0-9]{4}){3}(?!\w)")
_NO_DIGIT = re.compile(r"[^0-9]+")
MIN_CARD_DIGITS, MAX_CARD_DIGITS = 13, 19
_FIRST_DIGITS = "23456"  # the first digits of card numbers; a number that begins with 1 may be a time in ms or µs


def is_card_number(digits: str) -> bool:
    """Whether the last digit is the one that Luhn's formula gives.  Source: ISO/IEC 7812-1, annex B."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        doubled = int(digit) * (1 + place % 2)
        total += doubled - 9 if doubled > 9 else doubled
    return total % 10 == 0


def _without_cards(text: str, mask: str) -> str:
    text = _IN_FOURS.sub(lambda found: mask if is_card_number(_NO_DIGIT.sub("", found[0])) else found[0], text)
    return _DIGITS.sub(lambda found: _masked_cards(found[0], mask), text)


def _masked_cards(run: str, mask: str) -> str:
    """The run with each card number masked; a number may begin and end at any separator."""
    groups = re.split(r"([ +-])", run)
    numbers = groups[::2]
    for first in range(len(numbers)):
        for last in range(min(len(numbers), first + MAX_CARD_DIGITS), first, -1):
            digits = "".join(numbers[first:last])
            if len(digits) < MIN_CARD_DIGITS:
                break
            if len(digits) <= MAX_CARD_DIGITS and digits[0] in _FIRST_DIGITS and is_card_number(digits):
                before, after = "".join(groups[: 2 * first]), "".join(groups[2 * last - 1 :])
                return f"{before}{mask}{_masked_cards(after, mask) if after else ''}"
    return run


# HTTP's `Authorization: Basic`

_BASIC = re.compile(r"\b(basic\s{1,8})([A-Za-z0-9+/_-]{2,}={0,2})", re.IGNORECASE)


def _without_basic(text: str, mask: str) -> str:
    return _BASIC.sub(lambda found: f"{found[1]}{mask}" if _is_user_and_password(found[2]) else found[0], text)


def _is_user_and_password(encoded: str) -> bool:
    if not encoded.isascii():
        return False
    try:
        return b":" in b64decode(encoded.rstrip("=") + "=" * (-len(encoded.rstrip("=")) % 4), b"-_" if "-" in encoded else None)
    except ValueError:
        return False


LOOKS: dict[str, Look] = {
    "card": Look(_without_cards),
    "jwt": _masking(r"eyJ[\w-]{10,}(?:\.[\w-]*){0,4}", "eyj"),
    "bearer": _masking(
        r"(?P<kept>\bbearer[\s+]{1,8}[\"']?)(?!(?:tokens?|auth|authentication|authorization|realm|scheme)\b)[^\s\"',;]+",
        "bearer",
    ),
    "basic": Look(_without_basic, ("basic",)),
    "negotiate": _masking(r"(?P<kept>\b(?:negotiate|ntlm)\s{1,8})[A-Za-z0-9+/]{16,}={0,2}", "negotiate", "ntlm"),
    "digest": _masking(r"(?P<kept>\bdigest\s{1,8})(?=[\w-]{1,32}=)[^\r\n]+", "digest"),
    "aws": _masking(r"(?<![A-Z0-9])(?:AKIA|ASIA)[A-Z0-9]{16}(?![A-Z0-9])", "akia", "asia"),
    "code": Look(without_codes, HINTS),
    "key": _masking(r"(?P<kept>[?&]key=)[\w-]{20,}", "key="),
    "google": _masking(r"AIza[\w-]{30,}|ya29\.[\w-]{10,}", "aiza", "ya29."),
    "github": _masking(r"\bgh[oprsu]_\w{20,}|\bgithub_pat_\w{20,}", "gho_", "ghp_", "ghr_", "ghs_", "ghu_", "github_pat_"),
    "gitlab": _masking(r"\bglpat-[\w-]{16,}", "glpat-"),
    "slack": _masking(
        r"\bx(?:ox[a-z]|app)-[\w-]{10,}|(?P<kept>hooks\.slack\.com/services/)[\w/]+", "xox", "xapp-", "hooks.slack.com"
    ),
    "stripe": _masking(r"\b(?:[rs]k_(?:live|test)|whsec)_\w{10,}", "k_live_", "k_test_", "whsec_"),
    "telegram": _masking(r"(?P<kept>\bbot)\d{6,12}:[\w-]{30,}", "bot"),
    "registry": _masking(r"\b(?:npm_\w{30,}|pypi-[\w-]{20,}|hf_[a-z0-9]{30,})", "npm_", "pypi-", "hf_"),
    "service": _masking(
        r"\bSG\.[\w-]{16,}\.[\w-]{16,}|\bshp(?:at|ca|pa|ss)_[a-f0-9]{32}|\bdo[opr]_v1_[a-f0-9]{16,}", "sg.", "shp", "_v1_"
    ),
    "sk": _masking(r"\bsk-[\w-]{20,}", "sk-"),
    "private_key": _masking(r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY.*?(?:-----END [A-Z0-9 ]{0,40}-----|\Z)", "private key"),
    "sql_password": _masking(
        r"(?P<kept>\b(?:password|identified\s{1,8}by)\s{1,8})'(?:[^']|'')*(?:'|\Z)", "password", "identified"
    ),
    "command_user": _masking(r"(?P<kept>(?<!\S)(?:-u\s{0,8}|--(?:proxy-)?user[\s=]{1,8})[^\s:]{1,64}:)\S+", "-u", "-user"),
    "command_password": _masking(r"(?P<kept>\bmysql\w{0,16}\s(?:[^\n]{0,200}?\s)?-p)[^\s-]\S*", "mysql"),
    "email": _masking(r"[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}", "@"),
}
# An e-mail address is usually no secret, so it is masked only on request.
DEFAULT_LOOKS = tuple(name for name in LOOKS if name != "email")
_PLAIN_WORDS = r"[A-Za-z][A-Za-z _-]*"  # a text that is a word and no expression


def looks_of(patterns: Iterable[str | re.Pattern[str]]) -> Sequence[Look]:
    """The looks for patterns: names in LOOKS, or regular expressions.

    Raises ValueError for a pattern that cannot be used, and for a plain word, which is a misspelt name of ours: as an
    expression it would mask only itself.
    """
    found = []
    for pattern in patterns:
        if isinstance(pattern, str) and pattern in LOOKS:
            found.append(LOOKS[pattern])
            continue
        if isinstance(pattern, str) and re.fullmatch(_PLAIN_WORDS, pattern):
            raise ValueError(
                f"patterns has {pattern!r}, which is none of our own patterns ({_meant(pattern)}); "
                f"for this word itself as a regular expression, give re.compile({pattern!r})"
            )
        try:
            compiled = re.compile(pattern)
        except (re.error, TypeError) as error:
            raise ValueError(
                f"patterns has {pattern!r}, which is no regular expression ({error}) and none of {', '.join(LOOKS)}"
            ) from None
        if not isinstance(compiled.pattern, str):
            raise ValueError(f"patterns has {pattern!r}, which is for bytes; use one for text")
        found.append(_masking(compiled))
    return found


def _meant(word: str) -> str:
    """The name of ours that is like the word; all names where none is."""
    import difflib  # here, because it takes 7 ms and is rarely needed

    near = difflib.get_close_matches(word.lower(), LOOKS, 1)
    return f"did you mean {near[0]!r}?" if near else ", ".join(LOOKS)
