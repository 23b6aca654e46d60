"""Post-import hooks are called once, when a module is complete, and leave no trace on the module."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from opentracing_zipkin.instrument import hooks
from opentracing_zipkin.instrument.hooks import when_imported, write_stderr

Run = Callable[..., str]

# A package, and modules that import it or ask for hooks.
FILES = {
    "shop/__init__.py": "VALUE = 1\nfrom shop import prices\n",
    "shop/prices.py": "PRICE = 2\n",
    "shop/data.txt": "tea",
    "outer.py": "import middle\nWHOLE = True\n",
    "middle.py": "import shop\nWHOLE = True\n",
    "broken.py": "import shop\nraise ValueError('broken')\n",
    "asking.py": "from opentracing_zipkin.instrument.hooks import after_imports\nafter_imports(lambda: print('asked', WHOLE))\nWHOLE = True\n",
    "halves/__init__.py": "import halves.first\nWHOLE = True\n",
    "halves/first.py": """
import sys
from opentracing_zipkin.instrument.hooks import when_imported
when_imported("halves", lambda: print("whole", sys.modules["halves"].WHOLE))
print("first")
""",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("modules")
    for name, text in FILES.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)
    return folder


@pytest.fixture
def run(folder: Path) -> Run:
    """Run a program in a new interpreter beside the files, and return its output."""

    def run(code: str, path: Path | None = None, environment: Mapping[str, str] | None = None) -> str:
        head = "import sys\nfrom opentracing_zipkin.instrument.hooks import after_imports, when_imported\n"
        done = subprocess.run(
            [sys.executable, "-c", head + code],
            env={**os.environ, "PYTHONPATH": str(path or folder), **(environment or {})},
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        return done.stdout + done.stderr

    return run


@pytest.fixture(autouse=True)
def _nothing_left() -> Iterator[None]:
    yield
    hooks._waiting.clear()
    if hooks._finder in sys.meta_path:
        sys.meta_path.remove(hooks._finder)


def test_a_hook_is_called_when_its_package_is_whole(run: Run) -> None:
    """A hook is called once, after the package and all modules that it imports are complete."""
    code = "when_imported('shop', lambda: print('hook', sys.modules['shop'].prices.PRICE))\nprint('before')\nimport shop.prices, shop\nprint('after')"

    assert "before\nhook 2\nafter\n" == run(code)


def test_several_hooks_are_called_in_their_order(run: Run) -> None:
    """Several hooks of one package are called in the order of `when_imported`."""

    assert "1\n2\n" == run("when_imported('shop', lambda: print(1))\nwhen_imported('shop', lambda: print(2))\nimport shop")


def test_a_module_that_is_imported_already_has_its_hook_called_at_once() -> None:
    """For a module that is imported already, `when_imported` calls the hook before it returns."""
    called: list[int] = []
    when_imported("sys", lambda: called.append(1))

    assert [1] == called


def test_a_module_that_is_half_imported_has_its_hook_called_at_its_end(run: Run) -> None:
    """Where a submodule asks during the package's import, the hook is called at the end of that import."""

    assert "first\nwhole True\n" == run("import halves")


def test_a_failed_import_calls_no_hook_and_the_next_one_does(run: Run, tmp_path: Path) -> None:
    """After a failed import, the hook waits until an import succeeds."""
    (tmp_path / "fails.py").write_text("import os\nif 'AGAIN' not in os.environ: raise ValueError")
    code = """
when_imported("fails", lambda: print("hook"))
try:
    import fails
except ValueError:
    print("failed")
import os
os.environ["AGAIN"] = ""
import fails
"""

    assert "failed\nhook\n" == run(code, tmp_path)


@pytest.mark.parametrize("kind", ["Exception", "ImportError", "RecursionError"])
def test_a_hook_that_raises_is_one_line_and_the_import_goes_on(run: Run, kind: str) -> None:
    """A hook that raises costs one line with the module and the exception's type and text; the other hooks are called."""
    code = f"def hook(): raise {kind}('of\\nours')\nwhen_imported('shop', hook)\nwhen_imported('shop', lambda: print('second'))\nimport shop\nprint(shop.VALUE)"

    assert f"second\n1\nzipkin: the hook after the import of shop raised {kind}: of ours; the program goes on\n" == run(code)


ASKED = {
    "inspect.getsource": "import inspect; print(inspect.getsource(shop).split()[0])",
    "importlib.resources": "import importlib.resources; print(importlib.resources.files(shop).joinpath('data.txt').read_text())",
    "pkgutil.get_data": "import pkgutil; print(pkgutil.get_data('shop', 'data.txt').decode())",
    "pkgutil.iter_modules": "import pkgutil; print(*[found.name for found in pkgutil.iter_modules(shop.__path__)])",
    "loader": "print(type(shop.__loader__).__name__, shop.__loader__ is shop.__spec__.loader)",
    "linecache": "import linecache; print(linecache.getline(shop.__file__, 1).split()[0])",
}


@pytest.mark.parametrize("asked", ASKED)
def test_a_module_shows_no_trace_of_its_hook(run: Run, asked: str) -> None:
    """A module with a hook has the same loader and spec as one without."""
    expected = run(f"import shop\n{ASKED[asked]}")

    assert expected == run(f"when_imported('shop', lambda: 1)\nimport shop\n{ASKED[asked]}")
    assert "Error" not in expected


LOOKED_UP = {
    "spec": "spec = importlib.util.find_spec('shop'); print(spec.origin[-16:], spec.loader.is_package('shop'))",
    "kind": "print(isinstance(importlib.util.find_spec('shop').loader, importlib.machinery.SourceFileLoader))",
    "source": "print(importlib.util.find_spec('shop').loader.get_source('shop').split()[0])",
    "by hand": "spec = importlib.util.find_spec('shop'); m = importlib.util.module_from_spec(spec); sys.modules['shop'] = m; spec.loader.exec_module(m); print(m.VALUE, type(m.__loader__).__name__)",
    "reloaded": "import shop; importlib.reload(shop); print(shop.VALUE, type(shop.__loader__).__name__)",
    "lazily": "spec = importlib.util.find_spec('shop'); spec.loader = importlib.util.LazyLoader(spec.loader); m = importlib.util.module_from_spec(spec); sys.modules['shop'] = m; spec.loader.exec_module(m); print(m.VALUE)",
}


@pytest.mark.parametrize("looked_up", LOOKED_UP)
def test_a_package_may_be_looked_up_without_being_imported(run: Run, looked_up: str) -> None:
    """`importlib.util` finds the same spec with a hook and without."""
    code = f"import importlib.util, importlib.machinery\n{LOOKED_UP[looked_up]}"
    expected = run(code)

    assert expected == run(f"when_imported('shop', lambda: 1)\n{code}")
    assert "Error" not in expected


def test_a_package_in_a_zip_file_is_hooked_too(run: Run, folder: Path, tmp_path: Path) -> None:
    """A hook works in a zip file, where all modules share one loader."""
    import zipfile

    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        for name in FILES:
            archive.write(folder / name, name)
    code = "when_imported('shop', lambda: print('hook'))\nimport outer, shop\nprint(type(shop.__loader__).__name__, 'all.zip' in shop.__file__)"

    assert "hook\nzipimporter True\n" == run(code, tmp_path / "all.zip")


def test_a_package_without_a_file_of_its_own_is_imported_as_ever(run: Run, tmp_path: Path) -> None:
    """A namespace package is imported as usual, and its hook is not called, because no library is one."""
    (tmp_path / "space").mkdir()

    assert "_NamespacePath\n" == run(
        "when_imported('space', lambda: print('hook'))\nimport space\nprint(type(space.__path__).__name__)", tmp_path
    )


def test_what_follows_imports_is_called_at_the_end_of_the_outermost(run: Run) -> None:
    """`after_imports` waits for the outermost import in progress; without one it calls the hook at once."""
    code = """
when_imported("shop", lambda: after_imports(lambda: print("end", hasattr(sys.modules["outer"], "WHOLE"))))
import outer
after_imports(lambda: print("now"))
"""

    assert "end True\nnow\n" == run(code)


def test_what_follows_imports_is_called_where_the_outermost_fails(run: Run) -> None:
    """`after_imports` calls the hook also when the outermost import fails."""
    code = """
when_imported("shop", lambda: after_imports(lambda: print("end")))
try:
    import broken
except ValueError as error:
    print(error)
"""

    assert "end\nbroken\n" == run(code)


def test_what_follows_imports_may_import_and_ask_again(run: Run) -> None:
    """A hook of `after_imports` may import modules and call `after_imports`, whose hook runs at once."""
    code = """
def second():
    print("second")
def first():
    import middle
    after_imports(second)
    print("first")
when_imported("shop", lambda: after_imports(first))
import outer
"""

    assert "second\nfirst\n" == run(code)


def test_an_import_in_another_thread_is_not_waited_for(run: Run, tmp_path: Path) -> None:
    """`after_imports` waits only for imports of its own thread."""
    (tmp_path / "slow.py").write_text(
        "import threading\nGO, IN = threading.Event(), threading.Event()\nIN.set(); GO.wait(20)\n"
    )
    code = """
import threading, time
thread = threading.Thread(target=__import__, args=("slow",))
thread.start()
while not hasattr(sys.modules.get("slow"), "IN"): time.sleep(0.001)
slow = sys.modules["slow"]
slow.IN.wait()
after_imports(lambda: print("now"))
when_imported("slow", lambda: print("slow", threading.current_thread() is thread))
slow.GO.set()
thread.join()
"""

    assert "now\nslow True\n" == run(code, tmp_path)


def test_a_spec_that_was_watched_is_an_ordinary_one_again(run: Run) -> None:
    """A watched spec has its original class again when the import has ended."""

    assert "asked True\nModuleSpec\n" == run("import asking\nprint(type(asking.__spec__).__name__)")


def test_hooks_import_nothing_that_an_interpreter_has_not_imported() -> None:
    """`hooks` imports only modules of ours, because other modules would be loaded before gevent patches them."""
    code = (
        "import sys; before = set(sys.modules); import opentracing_zipkin.instrument.hooks; print(*set(sys.modules) - before)"
    )
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=True).stdout.split()

    assert [] == [name for name in loaded if not name.startswith(("opentracing_zipkin", "__future__"))]


def test_a_line_is_said_where_there_is_standard_error_only(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`say` writes one line to standard error, with blanks for line breaks; without standard error it does nothing."""
    write_stderr("a\nb")

    assert "zipkin: a b\n" == capsys.readouterr().err
    monkeypatch.setattr(sys, "stderr", None)
    write_stderr("nothing")
