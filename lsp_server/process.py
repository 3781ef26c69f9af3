"""What a server process owes the machine that people work on."""

from __future__ import annotations

import contextlib
import ctypes
import os

import psutil

M_MMAP_THRESHOLD = -3
"""mallopt(3)."""


def step_back() -> None:
    """Below-normal priority: the editor and the compiler come first."""
    with contextlib.suppress(OSError, psutil.Error):
        psutil.Process().nice(psutil.BELOW_NORMAL_PRIORITY_CLASS if os.name == "nt" else 5)


def give_memory_back() -> None:
    """Let large arrays live in mappings of their own, which go back to the system when they are freed.

    glibc raises its threshold for that whenever one is freed, and the holes that cached keys and values then leave in
    the heap kept a hundred megabytes (`python -m benchmarks --only memory`).
    """
    with contextlib.suppress(OSError, AttributeError, TypeError):  # other C libraries have no such call
        ctypes.CDLL(None).mallopt(M_MMAP_THRESHOLD, 1 << 20)
