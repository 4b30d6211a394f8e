"""Transfer networks: a stylized picture in one pass, without an optimisation."""
