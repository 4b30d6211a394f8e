"""A run as a dataset that others may use: what its licences permit, an export made for it, its way to the Hub."""

from nst_core.publishing.publication import PublicationReport, publish_run

__all__ = ["PublicationReport", "publish_run"]
