"""At which point of its history the code is; `tests.revisions.history` writes this file anew."""

STATE = 8
