"""Contact sheets: what a run made of an artist, or of all of them, on one picture that can be sent around."""

from nst_core.views.sheets.writer import MOST, contact_sheet_of, write_combined_contact_sheets, write_contact_sheets

__all__ = ["MOST", "contact_sheet_of", "write_combined_contact_sheets", "write_contact_sheets"]
