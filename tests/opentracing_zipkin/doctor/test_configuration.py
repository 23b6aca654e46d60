"""The settings in the environment: the variable of each, and the settings that prevent spans."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

import pytest

from opentracing_zipkin.doctor import configuration
from opentracing_zipkin.doctor.configuration import all_settings, check_configuration
from opentracing_zipkin.doctor.report import Finding, Setting
from opentracing_zipkin.option import options_of
from opentracing_zipkin.options import ConfigureOptions, Settings


def examined() -> tuple[dict[str, Setting], list[Finding]]:
    found, said = configuration.read()
    return {one.name: one for one in all_settings(found)}, list(check_configuration(found, said))


class Case(NamedTuple):
    """Variables, the finding that they cause, and words of its text and remedy."""

    variables: dict[str, str]
    code: str
    status: str
    words: tuple[str, ...]


CASES = [
    Case({"ZIPKIN_SERVICE_NAME": "checkout"}, "named", "ok", ("checkout", "by ZIPKIN_SERVICE_NAME")),
    Case({"ZIPKIN_SERVICE_NAME": "", "OTEL_SERVICE_NAME": "checkout"}, "named", "ok", ("checkout", "by OTEL_SERVICE_NAME")),
    Case(
        {"ZIPKIN_SERVICE_NAME": "", "OTEL_RESOURCE_ATTRIBUTES": "service.name=checkout"},
        "named",
        "ok",
        ("checkout", "by OTEL_RESOURCE_ATTRIBUTES"),
    ),
    Case({"ZIPKIN_SERVICE_NAME": ""}, "unnamed", "warning", ("ZIPKIN_SERVICE_NAME",)),
    Case({}, "sent-to", "ok", ("http://localhost:9411/api/v2/spans", "by default")),
    Case(
        {"OTEL_EXPORTER_ZIPKIN_ENDPOINT": "http://z:1/api/v2/spans", "ZIPKIN_ENCODING": "thrift"},
        "sent-to",
        "ok",
        ("http://z:1/api/v1/spans in thrift", "by OTEL_EXPORTER_ZIPKIN_ENDPOINT"),
    ),
    Case({"ZIPKIN_ENDPOINT": "http://z:1/prefix"}, "own-path", "warning", ("ZIPKIN_ENDPOINT=http://z:1/prefix/api/v2/spans",)),
    Case({"ZIPKIN_ENDPIONT": "http://z:1"}, "misspelt", "fault", ("ZIPKIN_ENDPIONT", "did you mean ZIPKIN_ENDPOINT?")),
    Case({"ZIPKIN_HEADERS": "a=b"}, "misspelt", "fault", ("headers can be given in code only",)),
    Case(
        {"ZIPKIN_SAMPLE_RATE": "all"},
        "wrong-value",
        "fault",
        ("variable ZIPKIN_SAMPLE_RATE cannot be used: it is 'all'", "use a number"),
    ),
    Case(
        {"ZIPKIN_SAMPLE_RATE": "7"},
        "wrong-value",
        "fault",
        ("variable ZIPKIN_SAMPLE_RATE cannot be used: it is 7", "0.01 for 1 %"),
    ),
    Case(
        {"ZIPKIN_INSTRUMENT": "flask,reqests"},
        "wrong-value",
        "fault",
        ("ZIPKIN_INSTRUMENT cannot be used: it has 'reqests'", "requests"),
    ),
    Case({"ZIPKIN_ENDPOINT": "zipkin:9411"}, "wrong-value", "fault", ("ZIPKIN_ENDPOINT cannot be used: it is 'zipkin:9411'",)),
    Case(
        {"ZIPKIN_CA_BUNDLE": "/nowhere"}, "wrong-value", "fault", ("ZIPKIN_CA_BUNDLE cannot be used: it is '/nowhere'", "PEM")
    ),
    Case({"OTEL_TRACES_SAMPLER": "mine"}, "said", "warning", ("OTEL_TRACES_SAMPLER is 'mine'",)),
    Case(
        {"OTEL_EXPORTER_ZIPKIN_TIMEOUT": "10"},
        "said",
        "warning",
        ("than was meant: OTEL_EXPORTER_ZIPKIN_TIMEOUT is 10, which is milliseconds; write 10000 where seconds are meant",),
    ),
    Case({"OTEL_SDK_DISABLED": "yes"}, "said", "warning", ("OTEL_SDK_DISABLED is 'yes', which has no effect",)),
    Case({}, "switched-on", "ok", ()),
    Case({"ZIPKIN_ENABLED": "false"}, "switched-off", "fault", ("by ZIPKIN_ENABLED", "ZIPKIN_ENABLED=true")),
    Case({"OTEL_SDK_DISABLED": "true"}, "switched-off", "fault", ("by OTEL_SDK_DISABLED",)),
    Case({}, "sampled-all", "ok", ()),
    Case({"ZIPKIN_SAMPLE_RATE": "0"}, "sampled-none", "fault", ("by ZIPKIN_SAMPLE_RATE",)),
    Case({"OTEL_TRACES_SAMPLER": "always_off"}, "sampled-none", "fault", ("by OTEL_TRACES_SAMPLER",)),
    Case({"ZIPKIN_SAMPLE_RATE": "0.015"}, "sampled-few", "warning", ("1.5 % of new traces", "X-B3-Flags: 1")),
    Case(
        {"OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0.5"},
        "sampled-few",
        "warning",
        ("50 %", "by OTEL_TRACES_SAMPLER_ARG"),
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.code} {' '.join(case.variables)}")
def test_what_the_environment_says_is_found(monkeypatch: pytest.MonkeyPatch, case: Case) -> None:
    """A setting that matters is a finding that names its variable, with a remedy where one is needed."""
    monkeypatch.setattr("opentracing_zipkin.log._topics", set())
    for name, value in case.variables.items():
        monkeypatch.setenv(name, value)
    [finding] = [one for one in examined()[1] if one.code == case.code]

    assert case.status == finding.status
    assert [] == [word for word in case.words if word not in f"{finding.text}\n{finding.remedy}"]
    assert ("ok" == case.status) == (not finding.remedy)


def test_rules_of_a_file_are_told_with_the_share_of_the_rest(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Rules of a file have one finding, which includes the share of the rest; a mistake has its line and column."""
    file = tmp_path / "rules.toml"
    monkeypatch.setenv("ZIPKIN_SAMPLING_RULES", str(file))
    monkeypatch.setenv("ZIPKIN_SAMPLE_RATE", "0")
    file.write_text('[[rule]]\npath = "/a"\nrate = 1\n')
    [good] = [one for one in examined()[1] if one.code.startswith("sampled-")]
    file.write_text('[[rule]]\npath = "/a"\nrate = 3\n')
    [wrong] = [one for one in examined()[1] if one.code == "wrong-value"]

    assert ("sampled-by-rules", "ok") == (good.code, good.status)
    assert (
        f"the rules in {file}, by ZIPKIN_SAMPLING_RULES, decide which new traces are recorded; of the traces that no rule fits, "
        "0 % are recorded"
    ) == good.text
    assert f"ZIPKIN_SAMPLING_RULES cannot be used: it is '{file}', line 3, column 1: rate is 3" in wrong.text


ODD_TEXTS = (
    "0,5",
    "0; 5",
    "it's; wrong",
    '"a\'b"; c',
    "kafka://me:%ff@one; two/zipkin",
    "http://z:1; http://y:2",
    "\\'; '",
)
READ = [name for name, option in {**options_of(Settings), **options_of(ConfigureOptions)}.items() if option.read is not None]


@pytest.mark.parametrize("name", READ)
def test_a_wrong_value_is_a_fault_that_is_a_statement(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """The text says that the variable cannot be used and why, with its whole value; the remedy begins with the advice."""
    monkeypatch.setattr("opentracing_zipkin.log._topics", set())
    variable = f"ZIPKIN_{name.upper()}"
    for text in ODD_TEXTS:
        monkeypatch.setenv(variable, text)
        for finding in [one for one in examined()[1] if one.code == "wrong-value"]:
            assert re.match(f"the environment variable {variable} cannot be used: it (is|has|cannot) ", finding.text)
            assert re.match(r"[a-zA-Z][^;]*; ", finding.remedy)
            assert text not in finding.remedy
            assert 0 == finding.text.count(";") or text in finding.text or repr(text)[1:-1] in finding.text


def test_a_wrong_value_without_advice_has_a_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the error has no advice of its own, the remedy is to correct the variable."""
    monkeypatch.setenv("ZIPKIN_ENDPOINT", "kafka://me:%ff@one:9092/zipkin")
    [finding] = [one for one in examined()[1] if one.code == "wrong-value"]

    assert finding.remedy.startswith("correct the variable, or remove it; until then ")


def test_every_wrong_variable_is_found_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """All wrong variables are found in one run, because each is left out after it was found."""
    for name, value in {"SAMPLE_RATE": "x", "ENCODING": "xml", "FLUSH_INTERVAL": "-1", "AUTH": "hunter2"}.items():
        monkeypatch.setenv(f"ZIPKIN_{name}", value)
    values, findings = examined()
    wrong = [finding.text.split()[3] for finding in findings if finding.code == "wrong-value"]

    assert ["ZIPKIN_AUTH", "ZIPKIN_ENCODING", "ZIPKIN_FLUSH_INTERVAL", "ZIPKIN_SAMPLE_RATE"] == sorted(wrong)
    assert ("json", "default") == values["encoding"][1:]
    assert "hunter2" not in repr(findings)


def test_every_setting_is_told_with_its_source() -> None:
    """The doctor lists every declared setting, and the service's name, each with its source."""
    names = {"service_name", *options_of(Settings), *options_of(ConfigureOptions)}
    values, _ = examined()

    assert names == set(values)
    assert {"ZIPKIN_SERVICE_NAME", "default"} == {one.source for one in values.values()}


SOURCES = [
    ("ZIPKIN_SEND_TIMEOUT", "2.5", "send_timeout", "2.5"),
    ("OTEL_EXPORTER_ZIPKIN_TIMEOUT", "2500", "send_timeout", "2.5"),
    ("OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT", "100", "max_tag_length", "100"),
    ("ZIPKIN_HTTP_EXCLUDED_PATHS", "/a,/b", "http_excluded_paths", "/a, /b"),
    ("OTEL_RESOURCE_ATTRIBUTES", "key=hunter2", "default_tags", "key"),
    ("ZIPKIN_AUTH", "me:hunter2", "auth", "a user and a password, which are not shown"),
    ("ZIPKIN_PROXY", "http://me:hunter2@proxy:3128", "proxy", "http://proxy:3128"),
    ("http_proxy", "http://me:hunter2@proxy:3128", "proxy", "http://proxy:3128"),
    ("ALL_PROXY", "http://me:hunter2@proxy:3128", "proxy", "http://proxy:3128"),
    ("ZIPKIN_ENDPOINT", "http://z:1/api/v2/spans?key=hunter2", "endpoint", "http://z:1/api/v2/spans?***"),
]


@pytest.mark.parametrize(("variable", "text", "setting", "shown"), SOURCES, ids=[row[0] for row in SOURCES])
def test_a_setting_comes_from_the_variable_that_has_it(
    monkeypatch: pytest.MonkeyPatch, variable: str, text: str, setting: str, shown: str
) -> None:
    """A setting shows its variable or `default`, and its value without credentials."""
    if variable != "ZIPKIN_ENDPOINT":
        monkeypatch.setenv("ZIPKIN_ENDPOINT", "http://collector.example:9411")
    monkeypatch.setenv(variable, text)

    assert Setting(setting, shown, variable) == examined()[0][setting]
