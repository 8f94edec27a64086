"""Promptable segmentation of medical images: arrays in, arrays out. Knows no web, database or DICOM."""
