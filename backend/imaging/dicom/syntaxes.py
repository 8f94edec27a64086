"""Transfer syntaxes that the decoders read under another name: retired kinds of JPEG for which pydicom has no decoder.
libjpeg tells the kind from the picture itself, and reads these as it reads extended JPEG."""

from __future__ import annotations

from pydicom.dataset import Dataset
from pydicom.uid import UID, JPEGExtended12Bit

READ_AS = {
    "1.2.840.10008.1.2.4.53": JPEGExtended12Bit,  # spectral selection
    "1.2.840.10008.1.2.4.55": JPEGExtended12Bit,  # full progression
}


def read_as(syntax: UID) -> UID:
    """The transfer syntax whose decoder reads this one; mostly itself."""
    return READ_AS.get(syntax, syntax)


def decodable(dataset: Dataset) -> Dataset:
    """The data set, under the transfer syntax that its pixels are decoded by."""
    declared = dataset.file_meta.get("TransferSyntaxUID")
    if declared in READ_AS:
        dataset.file_meta.TransferSyntaxUID = READ_AS[declared]
    return dataset
