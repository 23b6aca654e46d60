import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

# `opentracing-zipkin run` starts ours in an interpreter by a `.pth` file, which `site` reads at the top of site-packages only.
# pyproject.toml can put files into packages only, so the build copies it there; pip records it, and removes it with the rest.
# An editable installation has no such place (its files stay here): there `run` falls back to a sitecustomize on PYTHONPATH.
PTH = Path("opentracing_zipkin", "startup", "opentracing_zipkin.pth")


class BuildWithPth(build_py):
    def run(self):
        super().run()
        if not self.editable_mode:
            shutil.copyfile(PTH, Path(self.build_lib, PTH.name))

    def get_outputs(self, include_bytecode=1):
        outputs = super().get_outputs(include_bytecode)
        return outputs if self.editable_mode else [*outputs, str(Path(self.build_lib, PTH.name))]


setup(cmdclass={"build_py": BuildWithPth})
