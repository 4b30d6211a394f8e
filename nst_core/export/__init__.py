"""A run as a dataset that other tools load: imagefolder (Hugging Face), webdataset (tar shards), coco (annotations)."""

from nst_core.export.exporter import FORMATS, ExportOptions, ExportReport, export_run

__all__ = ["FORMATS", "ExportOptions", "ExportReport", "export_run"]
