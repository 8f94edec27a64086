"""The Native DICOM Model in XML (PS3.19 A.1), for clients of STOW-RS that read no JSON."""

from __future__ import annotations

from typing import Any
from xml.etree.ElementTree import Element, SubElement, tostring

from pydicom.datadict import keyword_for_tag


def as_xml(dataset: dict[str, Any]) -> bytes:
    """A data set of texts, numbers and sequences in the JSON model as a document."""
    root = Element(
        "NativeDicomModel", {"xml:space": "preserve", "xmlns": "http://dicom.nema.org/PS3.19/models/NativeDICOM"}
    )
    _fill(root, dataset)
    return bytes(tostring(root, encoding="utf-8", xml_declaration=True))


def _fill(parent: Element, dataset: dict[str, Any]) -> None:
    for tag, attribute in sorted(dataset.items()):
        element = SubElement(
            parent, "DicomAttribute", {"tag": tag, "vr": attribute["vr"], "keyword": keyword_for_tag(int(tag, 16))}
        )
        for number, value in enumerate(attribute.get("Value", []), start=1):
            if attribute["vr"] == "SQ":
                _fill(SubElement(element, "Item", {"number": str(number)}), value)
            else:
                SubElement(element, "Value", {"number": str(number)}).text = str(value)
