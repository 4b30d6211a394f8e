"""Exports of a run, as datasets that other tools load: imagefolder (Hugging Face), webdataset (tars), coco."""

from nst_core.export.exporter import FORMATS, ExportOptions, ExportReport, export_run

__all__ = ["FORMATS", "ExportOptions", "ExportReport", "export_run"]
