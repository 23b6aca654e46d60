"""Routes in span names: one spelling of parameters, `/users/{id}`, for all frameworks.

Rules: a route is made from the text that the application's author wrote, never from the path of a request.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

__all__ = [
    "route_of_bottle",
    "route_of_pattern",
    "route_of_rule",
    "route_of_template",
    "wsgi_prefix",
    "wsgi_route",
    "wsgi_text",
]

MAX_REMEMBERED = 2000  # an application has fewer routes

_PARAMETER = re.compile(r"<(?:[A-Za-z_]\w*(?:\(.*?\))?:)?([A-Za-z_]\w*)>")  # Flask's and Django's <int:id>, <any(a,b):kind>
# Bottle's <id:int>, <id:re:[a-z]+>, and the older :id and :id#[a-z]+#
_BOTTLE = re.compile(r"<([^<>:]*)(?::[^<>]*)?>|(?<!\\):([A-Za-z_]\w*)(?:#.*?#)?")
_TEMPLATE = re.compile(r"{([^{}:]+)(?::[^{}]*)?}")  # Litestar's {id:int}


@lru_cache(MAX_REMEMBERED)
def route_of_rule(rule: str) -> str:
    """Turn Flask's `/users/<int:id>` into `/users/{id}`."""
    return _PARAMETER.sub(r"{\1}", rule)


@lru_cache(MAX_REMEMBERED)
def route_of_bottle(rule: str) -> str:
    """Turn Bottle's `/users/<id:int>` into `/users/{id}`."""
    return _BOTTLE.sub(lambda match: f"{{{match[1] or match[2] or ''}}}", rule)


@lru_cache(MAX_REMEMBERED)
def route_of_template(template: str) -> str:
    """Turn Litestar's `/users/{id:int}` into `/users/{id}`."""
    return _TEMPLATE.sub(r"{\1}", template)


@lru_cache(MAX_REMEMBERED)
def route_of_pattern(pattern: str) -> str:
    r"""Turn Django's `users/<int:id>` into `users/{id}`, and `^articles/(?P<year>[0-9]{4})/$` into `articles/{year}/`.

    One pattern may have both kinds.  A part that a regular expression matches without a name becomes `{}`.
    """
    if _IS_PLAIN(pattern):
        return route_of_rule(pattern)
    pieces: list[str] = []
    _read(pattern, 0, pieces)
    return re.sub(r"(?:{})+", "{}", "".join(pieces))


_IS_PLAIN = re.compile(r"[^\^$()\[\]\\]*").fullmatch
_SYMBOL = re.compile(
    r"""
      (?P<escape>\\.)
    | (?P<named>\(\?P<(?P<name>\w+)>)
    | (?P<around>\(\?(?:[=!#]|<[=!]|[a-zA-Z-]+\)))   # matches no characters: look-around, a comment, flags
    | (?P<inline>\(\?[a-zA-Z-]*:)
    | (?P<group>\()
    | (?P<set>\[\^?\]?(?:\\.|[^\]\\])*\])
    | (?P<rule><(?:[A-Za-z_]\w*:)?(?P<parameter>[A-Za-z_]\w*)>)
    | (?P<any>\.(?=[*+?{]))
    | (?P<times>[*+?]|\{\d*,?\d*\})
    | (?P<anchor>[\^$])
    | (?P<end>\))
    | (?P<text>.)
    """,
    re.VERBOSE | re.DOTALL,
)


def _read(pattern: str, at: int, pieces: list[str]) -> int:
    """Append the pieces of the route from `at` to the end of the group, and return the index after that end."""
    while at < len(pattern):
        symbol = _SYMBOL.match(pattern, at)
        assert symbol is not None  # `text` matches any character
        at = symbol.end()
        if symbol["escape"]:
            kind = symbol["escape"][1]
            pieces.append("{}" if kind in "dDsSwW" else "" if kind in "AZzbB" else kind)
        elif symbol["around"]:
            if not symbol["around"].endswith(")"):
                at = _read(pattern, at, [])
        elif symbol["inline"]:
            inside: list[str] = []
            at = _read(pattern, at, inside)
            pieces.extend(["{}"] if "|" in inside else inside)
        elif symbol["named"] or symbol["group"]:
            at = _read(pattern, at, [])
            pieces.append(f"{{{symbol['name'] or ''}}}")
        elif symbol["rule"]:
            pieces.append(f"{{{symbol['parameter']}}}")
        elif symbol["set"] or symbol["any"]:
            pieces.append("{}")
        elif symbol["end"]:
            return at
        elif symbol["text"]:
            pieces.append(symbol["text"])
    return at


def wsgi_text(text: str) -> str:
    """Decode an environ's text, which holds bytes as ISO 8859-1 (PEP 3333), as UTF-8."""
    try:
        return text.encode("latin-1").decode("utf-8", "replace")
    except UnicodeEncodeError:  # this server has decoded the text already
        return text


def wsgi_route(environ: Mapping[str, Any]) -> str | None:
    """The route that Werkzeug (Flask) or Bottle left in the environ, after the prefix of its mount; None without one."""
    request = environ.get("werkzeug.request")
    if request is not None:
        rule = getattr(request, "url_rule", None)
        return None if rule is None else wsgi_prefix(environ) + route_of_rule(rule.rule)
    route = environ.get("bottle.route")
    return None if route is None else wsgi_prefix(environ) + route_of_bottle(route.rule)


def wsgi_prefix(environ: Mapping[str, Any]) -> str:
    """The path at which an application is mounted."""
    prefix: str = environ.get("SCRIPT_NAME", "")
    return prefix if prefix.isascii() else wsgi_text(prefix)
