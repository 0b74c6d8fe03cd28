"""Tables and fits that go on from what the run before left: saved states, kept fits, changed days."""
