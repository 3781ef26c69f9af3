"""What a server process owes the machine that people work on."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os

import psutil

M_MMAP_THRESHOLD = -3
"""mallopt(3)."""
_LOOKED_FOR = 3.0
"""Seconds between two looks for a process that may end, where the system does not tell."""


def ancestor(pid: int) -> psutil.Process | None:
    """The ancestor of this process with that id. None where there is none: an editor on another machine or outside of
    this container has an id that may be any other process's here."""
    with contextlib.suppress(OSError, psutil.Error):
        return next((one for one in psutil.Process().parents() if one.pid == pid), None)
    return None


async def end_of(other: psutil.Process) -> None:
    """Wait until a process is gone."""
    with contextlib.suppress(psutil.Error):
        while other.is_running() and other.status() != psutil.STATUS_ZOMBIE:
            await _told_or_later(other.pid)


async def _told_or_later(pid: int) -> None:
    """Wait until the process ends where the system tells (Linux), elsewhere for _LOOKED_FOR seconds."""
    try:
        handle = os.pidfd_open(pid)
    except (AttributeError, OSError):
        await asyncio.sleep(_LOOKED_FOR)
        return
    loop, ended = asyncio.get_running_loop(), asyncio.Event()
    loop.add_reader(handle, ended.set)
    try:
        await ended.wait()
    finally:
        loop.remove_reader(handle)
        os.close(handle)


def step_back() -> None:
    """Below-normal priority: the editor and the compiler come first."""
    with contextlib.suppress(OSError, psutil.Error):
        psutil.Process().nice(psutil.BELOW_NORMAL_PRIORITY_CLASS if os.name == "nt" else 5)


def give_memory_back() -> None:
    """Let large arrays live in mappings of their own, which return to the system when they are freed.

    glibc raises its threshold for such mappings whenever one is freed. Cached keys and values then left holes in the
    heap, which kept a hundred megabytes (`python -m benchmarks --only memory`).
    """
    with contextlib.suppress(OSError, AttributeError, TypeError):  # other C libraries have no such call
        ctypes.CDLL(None).mallopt(M_MMAP_THRESHOLD, 1 << 20)
