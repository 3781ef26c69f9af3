"""How many cores there are for this process."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from pathlib import Path


def usable_cores(groups: Path = Path("/sys/fs/cgroup"), own: Path = Path("/proc/self/cgroup")) -> int:
    """Cores that this process may run on, as many as a container's share of the processor at most; where the system
    does not tell, all there are.

    groups, own: where Linux says what control groups are given (version 2), and which one this process is in.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min([cores, *_granted(groups, own)]))


def _granted(groups: Path, own: Path) -> Iterator[int]:
    """Cores' worth of time that a process and what it is part of are given, where that is limited. More threads would
    use it up together in a part of each period, and then stand still."""
    try:
        lines = os.fsdecode(own.read_bytes()).splitlines()
    except OSError:
        return
    for path in (line.removeprefix("0::/") for line in lines if line.startswith("0::/")):
        for group in (groups / path, *(groups / path).parents):
            try:
                quota, period = (group / "cpu.max").read_text().split()
                yield math.ceil(int(quota) / int(period))
            except (OSError, ValueError):  # no limit is called `max`
                continue
