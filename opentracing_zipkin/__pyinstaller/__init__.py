"""Tells PyInstaller what it cannot find in the code; its entry point `pyinstaller40` asks for the folder of our hooks."""

from __future__ import annotations

from pathlib import Path

__all__ = ["hook_folders"]


def hook_folders() -> list[str]:
    return [str(Path(__file__).parent)]
