"""Lines on a standard stream, or at the end of a file, as container platforms and their agents collect them.

Rules: only whole lines are written, so that lines of several processes and of a log do not mix: into a file all at once, into
anything else in pieces that a pipe takes whole (PIPE_BUF).  If only a part of a line was written, the next try ends that line
first.  No write waits for a reader beyond the time limit: the descriptor is polled before each write.  A standard stream is
never made non-blocking, because this would also change it for the application.  The path is looked up at each message, because
a rotation may have moved the file.
Source: POSIX, `write`: atomic up to PIPE_BUF; with O_APPEND, no other write comes between.
"""

from __future__ import annotations

import errno
import os
import signal
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from ..clock import monotonic, sleep
from ..text import printable
from . import SendError
from .sealed import loaded_anew

__all__ = ["ConsoleSender", "explanation_of", "problem_with"]

WRITE_TIMEOUT_S = 10.0
PIPE_BUF = 4096  # Linux's value; POSIX guarantees 512
MAX_POLL_MS = 50  # short, so that a `limit` set meanwhile by another thread counts at once
RETRY_DELAY_S = 0.01
MAX_SHOWN_PATH_CHARS = 200

# The standard streams are not opened by these names, which fails where a container has a socket in their place.
_STREAMS = {"": "__stderr__", "/dev/stderr": "__stderr__", "/dev/stdout": "__stdout__"}
_REMEDIES = {
    errno.ENOENT: "make its folder",
    errno.ENOTDIR: "make its folder",
    errno.EACCES: "let this process write there",
    errno.EPERM: "let this process write there",
    errno.EISDIR: "give the path of a file",
    errno.EROFS: "give a path on a file system that can be written",
    errno.ENOSPC: "make room",
    errno.EDQUOT: "make room",
    errno.EFBIG: "rotate the file, or raise its limit (ulimit -f)",
    errno.EPIPE: "nobody reads it any more",
    errno.ENXIO: "nobody reads it",
}
_select = loaded_anew("select")  # gevent's patched module needs a hub in our thread, and eventlet removes `poll`
# Non-blocking, because opening a named pipe without a reader would wait.  Windows lacks some of these flags.
_FLAGS = ("O_WRONLY", "O_APPEND", "O_CLOEXEC", "O_NOCTTY", "O_NONBLOCK", "O_BINARY")
_OPEN_FLAGS = sum(getattr(os, name, 0) for name in _FLAGS)


class ConsoleSender:
    """Owns a file's descriptor, or none where it writes to a standard stream; may be used from one thread at a time.

    `path`: an absolute one, or "" for stderr.
    """

    max_bytes = 512 * 1024

    def __init__(self, path: str = "") -> None:
        self.path = path
        self._fd = -1
        self._file: tuple[int, int] | None = None  # the device and the number of the file that was opened last
        self._limit = WRITE_TIMEOUT_S
        self._start_anew()

    def _start_anew(self) -> None:
        self._is_inside_line = False  # the last line was not written whole
        self._begun = b"", 0  # a message that failed, and how many of its bytes were written, in whole lines

    def send(self, body: bytes, /) -> None:
        """Return once the lines are written; lines that a failed try has written are not written again."""
        problem = None
        try:
            with _without_sigpipe():
                self._write(self._descriptor(), body, monotonic() + self._limit)
        except OSError as error:
            problem = error
        if problem is not None:  # raised outside the block, so that the error has no other in its chain
            self.close()
            raise SendError(
                f"{printable(self.path, MAX_SHOWN_PATH_CHARS) or 'stderr'}: {explanation_of(problem)}", retryable=True
            )

    def _write(self, fd: int, body: bytes, ends_at_s: float) -> None:
        status = os.fstat(fd)
        is_file = stat.S_ISREG(status.st_mode)
        # A file that was truncated or made anew since then needs no end of line.
        end_of_line = b"\n" if self._is_inside_line and not (is_file and status.st_size == 0) else b""
        begun, at = self._begun
        at = at if begun == body else 0
        rest = end_of_line + body[at:]
        done = 0
        try:
            while done < len(rest):
                if is_file:
                    done += os.write(fd, rest[done:])
                else:
                    self._wait_until_writable(fd, ends_at_s)
                    try:
                        done += os.write(fd, rest[done : _piece_end(rest, done)])
                    except BlockingIOError:  # another process has filled the pipe meanwhile
                        sleep(RETRY_DELAY_S)
        finally:
            if done:
                whole = rest.rfind(b"\n", 0, done) + 1
                self._is_inside_line = whole < done
                at += max(0, whole - len(end_of_line))
            self._begun = (body, at) if done < len(rest) else (b"", 0)

    def _wait_until_writable(self, fd: int, ends_at_s: float) -> None:
        """Wait until a write would not wait.  Raises TimeoutError."""
        begin, is_ready = monotonic(), False
        while not is_ready:
            if monotonic() > min(ends_at_s, begin + self._limit):
                raise TimeoutError("nobody reads what is written there")
            is_ready = not hasattr(_select, "poll") or _is_writable(fd)  # Windows has no `poll`

    def _descriptor(self) -> int:
        if self.path in _STREAMS:
            return _stream(_STREAMS[self.path])
        if self._fd >= 0 and not self._is_current():
            self.close()
        if self._fd < 0:
            self._fd = _open(self.path)
            opened = os.fstat(self._fd)
            if self._file != (opened.st_dev, opened.st_ino):
                self._file = opened.st_dev, opened.st_ino
                self._is_inside_line = False
        return self._fd

    def _is_current(self) -> bool:
        """Whether the path still names the file that is open."""
        with suppress(OSError):
            return os.path.samestat(os.stat(self.path), os.fstat(self._fd))
        return False

    def limit(self, seconds: float) -> None:
        self._limit = min(self._limit, max(seconds, 0.001))

    def close(self) -> None:
        fd, self._fd = self._fd, -1
        if fd >= 0:
            with suppress(OSError):
                os.close(fd)

    def renew_after_fork(self) -> None:
        """Open the file anew at the next message; the parent ends the line that it has half written."""
        self.close()
        self._start_anew()

    def __repr__(self) -> str:
        return f"ConsoleSender({self.path or 'stderr'!r})"


def problem_with(path: str) -> str:
    """The reason why this user cannot write there now, as far as it shows without writing; "" where nothing is wrong."""
    try:
        if path in _STREAMS:
            os.fstat(_stream(_STREAMS[path]))
        else:
            os.close(os.open(path, _OPEN_FLAGS))
    except FileNotFoundError:
        folder = os.path.dirname(os.path.realpath(path))  # a link may point to a file that does not exist yet
        if not os.path.isdir(folder):
            return explanation_of(OSError(errno.ENOENT, os.strerror(errno.ENOENT)))
        if not os.access(folder, os.W_OK | os.X_OK):
            return explanation_of(OSError(errno.EACCES, os.strerror(errno.EACCES)))
    except OSError as error:
        return explanation_of(error)
    return ""


def _open(path: str) -> int:
    """Open the file, and make it where it is missing.

    O_CREAT is used only then: with it, Linux refuses to open another user's file in /tmp (fs.protected_regular).
    """
    with suppress(FileNotFoundError):
        return os.open(path, _OPEN_FLAGS)
    return os.open(path, _OPEN_FLAGS | os.O_CREAT, 0o666)


def _stream(name: str) -> int:
    """The descriptor of a standard stream; raises OSError where the application has closed it."""
    stream: Any = getattr(sys, name)
    if stream is None or stream.closed:
        raise OSError(errno.EBADF, "this process has closed it, or was started without it")
    fd: int = stream.fileno()
    return fd


def _is_writable(fd: int) -> bool:
    poll = _select.poll()
    poll.register(fd, _select.POLLOUT)
    return bool(poll.poll(MAX_POLL_MS))


def _piece_end(lines: bytes, begin: int) -> int:
    """The end of the next write: as many whole lines as a pipe takes at once, or a part of a longer line."""
    return lines.rfind(b"\n", begin, begin + PIPE_BUF) + 1 or begin + PIPE_BUF


def explanation_of(error: OSError) -> str:
    """The reason, and the remedy where there is one."""
    reason = error.strerror or str(error)
    remedy = _REMEDIES.get(error.errno or 0, "")
    return f"{reason}; {remedy}" if remedy else reason


@contextmanager
def _without_sigpipe() -> Iterator[None]:
    """Block SIGPIPE meanwhile where it has its default action: otherwise a missing reader would end the process."""
    pipe: Any = getattr(signal, "SIGPIPE", None)  # not on Windows
    if pipe is None or signal.getsignal(pipe) is not signal.SIG_DFL:
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {pipe})
    try:
        yield
    finally:
        if pipe not in before:
            if pipe in signal.sigpending():
                signal.sigwait({pipe})
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
