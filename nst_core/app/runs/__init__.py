"""The page of runs: run folders watched, and runs started, paused and resumed (docs/app.md)."""
