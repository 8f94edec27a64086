"""Archives: every member gets in or is named with its reason, within limits, and nothing half-written stays."""

from __future__ import annotations

import io
import stat
import zipfile
from pathlib import Path

import pytest

from backend.imaging.archive import ArchiveLimits, expand
from backend.imaging.outcomes import SYSTEM_FILE, Fault, Ignored, SourceFile

LIMITS = ArchiveLimits()


def packed(members: dict[str, bytes], compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


class Expanded:
    """What came of one archive: name -> content of the files, name -> code of the faults, names ignored."""

    def __init__(self, tmp_path: Path, archive: bytes, limits: ArchiveLimits = LIMITS) -> None:
        path, self.folder = tmp_path / "upload.bin", tmp_path / "out"
        path.write_bytes(archive)
        self.folder.mkdir()
        outcomes = list(expand([SourceFile(path, "study.zip")], self.folder, limits))
        self.files = {o.name: o.path.read_bytes() for o in outcomes if isinstance(o, SourceFile)}
        self.faults = [(o.files[0].name, o.error.code) for o in outcomes if isinstance(o, Fault)]
        self.ignored = [(o.file.name, o.code) for o in outcomes if isinstance(o, Ignored)]
        self.on_disk = sorted(path.name for path in self.folder.iterdir())


def test_members_are_named_after_their_archive(tmp_path: Path) -> None:
    done = Expanded(tmp_path, packed({"a.dcm": b"one", "IM/0002": b"two", "empty/": b""}))
    assert done.files == {"study.zip/a.dcm": b"one", "study.zip/IM/0002": b"two"}
    assert done.faults == done.ignored == []
    assert done.on_disk == ["000001", "000002"]


def test_a_file_that_is_no_archive_passes_through(tmp_path: Path) -> None:
    file = SourceFile(tmp_path / "x", "x.dcm")
    file.path.write_bytes(b"DICM or whatever")
    assert list(expand([file], tmp_path, LIMITS)) == [file]


def test_unsafe_members_are_refused_and_the_others_get_in(tmp_path: Path) -> None:
    buffer = io.BytesIO(packed({"../evil": b"x", "/etc/passwd": b"x", "a/../../b": b"x", "C:\\x": b"x", "good": b"ok"}))
    with zipfile.ZipFile(buffer, "a") as archive:
        link = zipfile.ZipInfo("link")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, "/etc/passwd")
        pipe = zipfile.ZipInfo("pipe")
        pipe.external_attr = (stat.S_IFIFO | 0o666) << 16
        archive.writestr(pipe, "")
    done = Expanded(tmp_path, buffer.getvalue())
    assert done.files == {"study.zip/good": b"ok"}
    assert [code for _, code in done.faults] == ["unsafe_archive_member"] * 6
    assert done.on_disk == ["000001"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "upload.bin"]


def test_encrypted_members_are_named(tmp_path: Path) -> None:
    raw = bytearray(packed({"secret": b"text", "open": b"ok"}))
    for mark, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):  # flag bits of the first local and central header
        raw[raw.index(mark) + offset] |= 1
    done = Expanded(tmp_path, bytes(raw))
    assert done.faults == [("study.zip/secret", "encrypted_archive_member")]
    assert done.files == {"study.zip/open": b"ok"}


def test_one_archive_inside_another(tmp_path: Path) -> None:
    inner = packed({"im": b"deep"})
    done = Expanded(tmp_path, packed({"inner.zip": inner, "top": b"t", "again.zip": packed({"inner.zip": inner})}))
    assert done.files == {"study.zip/inner.zip/im": b"deep", "study.zip/top": b"t"}
    assert done.faults == [("study.zip/again.zip/inner.zip", "nested_archive")]
    assert len(done.on_disk) == 2  # the inner archives themselves are gone


def test_what_systems_leave_behind_is_ignored(tmp_path: Path) -> None:
    names = ["__MACOSX/._a.dcm", "x/.DS_Store", "Thumbs.db", "DICOMDIR", "._b", "desktop.ini"]
    done = Expanded(tmp_path, packed({**dict.fromkeys(names, b"x"), "a.dcm": b"ok"}))
    assert done.ignored == [(f"study.zip/{name}", SYSTEM_FILE) for name in names]
    assert list(done.files) == ["study.zip/a.dcm"]


def test_a_bomb_is_stopped_by_what_comes_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("backend.imaging.archive.RATIO_FLOOR_BYTES", 10_000)
    done = Expanded(tmp_path, packed({"bomb": b"\0" * 3_000_000, "good": b"ok"}), ArchiveLimits(max_ratio=50))
    assert done.faults == [("study.zip/bomb", "archive_limit_exceeded")]
    assert done.files == {"study.zip/good": b"ok"}
    assert len(done.on_disk) == 1


def test_the_total_is_limited(tmp_path: Path) -> None:
    members = {f"{n}": bytes([n]) * 1000 for n in range(5)}
    done = Expanded(tmp_path, packed(members, zipfile.ZIP_STORED), ArchiveLimits(max_total_bytes=2500))
    assert list(done.files) == ["study.zip/0", "study.zip/1"]
    assert done.faults == [("study.zip/2", "archive_limit_exceeded"), ("study.zip", "archive_limit_exceeded")]
    assert len(done.on_disk) == 2


def test_the_number_of_files_is_limited(tmp_path: Path) -> None:
    done = Expanded(tmp_path, packed({f"{n}": b"x" for n in range(9)}), ArchiveLimits(max_files=4))
    assert len(done.files) == 4
    assert {code for _, code in done.faults} == {"archive_limit_exceeded"}


def test_a_damaged_member_leaves_nothing_and_the_others_get_in(tmp_path: Path) -> None:
    raw = bytearray(packed({"bad": b"B" * 5000, "good": b"ok"}, zipfile.ZIP_STORED))
    raw[raw.index(b"BBBB") + 100] ^= 0xFF
    done = Expanded(tmp_path, bytes(raw))
    assert done.faults == [("study.zip/bad", "corrupt_archive")]
    assert done.files == {"study.zip/good": b"ok"}
    assert len(done.on_disk) == 1


@pytest.mark.parametrize("keep", [0.2, 0.9])
def test_an_archive_that_is_cut_off(keep: float, tmp_path: Path) -> None:
    whole = packed({f"{n}": bytes(range(256)) * 4 for n in range(4)}, zipfile.ZIP_STORED)
    done = Expanded(tmp_path, whole[: int(len(whole) * keep)])
    assert done.files == {}
    assert done.faults == [("study.zip", "corrupt_archive")]


def test_an_archive_without_files(tmp_path: Path) -> None:
    assert Expanded(tmp_path, packed({})).faults == [("study.zip", "corrupt_archive")]
