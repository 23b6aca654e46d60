"""Routes as span names have them: one spelling of parameters, `/users/{id}`, for all frameworks.

Rules: a route is what the application's author wrote, never a path that somebody asked for.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

__all__ = ["route_of_pattern", "route_of_rule", "wsgi_route"]

MAX_REMEMBERED = 2000
_routes: dict[str, str] = {}  # by rules and patterns; an application has so many and no more

_PARAMETER = re.compile(r"<(?:[^<>:]*:)?([^<>:]+)>")  # Flask's, Django's and Bottle's <int:id>
_BOTTLE = re.compile(r"<([^<>:]+)(?::[^<>]*)?>")  # <id:int>, <id:re:[a-z]+>
_GROUP = re.compile(r"\(\?P<(\w+)>")


def route_of_rule(rule: str, parameter: re.Pattern[str] = _PARAMETER) -> str:
    """`/users/<int:id>` as `/users/{id}`."""
    found = _routes.get(rule)
    if found is None:
        found = parameter.sub(r"{\1}", rule)
        if len(_routes) < MAX_REMEMBERED:
            _routes[rule] = found
    return found


def route_of_pattern(pattern: str) -> str:
    r"""`^articles/(?P<year>[0-9]{4})/$` as `articles/{year}/`; a group without a name is `{}`."""
    found = _routes.get(pattern)
    if found is None:
        found = _without_groups(pattern)
        if len(_routes) < MAX_REMEMBERED:
            _routes[pattern] = found
    return found


def _without_groups(pattern: str) -> str:
    """Each outermost group as its name in braces, anchors and escapes left out."""
    pieces, depth, at = [], 0, 0
    while at < len(pattern):
        sign = pattern[at]
        if sign == "\\":
            if not depth and pattern[at + 1 : at + 2] not in "AZzbBdDsSwW":
                pieces.append(pattern[at + 1 : at + 2])
            at += 2
            continue
        if sign == "(":
            if not depth:
                named = _GROUP.match(pattern, at)
                pieces.append("{" + (named.group(1) if named else "") + "}")
            depth += 1
        elif sign == ")":
            depth -= 1
        elif not depth and sign not in "^$?":
            pieces.append(sign)
        at += 1
    return "".join(pieces)


def wsgi_route(environ: Mapping[str, Any]) -> str | None:
    """By what a framework left in the environ: Werkzeug's (Flask's) rule or Bottle's route, below where it is mounted."""
    request = environ.get("werkzeug.request")
    if request is not None:
        rule = getattr(request, "url_rule", None)
        return None if rule is None else environ.get("SCRIPT_NAME", "") + route_of_rule(rule.rule)
    route = environ.get("bottle.route")
    return None if route is None else environ.get("SCRIPT_NAME", "") + route_of_rule(route.rule, _BOTTLE)
