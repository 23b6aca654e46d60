"""SIGTERM and SIGHUP in a process: finished spans are sent, the process ends as it would have, and other handlers still work.

A test with the fixture `by` has code for SIGTERM, and runs it for each of the two signals.
"""

from __future__ import annotations

import os
import pty
import re
import signal
import subprocess
import sys
import textwrap
import time
from typing import NamedTuple

import pytest

from opentracing_zipkin.collector import Collector

SPANS = 300
BEGIN = f"""
import _thread, faulthandler, inspect, logging, os, pickle, signal, sys, threading, time
from concurrent.futures import ThreadPoolExecutor
import opentracing_zipkin

def configure(**settings):
    return opentracing_zipkin.configure("service", endpoint=sys.argv[1], flush_interval=60, **settings)

def finish(number={SPANS}):
    for _ in range(number):
        tracer.start_trace("x").finish()

def pass_on(*args):  # a handler of a server's
    pass
"""
# This server accepts the connection and never answers.
SILENT = "import socket; silent = socket.create_server(('127.0.0.1', 0)); sys.argv[1] = f'http://127.0.0.1:{silent.getsockname()[1]}'"


class End(NamedTuple):
    status: int
    spans: int
    seconds: float
    printed: str
    told: str


def end(code: str) -> End:
    """The end of a process that ran the code after BEGIN; `seconds` count from a line "begin" that it printed."""
    with Collector() as collector:
        program = f"{BEGIN}\n{textwrap.dedent(code)}"
        command = [sys.executable, "-u", "-c", program, collector.url]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            assert process.stderr is not None
            printed = process.stdout.readline()
            begin = time.monotonic()
            printed += process.stdout.read()
            seconds = time.monotonic() - begin
            told = process.stderr.read()
        return End(process.returncode, sum(map(len, collector.store.traces())), seconds, printed, told)


class By:
    """Runs code for SIGTERM with another signal; `status` is that of a process that the signal has ended."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.status = -signal.Signals[name]

    def end(self, code: str) -> End:
        ended = end(code.replace("SIGTERM", self.name))
        return ended._replace(told=ended.told.replace(self.name, "SIGTERM"))


SIGNALS = ["SIGTERM", "SIGHUP"]


@pytest.fixture(params=SIGNALS)
def by(request: pytest.FixtureRequest) -> By:
    return By(request.param)


# Each of these sends the signal after a server's own handler was replaced by SIG_DFL.
SENT_AGAIN = {
    "raise_signal": "signal.raise_signal(signal.SIGTERM)",
    "kill": "os.kill(os.getpid(), signal.SIGTERM)",
    "raise_signal by number": "signal.raise_signal(int(signal.SIGTERM))",
    "from a thread": "threading.Thread(target=signal.raise_signal, args=[signal.SIGTERM]).start(); time.sleep(5)",
}


@pytest.mark.parametrize("how", SENT_AGAIN)
@pytest.mark.parametrize("place", ["before the server's handler", "under the server's handler"])
def test_a_process_that_sends_sigterm_to_itself_again_has_sent_every_span(how: str, place: str, by: By) -> None:
    """A process that sends SIGTERM to itself has sent every span, without an exit handler, and has the signal's status."""
    code = "tracer = configure()\nfinish()\n"
    under = place == "under the server's handler"
    handled = "signal.signal(signal.SIGTERM, pass_on)\n"
    code = handled + code if under else code + handled
    ended = by.end(code + f"signal.signal(signal.SIGTERM, signal.SIG_DFL)\n{SENT_AGAIN[how]}")

    assert (by.status, SPANS, "") == (ended.status, ended.spans, ended.told)


def test_the_collector_of_a_process_that_sends_sigterm_to_itself_may_be_silent(by: By) -> None:
    """With a silent collector the process ends after `exit_stall_timeout`, by the signal, and tells how many spans are lost."""
    ended = by.end(f"""
        {SILENT}
        signal.signal(signal.SIGTERM, pass_on)
        tracer = configure(exit_stall_timeout=0.4)
        finish()
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        print("begin", flush=True)
        signal.raise_signal(signal.SIGTERM)
    """)

    assert by.status == ended.status
    assert 2.0 > ended.seconds  # 0.4 s, and only once
    assert f"zipkin: {SPANS} spans were not accepted before SIGTERM and are lost\n" == ended.told


@pytest.mark.parametrize("second", SIGNALS)
@pytest.mark.parametrize("first", SIGNALS)
def test_a_second_signal_ends_the_process_at_once(first: str, second: str) -> None:
    """A second signal, even the other one, ends the process at once while waiting spans are being sent."""
    ended = end(f"""
        {SILENT}
        tracer = configure(exit_stall_timeout=20, exit_timeout=20)
        finish()
        print("begin", flush=True)
        code = f"import os, time; time.sleep(0.4); os.kill({{os.getpid()}}, {{signal.{second}:d}})"
        os.spawnl(os.P_NOWAIT, sys.executable, sys.executable, "-c", code)
        os.kill(os.getpid(), signal.{first})
        time.sleep(20)
    """)

    assert -signal.Signals[second] == ended.status
    assert 5.0 > ended.seconds


@pytest.mark.parametrize("second", SIGNALS)
@pytest.mark.parametrize("first", SIGNALS)
def test_a_second_signal_at_once_belongs_to_the_first(first: str, second: str) -> None:
    """systemd may send SIGHUP right after SIGTERM, and the end of a session two SIGHUPs; the first signal counts."""
    ended = end(f"""
        tracer = configure()
        finish()
        def both():
            time.sleep(0.1)
            for number in (signal.{first}, signal.{second}):
                signal.pthread_kill(threading.main_thread().ident, number)
                time.sleep(0.01)
            time.sleep(60)
        threading.Thread(target=both, daemon=True).start()
        time.sleep(20)
    """)

    assert (-signal.Signals[first], SPANS, "") == (ended.status, ended.spans, ended.told)


REFUSED = {
    "a thread": ("threading.Thread(target=run).start()", "this is not the main thread of the main interpreter"),
    "a signal that is blocked": (
        "signal.pthread_sigmask(signal.SIG_BLOCK, both); run()",
        "it is blocked",
    ),
    "a handler in C": (
        "[faulthandler.register(number, open(os.devnull, 'w')) for number in both]; run()",
        "it has a handler from outside Python",
    ),
}


@pytest.mark.parametrize("where", REFUSED)
def test_where_sigterm_cannot_be_handled_nothing_changes(where: str, by: By) -> None:
    """Where SIGTERM cannot be handled, nothing changes except for a line at DEBUG with the reason."""
    act, reason = REFUSED[where]
    ended = by.end(f"""
        logging.basicConfig(level=logging.DEBUG)
        before = signal.raise_signal, os.kill
        both = [15, 1]
        run = configure
        {act}
        time.sleep(0.2)
        print(signal.getsignal(signal.SIGTERM) == signal.SIG_DFL, before == (signal.raise_signal, os.kill))
    """)

    assert f"DEBUG:opentracing_zipkin:zipkin: SIGTERM is not handled, because {reason}\n" in ended.told
    assert "True True\n" == ended.printed


def test_a_signal_that_cannot_be_handled_changes_nothing_for_the_other(by: By) -> None:
    """If one of the two signals is blocked, the other one is handled as usual."""
    ended = by.end("""
        signal.pthread_sigmask(signal.SIG_BLOCK, {15, 1} - {signal.SIGTERM})
        tracer = configure()
        finish()
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(20)
    """)

    assert (by.status, SPANS, "") == (ended.status, ended.spans, ended.told)


def test_in_a_subinterpreter_nothing_changes() -> None:
    """In a subinterpreter nothing changes, because only the main interpreter handles signals."""
    ended = end("""
        try:
            import _interpreters as interpreters
        except ImportError:
            import _xxsubinterpreters as interpreters
        logging.disable()
        code = '''if True:
            import logging, signal
            logging.basicConfig(level=logging.DEBUG)
            before = signal.raise_signal
            from opentracing_zipkin.process.termination import handle_signals
            handle_signals()
            assert before is signal.raise_signal
        '''
        path = f'import sys; sys.path.insert(0, {os.getcwd()!r})\\n'
        failure = interpreters.run_string(interpreters.create(), path + code)
        print(failure)
    """)

    assert "None\n" == ended.printed
    assert "this is not the main thread of the main interpreter" in ended.told


def test_a_handler_that_python_does_not_know_still_handles_sigterm(by: By) -> None:
    """A handler that Python does not know keeps SIGTERM, even one set after `configure`; our listener is not called."""
    ended = by.end("""
        signal.signal(signal.SIGTERM, pass_on)
        tracer = configure()
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        faulthandler.register(signal.SIGTERM, open(os.devnull, "w"))
        signal.raise_signal(signal.SIGTERM)
        finish()
        print(tracer.flush(5), tracer.stats.sent)
    """)

    assert (0, f"True {SPANS}\n") == (ended.status, ended.printed)


def test_an_applications_handler_may_call_the_one_before_it() -> None:
    """If an application's handler calls the one before it, which is ours, all spans are sent; the signal ends the process."""
    ended = end("""
        tracer = configure()
        before = signal.getsignal(signal.SIGTERM)
        def handle(number, frame):
            print("mine", flush=True)
            finish()
            before(number, frame)
        signal.signal(signal.SIGTERM, handle)
        finish()
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(5)
    """)

    assert (-15, 2 * SPANS, "mine\n") == (ended.status, ended.spans, ended.printed)


@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP", "SIGINT", "SIGUSR1"])
def test_one_handler_of_several_signals_may_call_that_of_sigterm(name: str) -> None:
    """The handler that SIGTERM had, called for any signal, sends the spans and ends the process by SIGTERM."""
    ended = end(f"""
        tracer = configure()
        before = signal.getsignal(signal.SIGTERM)
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGUSR1):
            signal.signal(number, lambda *args: before(*args))
        finish()
        os.kill(os.getpid(), signal.{name})
        time.sleep(5)
    """)

    assert (-15, SPANS, "") == (ended.status, ended.spans, ended.told)


def test_a_reload_may_call_the_handler_before_it() -> None:
    """SIGHUP often means a reload: if its handler, set after `configure`, calls ours, spans are sent and the process goes on."""
    ended = end("""
        tracer = configure()
        before = signal.getsignal(signal.SIGHUP)
        def reload(number, frame):
            if callable(before):
                before(number, frame)
        signal.signal(signal.SIGHUP, reload)
        finish()
        os.kill(os.getpid(), signal.SIGHUP)
        deadline = time.monotonic() + 20
        while tracer.stats.sent < 300 and time.monotonic() < deadline:
            time.sleep(0.01)
        print(tracer.stats.sent, tracer.stats.queued)
        finish()
    """)

    assert (0, "300 0\n", 2 * SPANS) == (ended.status, ended.printed, ended.spans)


OTHERS = {
    "it was ignored before, as by nohup": ("signal.signal(signal.SIGTERM, signal.SIG_IGN)", ""),
    "it is ignored later": ("", "signal.signal(signal.SIGTERM, signal.SIG_IGN)"),
    "it had a handler before": ("signal.signal(signal.SIGTERM, pass_on)", ""),
    "it has a handler later": ("", "signal.signal(signal.SIGTERM, pass_on)"),
}


@pytest.mark.parametrize("case", OTHERS)
def test_a_signal_that_other_code_handles_or_ignores_is_left_to_it(case: str, by: By) -> None:
    """Such a process goes on, its tracer stays open, and its exit sends the waiting spans."""
    before, later = OTHERS[case]
    ended = by.end(f"""
        {before}
        tracer = configure()
        {later}
        mine = signal.getsignal(signal.SIGTERM)
        finish()
        os.kill(os.getpid(), signal.SIGTERM)
        signal.raise_signal(signal.SIGTERM)
        finish()
        print(mine is signal.getsignal(signal.SIGTERM), mine in (signal.SIG_IGN, pass_on), tracer.stats.dropped["closed"])
    """)

    assert (0, 2 * SPANS, "True True 0\n", "") == (ended.status, ended.spans, ended.printed, ended.told)


def test_a_process_whose_terminal_is_closed_has_sent_every_span() -> None:
    """Closing the terminal sends SIGHUP: the waiting spans are sent, and the process ends by the signal."""
    with Collector() as collector:
        begin = f"{BEGIN}\nimport fcntl, termios\nfcntl.ioctl(0, termios.TIOCSCTTY, 0)  # stdin is this session's terminal"
        program = f"{begin}\ntracer = configure()\nfinish()\nprint('ready', flush=True)\ntime.sleep(20)"
        users_end, terminal = pty.openpty()
        command = [sys.executable, "-u", "-c", program, collector.url]
        with subprocess.Popen(command, stdin=terminal, stdout=terminal, stderr=terminal, start_new_session=True) as process:
            os.close(terminal)
            shown = os.read(users_end, 1000).strip()
            os.close(users_end)
        spans = sum(map(len, collector.store.traces()))

    assert (b"ready", -signal.SIGHUP, SPANS) == (shown, process.returncode, spans)


def test_an_applications_handler_may_call_the_one_before_it_from_a_thread(by: By) -> None:
    """On a thread no disposition can be restored: the waiting spans are sent, and the application decides about the end."""
    ended = by.end("""
        tracer = configure()
        before = signal.getsignal(signal.SIGTERM)
        signal.signal(signal.SIGTERM, lambda *args: threading.Thread(target=before, args=args).start())
        finish()
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(1)
        print(tracer.stats.sent)
        finish()
    """)

    assert (0, f"{SPANS}\n", 2 * SPANS) == (ended.status, ended.printed, ended.spans)


def test_requests_on_other_threads_may_end() -> None:
    """Requests on other threads get half a second to end; a thread that takes longer is not waited for."""
    ended = end("""
        tracer = configure()
        def request(seconds):
            with tracer.start_active_span("request"):
                time.sleep(seconds)
        for seconds in (0.1, 0.2, 60):
            threading.Thread(target=request, args=[seconds], daemon=True).start()
        print("begin", flush=True)
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(5)
    """)

    assert (-15, 2) == (ended.status, ended.spans)
    assert 3.0 > ended.seconds


def test_the_span_that_sigterm_interrupts_is_not_sent(by: By) -> None:
    """A span that SIGTERM interrupts is never finished, so it is not sent."""
    ended = by.end("""
        tracer = configure()
        finish()
        with tracer.start_active_span("interrupted"):
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(5)
    """)

    assert (by.status, SPANS) == (ended.status, ended.spans)


def test_a_main_thread_that_computes_in_c_ends_when_it_is_back() -> None:
    """A main thread that computes in C ends when it is back, because Python runs handlers between two of its instructions."""
    ended = end("""
        import hashlib, subprocess
        tracer = configure()
        finish()
        code = f"import os, time; time.sleep(0.2); os.kill({os.getpid()}, 15)"
        killer = subprocess.Popen([sys.executable, "-c", code])
        until = time.monotonic() + 1.0
        while killer.poll() is None or time.monotonic() < until:
            hashlib.pbkdf2_hmac("sha256", b"", b"", 1_000_000)  # some tenths of a second
    """)

    assert (-15, SPANS) == (ended.status, ended.spans)


def test_threads_that_wait_for_work_are_not_waited_for() -> None:
    """Threads of pools and servers that wait for work, and the tracer's own thread, are not waited for."""
    code = """
        tracer = configure()
        pool = ThreadPoolExecutor(2)
        pool.submit(finish).result()
        time.sleep(0.1)
        print("begin", flush=True)
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(5)
    """
    ends = [end(code) for _ in range(3)]

    assert [(-15, SPANS)] * 3 == [(ended.status, ended.spans) for ended in ends]
    assert 0.4 > min(ended.seconds for ended in ends)


def test_the_wrapped_functions_look_as_they_did() -> None:
    """The wrapped functions keep name, text and signature; they can be pickled, and pass on all other calls."""
    ended = end("""
        functions = signal.raise_signal, os.kill
        def looks():
            return [
                (each.__name__, each.__doc__, str(inspect.signature(each)))
                for each in (signal.raise_signal, os.kill)
            ]
        before = looks()
        tracer = configure()
        now = signal.raise_signal, os.kill
        print(functions != now, before == looks(), pickle.loads(pickle.dumps(now)) == now)
        heard = []
        for number in (signal.SIGUSR1, signal.SIGUSR2):
            signal.signal(number, lambda number, _: heard.append(number))
        signal.raise_signal(signal.SIGUSR1)
        os.kill(os.getpid(), signal.SIGUSR2)
        for wrong in (lambda: signal.raise_signal("x"), lambda: os.kill(0.5, "x"), signal.raise_signal):
            try:
                wrong()
            except TypeError:
                heard.append("TypeError")
        print(*heard)
    """)

    assert "True True True" == ended.printed.splitlines()[0]
    assert "10 12 TypeError TypeError TypeError" == ended.printed.splitlines()[1]


def test_the_functions_are_wrapped_once_and_the_last_configure_decides(by: By) -> None:
    """`handle_sigterm=False` restores the handler and both functions, even after another `configure` had replaced them."""
    ended = by.end("""
        before = signal.raise_signal, os.kill
        tracer = configure(handle_sigterm=False)
        print(before == (signal.raise_signal, os.kill), signal.getsignal(signal.SIGTERM) == signal.SIG_DFL)
        tracer = configure()
        first = signal.raise_signal, os.kill
        tracer = configure()
        print(before != first, first == (signal.raise_signal, os.kill))
        tracer = configure(handle_sigterm=False)
        print(before == (signal.raise_signal, os.kill), signal.getsignal(signal.SIGTERM) == signal.SIG_DFL)
        finish()
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(5)
    """)

    assert ["True True"] * 3 == ended.printed.splitlines()
    assert (by.status, 0) == (ended.status, ended.spans)


WRAPPERS = {
    "one that says whom it wraps": "functools.update_wrapper(other, former)",
    "one that says nothing": "pass",
}


@pytest.mark.parametrize("wrapper", WRAPPERS)
@pytest.mark.parametrize(("handled", "spans"), [(True, SPANS), (False, 0)])
def test_others_may_wrap_the_functions_after_us(wrapper: str, handled: bool, spans: int, by: By) -> None:
    """A wrapper that other code adds stays, whatever is configured after it, and the spans are sent once."""
    ended = by.end(f"""
        import functools
        tracer = configure()
        former = signal.raise_signal
        def other(number):
            print("other", flush=True)
            former(number)
        {WRAPPERS[wrapper]}
        signal.raise_signal = other
        tracer = configure(handle_sigterm={handled})
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        finish()
        signal.raise_signal(signal.SIGTERM)
    """)

    assert (by.status, spans, "other\n") == (ended.status, ended.spans, ended.printed)


def test_a_function_that_was_taken_before_configure_ends_the_process_at_once(by: By) -> None:
    """A function imported by `from signal import raise_signal` has no wrapper, so the waiting spans are lost."""
    ended = by.end("""
        from signal import raise_signal
        signal.signal(signal.SIGTERM, pass_on)
        tracer = configure()
        finish()
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        raise_signal(signal.SIGTERM)
    """)

    assert (by.status, 0) == (ended.status, ended.spans)


def test_a_handler_that_leaves_by_sys_exit_needs_nothing_of_us(by: By) -> None:
    """A handler that calls `sys.exit`, set before or after `configure`, runs exit handlers, and the status is the handler's."""
    handled = "signal.signal(signal.SIGTERM, lambda *_: sys.exit(7))"
    configured = "tracer = configure(); finish()"
    sent = "os.kill(os.getpid(), signal.SIGTERM); time.sleep(5)"
    ends = [by.end("\n".join([*steps, sent])) for steps in ([handled, configured], [configured, handled])]

    assert [(7, SPANS)] * 2 == [(ended.status, ended.spans) for ended in ends]


def test_sigterm_in_a_subprocess_is_none_of_ours() -> None:
    """If a child process is terminated, its parent goes on."""
    ended = end("""
        import subprocess
        signal.signal(signal.SIGTERM, pass_on)
        tracer = configure()
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(20)"])
        child.terminate()
        print(child.wait(), tracer.stats.dropped["closed"])
        finish()
    """)

    assert (0, SPANS, "-15 0\n") == (ended.status, ended.spans, ended.printed)


@pytest.mark.parametrize("name", ["SIGINT", "SIGQUIT", "SIGUSR1"])
def test_other_signals_end_a_process_as_ever(name: str) -> None:
    """Signals other than SIGTERM and SIGHUP end a process with the same status as without a tracer."""
    code = f"signal.signal(signal.{name}, signal.SIG_DFL)\nsignal.raise_signal(signal.{name})"
    without, ended = end(code), end(f"tracer = configure()\n{code}")

    assert without.status == ended.status < 0
    assert not re.search("Traceback", ended.told)


def test_ctrl_c_costs_no_finished_span() -> None:
    """Ctrl-C raises KeyboardInterrupt, so the process reaches its exit, which sends the waiting spans."""
    ended = end("""
        tracer = configure()
        finish()
        with tracer.start_active_span("interrupted"):
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(20)
    """)

    assert (-signal.SIGINT, SPANS + 1) == (ended.status, ended.spans)
