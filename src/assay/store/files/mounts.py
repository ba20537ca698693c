"""On what kind of file system a folder is: SQLite's locks and its log in shared memory need one of this machine."""

from __future__ import annotations

import re
from pathlib import Path

MOUNTS = Path("/proc/self/mountinfo")
NETWORKED = frozenset((
    "nfs", "nfs4", "cifs", "smb3", "smbfs", "ceph", "glusterfs", "lustre", "beegfs", "afs", "ocfs2", "gfs2",
    "fuse.sshfs", "fuse.s3fs", "fuse.glusterfs", "fuse.rclone", "fuse.ceph",
))  # fmt: skip


def networked(folder: Path, mounts: Path = MOUNTS) -> str:
    """The kind of the file system, if it is one that several machines share; else nothing, also where it cannot be told."""
    kind = file_system(folder, mounts)
    return kind if kind in NETWORKED else ""


def file_system(folder: Path, mounts: Path = MOUNTS) -> str:
    """What this machine calls the kind of file system that the folder is on."""
    try:
        lines = mounts.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:  # pragma: no cover - macOS keeps no such list
        return ""
    place, found, longest = folder.resolve(), "", -1
    for line in lines:
        before, _, after = line.partition(" - ")
        mounted = Path(_plain(before.split(" ")[4]))
        depth = len(mounted.parts)
        if depth >= longest and place.is_relative_to(mounted):  # of two at one place the later hides the earlier
            found, longest = after.split(" ")[0], depth
    return found


def _plain(path: str) -> str:
    return re.sub(r"\\(\d{3})", lambda told: chr(int(told[1], 8)), path)
