"""Collects the collector's page, the Thrift structures, the version, and thriftpy2's compiled modules if they are installed."""

from __future__ import annotations

from importlib.util import find_spec

from PyInstaller.utils.hooks import collect_data_files, collect_submodules, copy_metadata

datas = collect_data_files("opentracing_zipkin") + copy_metadata("opentracing")
# Compiled code imports these modules, and PyInstaller does not read compiled code.
hiddenimports = collect_submodules("thriftpy2") if find_spec("thriftpy2") else []
