# On PYTHONPATH below `opentracing-zipkin run` where opentracing_zipkin.pth is not installed.  Any interpreter may read this
# file, so it is plain Python.  It starts our tracing, if this environment has it, and then runs the sitecustomize that it
# hides.
import os
import sys

_here = os.path.dirname(os.path.abspath(__file__))
sys.path[:] = [entry for entry in sys.path if os.path.abspath(entry) != _here]

if sys.version_info >= (3, 10):
    try:
        from opentracing_zipkin.startup.start import start as _start

        _start()
    except ImportError as _error:
        if (_error.name or "").partition(".")[0] != "opentracing_zipkin":
            sys.stderr.write("zipkin: opentracing-zipkin run: %s; the program runs untraced\n" % _error)
    except Exception as _error:
        sys.stderr.write("zipkin: opentracing-zipkin run: %s; the program runs untraced\n" % _error)

_ours = sys.modules.pop("sitecustomize")
try:
    import sitecustomize  # type: ignore[import-not-found, unused-ignore]  # noqa: F401
except ImportError as _error:
    if _error.name != "sitecustomize":
        raise
sys.modules.setdefault("sitecustomize", _ours)  # the import in progress looks for it
