"""`nst app`: a web page to stylize one photograph at a time, and the HTTP API behind it.

Each job goes the way of every run: a planned pair, a chunk, an image and a row, in a run folder whose rows each have a
method of their own. `application` has the routes, `job_queue` the jobs, `device_workers` stylizes them,
`job_run_folder` writes the run folder, `picture_collections` holds the pictures that can be picked, `uploads` those
that clients send.
"""
