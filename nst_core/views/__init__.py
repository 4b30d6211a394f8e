"""Galleries, contact sheets, triptychs and reports, made from run folders alone."""
