"""The collector's page, the Thrift structures, the version; and of thriftpy2, where it is, the modules that are compiled."""

from __future__ import annotations

from importlib.util import find_spec

from PyInstaller.utils.hooks import collect_data_files, collect_submodules, copy_metadata

datas = collect_data_files("opentracing_zipkin") + copy_metadata("opentracing")
# Imported by compiled code, which PyInstaller does not read.
hiddenimports = collect_submodules("thriftpy2") if find_spec("thriftpy2") else []
