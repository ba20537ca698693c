"""A file system that several machines share is told from one of this machine."""

from __future__ import annotations

from pathlib import Path

import pytest

from assay.store.files.mounts import file_system, networked

LIST = """\
22 1 254:1 / / rw,relatime shared:1 - ext4 /dev/vda rw
31 22 0:28 / /srv/shared rw,relatime shared:2 - nfs4 files.example.org:/export rw,vers=4.2
32 31 0:29 / /srv/shared/own rw - xfs /dev/vdb rw
33 22 0:30 / /mnt/two\\040words rw - cifs //files/share rw
34 22 0:31 / /data rw - ext4 /dev/vdc rw
35 22 0:32 / /data rw - fuse.sshfs host:/data rw
"""


@pytest.fixture
def mounts(tmp_path: Path) -> Path:
    made = tmp_path / "mountinfo"
    made.write_text(LIST)
    return made


@pytest.mark.parametrize(
    ("folder", "kind"),
    [
        ("/home/shop/.assay", ""),
        ("/srv/shared/.assay", "nfs4"),
        ("/srv/sharedness", ""),
        ("/srv/shared/own/.assay", ""),
        ("/mnt/two words/.assay", "cifs"),
        ("/data/.assay", "fuse.sshfs"),
    ],
)
def test_the_innermost_and_newest_mount_says_it(mounts: Path, folder: str, kind: str) -> None:
    assert networked(Path(folder), mounts) == kind


def test_this_machine_knows_its_own(tmp_path: Path) -> None:
    assert file_system(Path("/proc/self")) in ("proc", "")
    assert isinstance(networked(tmp_path), str)


def test_without_a_list_nothing_is_said(tmp_path: Path) -> None:
    assert networked(tmp_path, tmp_path / "none") == ""
