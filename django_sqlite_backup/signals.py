"""Signals of backups and restores, whichever front end began them; every value is a plain one.

`..._started` comes before anything is touched: a receiver that raises forbids the run, and what it
raised is the reason. The others are sent robustly: what their receivers raise is logged.
`docs/signals.md` lists the values.
"""

from django.dispatch import Signal

backup_started = Signal()
backup_finished = Signal()
backup_failed = Signal()
restore_started = Signal()
restore_finished = Signal()
restore_failed = Signal()
