"""One setting: the kinds of settings, how their text is read, how a part takes its group, and how `help` shows them.

Rules: this file knows no setting by name; `options` declares them.  A check gets name and value and returns the value to use.
Where the value cannot be used, it raises WrongSetting, which names the setting, the value and the remedy.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from math import inf
from types import CodeType, FunctionType
from typing import Any, TypeAlias, TypeVar

__all__ = [
    "Option",
    "WrongSetting",
    "check_flag",
    "check_group",
    "check_key_names",
    "check_names",
    "check_number",
    "check_part",
    "check_text",
    "check_timeout",
    "check_whole",
    "choice",
    "flag",
    "number",
    "options_of",
    "read_flag",
    "read_number",
    "read_whole",
    "selected",
    "show_arguments",
    "type_of",
    "whole",
]

_F = TypeVar("_F", bound=FunctionType)

DEFAULT_TIMEOUT_S = 2.0  # for `flush` and `close`

_TRUE = frozenset(("true", "1", "yes", "on"))
_FALSE = frozenset(("false", "0", "no", "off"))
_VARKEYWORDS = 0x08  # a code object's flag for `**given` (inspect.CO_VARKEYWORDS)


class WrongSetting(ValueError):
    """A value that cannot be used.  `setting` is the setting's name, `problem` the rest of the sentence, with the remedy.

    `variable` is the environment variable that has the value, "" where the code gave it.
    """

    def __init__(self, setting: str, problem: str) -> None:
        super().__init__(f"{setting} {problem}")
        self.setting = setting
        self.problem = problem
        self.variable = ""

    def __reduce__(self) -> tuple[Any, ...]:
        # Pickled with both arguments, because an exception that cannot be unpickled would break a pool of processes.
        return type(self), (self.setting, self.problem), {"variable": self.variable}

    def of_variable(self, variable: str) -> WrongSetting:
        """The same error, whose text names the environment variable in place of the setting."""
        named = type(self)(f"environment variable {variable}", self.problem)
        named.variable = variable
        return named


OtherVariable: TypeAlias = tuple[str, Callable[[str], Any]]  # its name, and the function that reads its text


class Option:
    """One setting: everything about it except its type.

    `check` gets name and value and returns the value to use, or raises WrongSetting.  `read` makes a value from the text of a
    variable and raises ValueError with the remedy; without `read` the environment cannot set this setting.  `also` is the
    variable that counts where `ZIPKIN_<NAME>` is not set, and the function that reads it.  `meaning` is the text for the
    manual; `shown` replaces the default there.
    """

    __slots__ = ("also", "check", "default", "meaning", "read", "shown")

    def __init__(
        self,
        default: Any,
        meaning: str,
        check: Callable[[str, Any], Any] = lambda name, value: value,
        read: Callable[[str], Any] | None = None,
        also: OtherVariable | None = None,
        shown: str = "",
    ) -> None:
        self.default = default
        self.meaning = meaning
        self.check = check
        self.read = read
        self.also = also
        self.shown = shown

    def read_also(self, variable: str, read: Callable[[str], Any]) -> Option:
        """The same setting with another variable, which counts where `ZIPKIN_<NAME>` is not set."""
        return Option(self.default, self.meaning, self.check, self.read, (variable, read), self.shown)


# The kinds of settings


def check_number(name: str, value: Any, minimum: float, maximum: float, use: str = "") -> float:
    """A number from `minimum` to `maximum`; `use` words these limits differently in the remedy."""
    if isinstance(value, (int, float)) and not isinstance(value, bool) and minimum <= value <= maximum:
        return value
    remedy = f"use {use or f'a number from {minimum} to {maximum}'}"
    if isinstance(value, str):
        remedy += ", as a number, not text" if use else ", not text"
    raise WrongSetting(name, f"is {value!r}; {remedy}")


def check_whole(name: str, value: Any, minimum: int, maximum: int) -> int:
    """A whole number from `minimum` to `maximum`."""
    number = check_number(name, value, minimum, maximum)
    if number != int(number):
        raise WrongSetting(name, f"is {value!r}; use a whole number")
    return int(number)


def check_key_names(name: str, value: Any, use: str) -> list[str]:
    """The names of keys whose values are secret; `use` words the remedy."""
    if isinstance(value, (str, Mapping)) or not isinstance(value, Iterable):
        raise WrongSetting(name, f"is {value!r}; use {use}")
    listed = list(value)
    for key in listed:
        if not isinstance(key, str):
            raise WrongSetting(name, f"is {listed!r}, where {key!r} is no text; use {use}")
        if not any(map(str.isalnum, key)):
            reason = "would mask the value of every tag" if key and not key.strip("*") else "has no letter and no digit"
            raise WrongSetting(name, f"is {listed!r}, where {key!r} {reason}; use {use}")
    return listed


def check_timeout(value: Any) -> float:
    """The seconds that the caller is ready to wait; the default for None."""
    if value is None:
        return DEFAULT_TIMEOUT_S
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < inf:
        raise WrongSetting("timeout", f"is {value!r}; use seconds, 0 or more, or None for {DEFAULT_TIMEOUT_S}")
    return value


def check_flag(name: str, value: Any) -> bool:
    """A bool; other values are refused, because the text "false", for instance, is true in Python."""
    if not isinstance(value, bool):
        raise WrongSetting(name, f"is {value!r}; use True or False")
    return value


def number(
    default: float, minimum: float, maximum: float, meaning: str, also: OtherVariable | None = None, use: str = ""
) -> Option:
    """A setting for a number from `minimum` to `maximum`; `use` words these limits differently in the remedy."""
    return Option(default, meaning, lambda name, value: check_number(name, value, minimum, maximum, use), read_number, also)


def whole(default: int, minimum: int, maximum: int, meaning: str, shown: str = "", also: OtherVariable | None = None) -> Option:
    """A setting for a whole number from `minimum` to `maximum`."""
    return Option(default, meaning, lambda name, value: check_whole(name, value, minimum, maximum), read_whole, also, shown)


def flag(default: bool | None, meaning: str, also: OtherVariable | None = None, shown: str = "") -> Option:
    """A setting for a bool."""
    return Option(default, meaning, check_flag, read_flag, also, shown)


def choice(default: Any, choices: Sequence[Any], read: Callable[[str], Any], meaning: str, use: str = "") -> Option:
    """A setting for one of a few values; `use` replaces their list in the remedy."""
    *first, last = map(repr, choices)
    remedy = use or f"{', '.join(first)} or {last}"

    def check(name: str, value: Any) -> Any:
        if isinstance(value, bool) or not isinstance(value, (str, int)) or value not in choices:
            raise WrongSetting(name, f"is {value!r}; use {remedy}")
        return value

    return Option(default, meaning, check, read)


def check_text(name: str, value: Any, remedy: str) -> str:
    """A text that is not empty."""
    if not isinstance(value, str) or not value.strip():
        raise WrongSetting(name, f"is {value!r}; {remedy}")
    return value


# How the text of a variable is read


def read_number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ValueError("use a number") from None


def read_whole(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise ValueError("use a whole number") from None


def read_flag(text: str) -> bool:
    lower = text.lower()
    if lower not in _TRUE | _FALSE:
        raise ValueError("use true or false")
    return lower in _TRUE


# For the parts, each of which takes the settings of its group

_known: dict[type, dict[str, Option]] = {}


def options_of(group: type) -> dict[str, Option]:
    """The settings of a group, by name."""
    options = _known.get(group)
    if options is None:
        options = {name: hint.__metadata__[0] for name, hint in group.__annotations__.items()}
        _known[group] = options
    return options


def type_of(group: type, name: str) -> Any:
    """The type of a setting's values."""
    return group.__annotations__[name].__origin__


# Arguments of other tracers, and the settings that the pages on coming from them give in their place.
_OURS = {
    "baggage_header_prefix": ("baggage_fields",),
    "generate_128bit_trace_id": ("trace_id_bits",),
    "host": ("local_ip",),
    "ipv4": ("local_ip",),
    "local_agent": ("endpoint",),
    "max_queue_size": ("max_queued_spans",),
    "max_tag_value_length": ("max_tag_length",),
    "port": ("local_port",),
    "reporter_flush_interval": ("flush_interval",),
    "reporter_queue_size": ("max_queued_spans",),
    "schedule_delay_millis": ("flush_interval",),
    "send_interval": ("flush_interval",),
    "tags": ("default_tags",),
    "timeout": ("send_timeout",),
    "transport": ("sender",),
    "transport_handler": ("endpoint", "sender"),
    "use_128bit_trace_id": ("trace_id_bits",),
}


def check_names(whose: str, given: Iterable[str], known: Iterable[str]) -> None:
    """Raise TypeError for an argument that does not exist, with the name that was probably meant."""
    for name in given:
        if name not in known:
            ours = [one for one in _OURS.get(name, ()) if one in known]
            if ours:
                raise TypeError(f"{whose} has no argument {name!r}; use {' or '.join(ours)} instead")
            import difflib  # imported here, because it takes 7 ms and is rarely needed

            near = difflib.get_close_matches(name, known, 1)
            raise TypeError(f"{whose} has no argument {name!r}" + (f"; did you mean {near[0]!r}?" if near else ""))


def check_part(name: str, part: Any, seam: type, members: Iterable[str]) -> None:
    """Raise WrongSetting where an application's part lacks a member of its interface, so that later code need not check."""
    lacking = [member for member in members if not hasattr(part, member)]
    if lacking:
        base = f"{seam.__module__}.{seam.__name__}"
        # Only its type is shown: the value may be a URL with a password, if an address was given in place of a sender.
        raise WrongSetting(
            name,
            f"is of type {type(part).__qualname__}, which lacks {', '.join(lacking)}; let its class inherit from {base}",
        )


def check_group(whose: str, group: type, given: Mapping[str, Any]) -> dict[str, Any]:
    """All settings of a part's group: the given ones, checked, and the defaults of the others.

    Raises TypeError for a name that is not in the group, and WrongSetting for a wrong value.
    """
    options = options_of(group)
    check_names(whose, given, options)
    return {
        name: option.default if given.get(name) is None else option.check(name, given[name]) for name, option in options.items()
    }


def selected(group: type, given: Mapping[str, Any]) -> dict[str, Any]:
    """The given settings that belong to a group."""
    return {name: given[name] for name in options_of(group) if name in given}


def show_arguments(function: _F, types: Mapping[str, Any], defaults: Mapping[str, Any]) -> None:
    """Let `help`, `inspect.signature` and `typing.get_type_hints` show the arguments behind a function's `**given`.

    A `__signature__` would need the module inspect, whose import takes 8 ms.  So the function claims to wrap another function,
    which is never called: it has the same code, with the arguments as names.
    """
    code: CodeType = function.__code__
    own = code.co_varnames[: code.co_argcount]
    names = (*own, *(name for name in types if name not in own and name != "return"))
    looks = code.replace(
        co_varnames=names,
        co_nlocals=len(names),
        co_kwonlyargcount=len(names) - len(own),
        co_flags=code.co_flags & ~_VARKEYWORDS,
    )
    wrapped = FunctionType(looks, function.__globals__, function.__name__, function.__defaults__, function.__closure__)
    wrapped.__kwdefaults__ = {name: defaults.get(name) for name in names[len(own) :]}
    wrapped.__annotations__ = function.__annotations__ = dict(types)
    wrapped.__doc__ = function.__doc__
    function.__wrapped__ = wrapped  # type: ignore[attr-defined]  # functools.wraps sets it, too
