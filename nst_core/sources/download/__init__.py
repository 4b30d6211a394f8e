"""Downloads of datasets: resumable, verified, and complete or marked as unfinished.

A dataset's folder holds `.nst-download.json`, which states the parts of it that are complete; the next download resumes
from the `*.part` files that an earlier one left.
"""
