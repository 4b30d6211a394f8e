"""Transfer networks by the names that run files give them: files, and those that optional packages bring."""
