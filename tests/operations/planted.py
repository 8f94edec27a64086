"""Files that say who the patient is wherever a file can, and a search for what they say, also in what is packed.

Everything planted contains MARK (or is the birth date), so that one search finds all of it.
"""

from __future__ import annotations

import base64
import gzip
import io
import json
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import nibabel as nib
import nrrd
import numpy as np
import psycopg
import pydicom
import redis
import sqlalchemy
import tifffile
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from psycopg import sql
from pydicom.dataset import Dataset
from pydicom.uid import generate_uid

from backend.imaging.phantom import abdominal_phantom
from backend.imaging.phantom_files import write_dicom_series

MARK = "qzplant"
BORN = "18931117"
WORDS = [MARK, BORN, "1893-11-17", "1893, 11, 17"]


def needles() -> list[bytes]:
    """The words as they may stand somewhere: plain, wide, in hexadecimal, in base64 at any of its three phases."""
    found: list[bytes] = []
    for word in WORDS:
        plain = word.encode()
        found += [plain, plain.hex().encode(), plain.hex(" ").encode(), word.encode("utf-16-le")]
        for lead in range(3):
            coded = base64.b64encode(b"x" * lead + plain)
            found.append(coded[(0, 2, 3)[lead] : -4])
    return [needle.lower() for needle in found]


NEEDLES = needles()


def said(*parts: bytes | str) -> list[str]:
    """Which planted words these bytes hold."""
    whole = b"\n".join(part.encode() if isinstance(part, str) else part for part in parts).lower()
    return sorted({needle.decode("latin-1") for needle in NEEDLES if needle in whole})


# -- files ------------------------------------------------------------------------------------------------------------
def plant(data: Dataset, seed: str) -> None:
    """Every kind of element that names somebody, also inside sequences and in private groups."""
    data.PatientName, data.PatientID, data.PatientBirthDate = f"{MARK}^name", f"{MARK}-id-{seed}", BORN
    data.IssuerOfPatientID, data.OtherPatientIDs = f"{MARK} issuer", f"{MARK}-other"
    data.AccessionNumber, data.StudyID = f"{MARK}-acc", f"{MARK}-st"
    data.ReferringPhysicianName = data.OperatorsName = data.PerformingPhysicianName = f"{MARK}^physician"
    data.InstitutionName, data.InstitutionAddress = f"{MARK} hospital", f"{MARK} street"
    data.StationName, data.DeviceSerialNumber = f"{MARK} st", f"{MARK}-serial"
    data.StudyDescription = data.SeriesDescription = data.ProtocolName = f"{MARK} description"
    data.PatientComments = data.ImageComments = data.AdditionalPatientHistory = f"{MARK} comment"
    data.EthnicGroup, data.Occupation, data.PatientAddress = f"{MARK} eth", f"{MARK} occ", f"{MARK} home"
    item = Dataset()
    item.PatientID, item.TextValue = f"{MARK}-in-sequence", f"{MARK} text"
    data.OtherPatientIDsSequence = [item]
    request = Dataset()
    request.RequestedProcedureDescription = request.RequestingPhysician = f"{MARK} request"
    data.RequestAttributesSequence = [request]
    data.ReferencedStudySequence = [request]
    data.private_block(0x0029, f"{MARK} CREATOR", create=True).add_new(1, "LO", f"{MARK} private")
    data.private_block(0x0031, "ACME", create=True).add_new(2, "UN", f"{MARK} unknown".encode())
    data.add_new(0x60000010, "US", 4)
    data.add_new(0x60000022, "LO", f"{MARK} overlay")
    data.add_new(0x50000030, "SH", f"{MARK} curve")
    data.preamble = f"{MARK} preamble".encode().ljust(128, b"\0")
    data.file_meta.SourceApplicationEntityTitle = MARK.upper()
    data.file_meta.PrivateInformationCreatorUID, data.file_meta.PrivateInformation = "1.2.3", f"{MARK} meta".encode()


def dicom_series(folder: Path, seed: str, shape: tuple[int, int, int] = (5, 32, 32)) -> list[Path]:
    """A small CT; files bear the name of the patient."""
    folder.mkdir(parents=True)
    made = []
    for n, file in enumerate(
        write_dicom_series(abdominal_phantom(shape, (30.0, 12.0, 12.0), seed=zlib.crc32(seed.encode())), folder)
    ):
        data = pydicom.dcmread(file)
        plant(data, seed)
        target = folder / f"{MARK}-{seed}-{n}.dcm"
        data.save_as(target)
        file.unlink()
        made.append(target)
    return made


def other_objects(folder: Path, like: Path) -> list[Path]:
    """Objects of the study that are no images: a report, a document, a waveform, with names in their content."""
    folder.mkdir(parents=True)
    made = []
    for name, sop_class in (
        ("report", "1.2.840.10008.5.1.4.1.1.88.11"),
        ("document", "1.2.840.10008.5.1.4.1.1.104.1"),
        ("wave", "1.2.840.10008.5.1.4.1.1.9.1.1"),
    ):
        data = pydicom.dcmread(like, stop_before_pixels=True)
        for element in ("Rows", "Columns", "PixelSpacing"):
            del data[element]
        data.SOPClassUID = data.file_meta.MediaStorageSOPClassUID = sop_class
        data.SOPInstanceUID = data.file_meta.MediaStorageSOPInstanceUID = generate_uid()
        data.SeriesInstanceUID, data.Modality = generate_uid(), {"report": "SR", "wave": "ECG"}.get(name, "DOC")
        content = Dataset()
        content.ValueType, content.TextValue, content.PersonName = "TEXT", f"{MARK} finding", f"{MARK}^reader"
        if name == "report":
            data.ContentSequence = [content]
        elif name == "document":
            data.add_new(0x50101234, "OB", f"{MARK} bytes ".encode())
            data.EncapsulatedDocument = b"%PDF-1.4 " + f"{MARK} letter".encode() + b" "
            data.DocumentTitle, data.MIMETypeOfEncapsulatedDocument = f"{MARK} title", "application/pdf"
        else:
            wave = Dataset()
            wave.MultiplexGroupLabel = f"{MARK} wave"
            data.WaveformSequence = [wave]
            data.WaveformAnnotationSequence = [content]
        target = folder / f"{MARK}-{name}.dcm"
        data.save_as(target)
        made.append(target)
    return made


def other_files(folder: Path) -> list[Path]:
    """NIfTI and pictures, with names in all their texts."""
    folder.mkdir(parents=True)
    image = nib.Nifti1Image(np.arange(240, dtype=np.int16).reshape(8, 6, 5), np.diag([1.0, 1.0, 4.0, 1.0]))
    image.header["descrip"], image.header["aux_file"] = f"{MARK} descrip", f"{MARK} aux"
    image.header["intent_name"], image.header["db_name"] = f"{MARK} int", f"{MARK} db"
    image.header.extensions.append(nib.nifti1.Nifti1Extension("comment", f"{MARK} extension".encode()))
    image.to_filename(folder / f"{MARK}-scan.nii.gz")
    exif = Image.Exif()
    exif[0x010E], exif[0x013B] = f"{MARK} exif", f"{MARK} artist"
    picture = Image.fromarray(np.random.default_rng(1).integers(0, 255, (24, 32, 3), np.uint8))
    picture.save(folder / f"{MARK}-photo.jpg", exif=exif, comment=f"{MARK} jpeg comment".encode())
    notes = PngInfo()
    notes.add_text("Comment", f"{MARK} png text")
    notes.add_itxt("Description", f"{MARK} png itxt", zip=True)
    picture.save(folder / f"{MARK}-shot.png", pnginfo=notes, exif=exif)
    tifffile.imwrite(
        folder / f"{MARK}-slide.tif",
        np.asarray(picture),
        photometric="rgb",
        description=f"{MARK} tiff description",
        extratags=[(315, "s", 0, f"{MARK} artist", True), (65000, "s", 0, f"{MARK} private tag", True)],
    )
    return sorted(folder.iterdir())


def masks(folder: Path, files: list[Path]) -> list[Path]:
    """A mask of the scan among the files, as NIfTI and NRRD, and one that is damaged."""
    folder.mkdir(parents=True)
    scan = nib.load(next(file for file in files if file.name.endswith(".nii.gz")))
    drawn = nib.Nifti1Image((np.asarray(scan.dataobj) % 7 == 0).astype(np.uint8), scan.affine)
    drawn.header["descrip"] = f"{MARK} mask"
    drawn.to_filename(folder / f"{MARK}-mask.nii.gz")
    nrrd.write(str(folder / f"{MARK}-mask.nrrd"), np.ones((8, 6, 5), np.uint8), {"content": f"{MARK} content"})
    (folder / f"{MARK}-cut.nrrd").write_bytes((folder / f"{MARK}-mask.nrrd").read_bytes()[:90])
    return sorted(folder.iterdir())


def broken_files(folder: Path, series: Path, files: list[Path]) -> list[Path]:
    """The same, cut and changed so that every reader fails somewhere, and files that are something else."""
    folder.mkdir(parents=True)
    whole = series.read_bytes()
    made = {
        f"{MARK}-cut-header.dcm": whole[:900],
        f"{MARK}-cut-pixels.dcm": whole[:-700],
        f"{MARK}-text.txt": f"{MARK} wrote this".encode(),
        f"{MARK}-empty.dcm": b"",
        f"{MARK}-not.zip": b"PK\x03\x04" + f"{MARK} inside".encode() * 9,
    }
    for file in files:
        content = file.read_bytes()
        made[f"{MARK}-cut-{file.name}"] = content[: max(60, len(content) * 2 // 3)]
        made[f"{MARK}-changed-{file.name}"] = content[:40] + f"{MARK} noise".encode() + content[60:]
    for n, (name, value) in enumerate(
        (
            ("ImageOrientationPatient", [MARK] * 6),
            ("ImagePositionPatient", [f"{MARK}1", "2", "3"]),
            ("PixelSpacing", [MARK, MARK]),
            ("RescaleSlope", MARK),
            ("NumberOfFrames", MARK),
            ("PhotometricInterpretation", MARK.upper()),
            ("WindowCenter", MARK),
            ("SOPInstanceUID", f"1.2.{MARK}"),
        )
    ):
        data = pydicom.dcmread(series)
        with pydicom.config.disable_value_validation():
            data.SOPInstanceUID, data.SeriesInstanceUID = f"1.2.826.99.{n}", f"1.2.826.98.{n}"
            element = pydicom.DataElement(pydicom.datadict.tag_for_keyword(name), "LO", value)
            data[element.tag] = element
            data.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.1"
            data.save_as(folder / f"{MARK}-bad-{n}.dcm", enforce_file_format=False)
    for name, content in made.items():
        (folder / name).write_bytes(content)
    with zipfile.ZipFile(folder / f"{MARK}-archive.zip", "w") as archive:
        archive.write(series, f"{MARK} folder/{MARK}-member.dcm")
        archive.writestr(f"{MARK} folder/{MARK}-broken.nii", b"\x5c\x01\0\0" + f"{MARK}".encode() * 80)
    packed = bytearray((folder / f"{MARK}-archive.zip").read_bytes())
    packed[len(packed) // 2] ^= 0xFF
    (folder / f"{MARK}-damaged.zip").write_bytes(packed)
    return sorted(folder.iterdir())


# -- where they may have come ------------------------------------------------------------------------------------------
def unpacked(content: bytes, name: str = "", depth: int = 0) -> Iterator[tuple[str, bytes]]:
    """Bytes and what is packed in them."""
    yield name, content
    if depth > 4:
        return
    if content[:2] == b"\x1f\x8b":
        with suppress(OSError, EOFError, zlib.error):
            yield from unpacked(gzip.decompress(content), f"{name}!gz", depth + 1)
    elif content[:4] == b"PK\x03\x04":
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            for member in archive.namelist():
                yield from unpacked(archive.read(member), f"{name}!{member}", depth + 1)
    elif content[:1] == b"\x78":
        with suppress(zlib.error):
            yield f"{name}!zlib", zlib.decompress(content)


def in_bytes(content: bytes, name: str) -> dict[str, list[str]]:
    return {where: found for where, part in unpacked(content, name) if (found := said(where, part))}


def in_folder(folder: Path) -> dict[str, list[str]]:
    """In the names and the content of all files, the database's own included."""
    found: dict[str, list[str]] = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.is_symlink():
            try:
                found |= in_bytes(path.read_bytes(), str(path.relative_to(folder)))
            except (FileNotFoundError, zipfile.BadZipFile):
                continue  # it is gone, or not a zip after all
    return found


def in_database(url: str) -> dict[str, list[str]]:
    """In every column of every table, by table."""
    found: dict[str, list[str]] = {}
    plain = sqlalchemy.make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(plain) as connection:
        tables = connection.execute("select tablename from pg_tables where schemaname = 'public'").fetchall()
        assert len(tables) > 20
        for (table,) in tables:
            rows = connection.execute(sql.SQL("select row_to_json(t)::text from {} t").format(sql.Identifier(table)))
            for (row,) in rows:
                for word in said(row):
                    about = json.loads(row)
                    columns = [name for name, value in about.items() if said(json.dumps(value, ensure_ascii=False))]
                    found.setdefault(f"{table}.{','.join(columns)}", []).append(word)
    return found


def in_redis(url: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    with redis.Redis.from_url(url) as client:
        for key in client.scan_iter(count=1000):
            for part in (key, *_values(client, key)):
                found |= in_bytes(part, key.decode("latin-1"))
    return found


def _values(client: Any, key: bytes) -> list[bytes]:
    kind = client.type(key)
    if kind == b"string":
        return [client.get(key) or b""]
    if kind == b"hash":
        return [part for pair in client.hgetall(key).items() for part in pair]
    if kind == b"list":
        return list(client.lrange(key, 0, -1))
    if kind == b"set":
        return list(client.smembers(key))
    if kind == b"zset":
        return list(client.zrange(key, 0, -1))
    if kind == b"stream":
        return [part for _, fields in client.xrange(key) for pair in fields.items() for part in pair]
    return []
