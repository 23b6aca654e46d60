"""Lines on a standard stream, or at the end of a file, as container platforms and their agents collect them.

Rules: only whole lines are written: at once into a file, in pieces that a pipe takes whole (PIPE_BUF) into anything else, so
that lines of several processes and of a log stay apart.  A line that could not be written whole is ended before the next try.
Nothing waits for a reader longer than the time given: the descriptor is asked first, and never made non-blocking, because its
other owners would meet that.  A file is looked for at each message, since a rotation may have moved it.
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

__all__ = ["ConsoleSender", "problem_with", "words_of"]

WRITE_TIMEOUT_S = 10.0
PIPE_BUF = 4096  # Linux's; POSIX asks for 512
MAX_POLL_MS = 50  # so that `limit`, called meanwhile by another thread, counts at once
PAUSE_S = 0.01
MAX_SHOWN_CHARS = 200

# Standard streams, which a container may have as a socket, so that they cannot be opened by their names.
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
_select = loaded_anew("select")  # gevent's would want a hub of our thread, and eventlet takes `poll` away
# Non-blocking because of pipes with names; the descriptor is our own.  Windows has not all of these.
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
        self._is_in_line = False  # the last line was not written whole
        self._begun = b"", 0  # a message of which so many bytes, in whole lines, were written before it failed

    def send(self, body: bytes, /) -> None:
        """Return once the lines, each with its end, are written; what a failed try has written is not written again."""
        problem = None
        try:
            with _without_sigpipe():
                self._write(self._descriptor(), body, monotonic() + self._limit)
        except OSError as error:
            problem = error
        if problem is not None:  # raised out of the block: it says all that the other error does
            self.close()
            raise SendError(f"{printable(self.path, MAX_SHOWN_CHARS) or 'stderr'}: {words_of(problem)}", retryable=True)

    def _write(self, fd: int, body: bytes, ends_at_s: float) -> None:
        status = os.fstat(fd)
        is_file = stat.S_ISREG(status.st_mode)
        # A file that was cut or made anew since then begins with a line.
        end_of_line = b"\n" if self._is_in_line and not (is_file and status.st_size == 0) else b""
        begun, at = self._begun
        at = at if begun == body else 0
        rest = end_of_line + body[at:]
        done = 0
        try:
            while done < len(rest):
                if is_file:
                    done += os.write(fd, rest[done:])
                else:
                    self._await(fd, ends_at_s)
                    try:
                        done += os.write(fd, rest[done : _piece_end(rest, done)])
                    except BlockingIOError:  # another process was faster
                        sleep(PAUSE_S)
        finally:
            if done:
                whole = rest.rfind(b"\n", 0, done) + 1
                self._is_in_line = whole < done
                at += max(0, whole - len(end_of_line))
            self._begun = (body, at) if done < len(rest) else (b"", 0)

    def _await(self, fd: int, ends_at_s: float) -> None:
        """Until a write does not wait.  Raises TimeoutError."""
        begin, is_ready = monotonic(), False
        while not is_ready:
            if monotonic() > min(ends_at_s, begin + self._limit):
                raise TimeoutError("nobody reads what is written there")
            is_ready = not hasattr(_select, "poll") or _is_writable(fd)  # Windows has none

    def _descriptor(self) -> int:
        if self.path in _STREAMS:
            return _stream(_STREAMS[self.path])
        if self._fd >= 0 and not self._is_current():
            self.close()
        if self._fd < 0:
            self._fd = _opened(self.path)
            opened = os.fstat(self._fd)
            if self._file != (opened.st_dev, opened.st_ino):
                self._file = opened.st_dev, opened.st_ino
                self._is_in_line = False
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
        """The file is opened anew; a line that the parent has not written whole is the parent's to end."""
        self.close()
        self._start_anew()

    def __repr__(self) -> str:
        return f"ConsoleSender({self.path or 'stderr'!r})"


def problem_with(path: str) -> str:
    """Why this user cannot write there now, as far as it shows without writing; "" where nothing is wrong."""
    try:
        if path in _STREAMS:
            os.fstat(_stream(_STREAMS[path]))
        else:
            os.close(os.open(path, _OPEN_FLAGS))
    except FileNotFoundError:
        folder = os.path.dirname(os.path.realpath(path))  # of the file that a link would make
        if not os.path.isdir(folder):
            return words_of(OSError(errno.ENOENT, os.strerror(errno.ENOENT)))
        if not os.access(folder, os.W_OK | os.X_OK):
            return words_of(OSError(errno.EACCES, os.strerror(errno.EACCES)))
    except OSError as error:
        return words_of(error)
    return ""


def _opened(path: str) -> int:
    """Made only where it is missing: Linux refuses to make what another user has in a folder as /tmp (fs.protected_regular)."""
    with suppress(FileNotFoundError):
        return os.open(path, _OPEN_FLAGS)
    return os.open(path, _OPEN_FLAGS | os.O_CREAT, 0o666)


def _stream(name: str) -> int:
    """The descriptor of a stream that the process was started with, which an application may have closed."""
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
    """Where to end a write: as many whole lines as a pipe takes at once, or a part of a longer line."""
    return lines.rfind(b"\n", begin, begin + PIPE_BUF) + 1 or begin + PIPE_BUF


def words_of(error: OSError) -> str:
    """The reason, and the remedy where there is one."""
    reason = error.strerror or str(error)
    remedy = _REMEDIES.get(error.errno or 0, "")
    return f"{reason}; {remedy}" if remedy else reason


@contextmanager
def _without_sigpipe() -> Iterator[None]:
    """Where SIGPIPE has its default, as in some commands, a reader that is gone would end the process."""
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
