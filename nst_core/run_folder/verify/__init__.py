"""Is a run folder sound and complete?"""
