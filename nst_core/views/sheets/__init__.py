"""Contact sheets and triptychs: results of a run, or of several, on one picture that can be sent around."""
