"""The pytest plugin, in separate runs of pytest."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest

pytest_plugins = ["pytester"]

HEAD = """
import opentracing, opentracing_zipkin, os, pytest, subprocess, sys
"""


ONLY_OURS = ("-p", "opentracing_zipkin.testing.plugin", "-p", "no:cacheprovider", "--strict-markers", "-W", "error")


@pytest.fixture(autouse=True)
def no_other_plugins(monkeypatch: pytest.MonkeyPatch) -> None:
    """Load no other plugin, because the installed ones take pytest seconds to load."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")


def run(pytester: pytest.Pytester, code: str, *arguments: str) -> pytest.RunResult:
    pytester.makepyfile(HEAD + dedent(code))
    return pytester.runpytest_subprocess(*ONLY_OURS, *arguments)


def test_spans_are_there_as_objects_and_nothing_is_left_behind(pytester: pytest.Pytester) -> None:
    """The fixture gives the global tracer, its spans and their tree, separately for each test."""
    result = run(
        pytester,
        """
        tracer = opentracing_zipkin.configure("shop", endpoint="http://127.0.0.1:9")  # as an application does at import

        def checkout():
            with opentracing.tracer.start_active_span("checkout", tags={"span.kind": "server"}):
                tracer.start_span("held by a module").finish()

        @pytest.mark.parametrize("n", range(3))
        def test_it(zipkin, n):
            checkout()
            zipkin.assert_tree("shop: checkout  SERVER\\n  shop: held by a module")
            assert 2 == len(zipkin.spans) == zipkin.stats.sent

        def test_after():
            assert tracer is opentracing.tracer
            assert 0 == tracer.stats.finished

        class TestOfAClass:
            def test_it(self, zipkin):
                assert "checkout" == [checkout(), zipkin.spans.one(kind="SERVER")][1].name
        """,
        "-W", "error",
    )  # fmt: skip

    result.assert_outcomes(passed=5)


OF_AN_EARLIER_TEST = """
def test_a(zipkin):
    opentracing_zipkin.configure("shop", sample_rate=0.0)
    opentracing.tracer.start_span("charge").finish()
    zipkin.spans.one("charge")

def test_b(zipkin):
    opentracing.tracer.start_span("charge").finish()
    zipkin.spans.one("pack")

@pytest.mark.zipkin(service_name="bank")
def test_c(zipkin):
    opentracing.tracer.start_span("charge").finish()
    zipkin.spans.one("charge", service="bank")
"""


def test_a_tracer_that_an_earlier_test_configured_is_no_reason(pytester: pytest.Pytester) -> None:
    """A test that fails names the same reasons alone and after a test whose own tracer samples nothing."""
    both = run(pytester, OF_AN_EARLIER_TEST)
    alone = run(pytester, OF_AN_EARLIER_TEST, "-k", "test_b")

    both.assert_outcomes(failed=2, passed=1)
    [reason] = [line for line in both.outlines if "the tracer of" in line]
    assert "the tracer of 'shop' samples no trace (sample_rate, sampler)" in reason
    alone.assert_outcomes(failed=1)
    alone.stdout.no_fnmatch_line("*the tracer of*")
    # The service name does stay without the marker, see docs/how-to/testing.md.
    both.stdout.fnmatch_lines(["E*  shop: charge"])
    alone.stdout.fnmatch_lines(["E*  test: charge"])


OF_AN_APPLICATION = """
def test_a(zipkin):
    import application

def test_b(zipkin):
    import application
    application.checkout()
    zipkin.spans.one("checkout")
"""


def test_an_application_that_one_test_imports_counts_in_the_next(pytester: pytest.Pytester) -> None:
    """The settings of a module that an earlier test has imported are in force, and a failure says when they began."""
    pytester.makepyfile(
        application="""
        import opentracing_zipkin

        tracer = opentracing_zipkin.configure("shop", sample_rate=0.0)

        def checkout():
            tracer.start_span("checkout").finish()
        """
    )
    both = run(pytester, OF_AN_APPLICATION)
    alone = run(pytester, OF_AN_APPLICATION, "-k", "test_b")

    both.assert_outcomes(passed=1, failed=1)
    both.stdout.fnmatch_lines(["E*the tracer of 'shop', which was configured before this test, samples no trace *"])
    alone.assert_outcomes(failed=1)
    alone.stdout.fnmatch_lines(["E*the tracer of 'shop' samples no trace *"])


def test_a_failure_shows_the_tests_own_line_and_what_was_recorded(pytester: pytest.Pytester) -> None:
    """A failure shows the test's own line and the recorded spans, not the inside of the helper."""
    result = run(
        pytester,
        """
        def test_it(zipkin):
            opentracing.tracer.start_span("charge").finish()
            zipkin.spans.one("pack")

        def test_tree(zipkin):
            opentracing.tracer.start_span("charge").finish()
            zipkin.assert_tree("pack  CLIENT")

        def test_outline(zipkin):
            zipkin.assert_tree("pack  a b")
        """,
    )

    result.assert_outcomes(failed=3)
    result.stdout.fnmatch_lines(
        [
            ">*zipkin.spans.one(*pack*",
            "E*AssertionError: no span with name='pack'; 1 was finished:",
            "E*  test: charge",
            ">*zipkin.assert_tree(*pack  CLIENT*",
            "E*- pack  CLIENT",
            "E*+ test: charge",
            ">*zipkin.assert_tree(*pack  a b*",
            "E*ValueError: line 1 of the outline: *",
        ]
    )
    assert "testing/outline.py" not in result.stdout.str()


def test_unfinished_spans_are_what_the_project_says(pytester: pytest.Pytester) -> None:
    """Unfinished spans are a warning by default, and an error or ignored by the option or the nearest marker."""
    code = """
        def work():
            opentracing.tracer.start_span("open")

        def test_by_itself(zipkin):
            work()

        @pytest.mark.zipkin(unfinished="error")
        class TestStrict:
            def test_error(self, zipkin):
                work()

            @pytest.mark.zipkin(unfinished="ignore")
            def test_ignore(self, zipkin):
                work()

        @pytest.mark.zipkin(unfinished="fail")
        def test_wrong(zipkin):
            work()

        @pytest.mark.zipkin(sample_rat=1)
        def test_wrong_setting(zipkin):
            pass

        @pytest.mark.zipkin("shop")
        def test_without_a_name(zipkin):
            pass
        """
    result = run(pytester, code, "-W", "default")

    result.assert_outcomes(passed=3, errors=4, warnings=1)
    result.stdout.fnmatch_lines_random(
        [
            "span 'open' was never finished; it was started at *.py:*",
            "*UnfinishedWarning: span 'open' was never finished; *",
            "@pytest.mark.zipkin: unfinished is 'fail'; use error, warn, ignore",
            "@pytest.mark.zipkin: ZipkinTracer() has no argument 'sample_rat'; did you mean 'sample_rate'?",
            "@pytest.mark.zipkin takes named arguments only, for instance unfinished='error'; got 'shop'",
        ]
    )
    run(pytester, code, "-o", "zipkin_unfinished=error", "-k", "itself").assert_outcomes(passed=1, errors=1)


def test_applications_in_other_processes_report_to_the_tests_collector(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Applications find the collector by the environment, which is restored afterwards."""
    monkeypatch.setenv("ZIPKIN_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setenv("ZIPKIN_ENABLED", "false")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    result = run(
        pytester,
        """
        CODE = "import opentracing_zipkin as z; z.configure('child').start_span('work').finish()"

        def test_it(zipkin_collector):
            subprocess.run([sys.executable, "-c", CODE], check=True)
            assert "child" == zipkin_collector.wait_for(1)[0].local.service_name
            zipkin_collector.spans.one("work", service="child")

        def test_this_process(zipkin_collector):
            with opentracing_zipkin.configure("here").start_active_span("work"):
                pass
            assert opentracing.tracer.flush()
            zipkin_collector.spans.one("work", service="here")

        def test_none(zipkin_collector):
            with pytest.raises(AssertionError, match="2 spans expected within 0.1 s, there are none"):
                zipkin_collector.wait_for(2, within=0.1)

        def test_after():
            assert type(opentracing.tracer) is opentracing.Tracer
            assert ("http://127.0.0.1:9", "false") == (os.environ["ZIPKIN_ENDPOINT"], os.environ["ZIPKIN_ENABLED"])
        """,
        "-W", "error",
    )  # fmt: skip

    result.assert_outcomes(passed=4)


def test_tests_in_several_processes_and_in_event_loops(pytester: pytest.Pytester) -> None:
    """With pytest-xdist and pytest-asyncio a task's spans belong to the test that has started it."""
    pytester.makepyfile(
        HEAD
        + dedent("""
        import asyncio

        @pytest.mark.asyncio
        @pytest.mark.parametrize("n", range(4))
        async def test_it(zipkin, n):
            async def work(name):
                with opentracing.tracer.start_active_span(name):
                    await asyncio.sleep(0)

            with opentracing.tracer.start_active_span(f"all {n}"):
                await asyncio.gather(work("a"), work("b"))
            zipkin.assert_tree(f"all {n}\\n  b\\n  a")
        """)
    )
    plugins = (
        "-p",
        "xdist.plugin",
        "-n",
        "2",
        "-p",
        "pytest_asyncio.plugin",
        "-o",
        "asyncio_default_fixture_loop_scope=function",
    )
    result = pytester.runpytest_subprocess(*ONLY_OURS, *plugins)

    result.assert_outcomes(passed=4)
    assert "2 workers" in result.stdout.str()


PLUGIN_ALONE = """
import sys, pytest
before = set(sys.modules)
import opentracing_zipkin.testing.plugin
print(sorted(set(sys.modules) - before))
"""


def test_the_plugin_itself_is_three_modules() -> None:
    """A run without the fixtures loads the plugin and its packages only, neither `requests` nor the tracer."""
    done = subprocess.run([sys.executable, "-c", PLUGIN_ALONE], capture_output=True, text=True, check=True)
    loaded = ["opentracing_zipkin", "opentracing_zipkin.testing", "opentracing_zipkin.testing.plugin"]

    assert f"{loaded}\n" == done.stdout


@pytest.mark.needs_our_api
def test_an_installed_package_is_loaded_as_it_is_and_without_a_warning(
    pytester: pytest.Pytester, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """pytest does not compile the package's modules again, and accepts that some were loaded before it.

    `opentracing-zipkin run --with-pytest` loads some before pytest starts.
    """
    root = Path(__file__).parents[3]
    for package in ("opentracing", "opentracing_zipkin"):
        (tmp_path / package).symlink_to(root / package)
    info = tmp_path / "opentracing-2.5.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: opentracing\nVersion: 2.5.0\n")
    (info / "entry_points.txt").write_text("[pytest11]\nzipkin = opentracing_zipkin.testing.plugin\n")
    files = [
        f"{file.relative_to(root)},,"
        for package in ("opentracing", "opentracing_zipkin")
        for file in (root / package).rglob("*.py")
    ]
    (info / "RECORD").write_text("\n".join(files))
    pytester.makepyfile(
        """
        import opentracing_zipkin.tracer

        def test_it(zipkin):
            assert "AssertionRewritingHook" not in repr(opentracing_zipkin.tracer.__loader__)
        """
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.delenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD")
    code = "import opentracing, opentracing_zipkin, pytest, sys; sys.exit(pytest.main(sys.argv[1:]))"
    slow = [part for name in ("hypothesispytest", "anyio", "asyncio", "xdist", "socket") for part in ("-p", f"no:{name}")]
    result = pytester.run(sys.executable, "-c", code, "-W", "error", *slow, "-p", "no:cacheprovider")

    result.assert_outcomes(passed=1)
    assert "cannot be rewritten" not in result.stdout.str() + result.stderr.str()


def test_without_the_extra_a_test_is_told_what_to_install(pytester: pytest.Pytester) -> None:
    """Without the extra the fixture `zipkin` works, and `zipkin_collector` fails on one line."""
    result = run(
        pytester,
        """
        import sys

        sys.modules["waitress"] = None

        def test_spans(zipkin):
            pass

        def test_collector(zipkin_collector):
            pass
        """,
    )  # fmt: skip

    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(["the embedded collector needs waitress: install the extra 'collector'*"])
    result.stdout.no_fnmatch_line("*another exception*")
    result.stdout.no_fnmatch_line("*ModuleNotFoundError*")
