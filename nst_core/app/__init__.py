"""`nst app`: a page on which a photograph takes on the manner of a painting, and the HTTP API behind it.

What it makes goes the way of every run: a planned pair, a chunk, an image, a row; in a run folder in which every row
has a method of its own. `server` answers requests, `desk` knows people and their jobs, `queue` says whose turn it is,
`studio` does the work, `workshop` keeps the run folder, `shelves` what can be picked, `uploads` what people bring.
"""
