"""A page that shows how far something is while it is done, without a line of JavaScript.

The page is sent as the work goes on. Each step is one more element at its end, and the stylesheet
shows the last one only, so the bar moves.
"""

from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from typing import Any, cast

from django.db import Error as DatabaseError
from django.http import StreamingHttpResponse
from django.template.loader import render_to_string
from django.utils.formats import number_format
from django.utils.translation import gettext

from django_sqlite_backup.exceptions import BackupError, get_reason
from django_sqlite_backup.models import BackupRun
from django_sqlite_backup.report import Progress

from .base import FOLDER, AdminPage
from .streaming import stream

PLACE = "<!-- here the steps come in -->"
PARTS = 500
"""Into how many parts a bar is divided: so many elements the page gets, and one for each table."""


def show_progress(
    page: AdminPage, steps: Iterator[Progress], conclude: Callable[[], dict[str, Any]]
) -> StreamingHttpResponse:
    """Return an answer that does the work while it is sent.

    `conclude` is called when all is done, and returns what the template `result.html` shows. A
    `BackupError` is shown in its place. Where the browser goes away, the steps are closed.
    """
    html = page.render("progress.html", **page.get_context(place=PLACE))
    head, tail = html.split(PLACE)
    return stream(page.request, follow(page, head, tail, steps, conclude))


def follow(
    page: AdminPage,
    head: str,
    tail: str,
    steps: Iterator[Progress],
    conclude: Callable[[], dict[str, Any]],
) -> Generator[str, None, None]:
    """Yield the page: its head, a bar for each step, the result, and its tail."""
    links = {"list_url": page.get_list_url()} if page.model_admin.is_at_hand else {}
    with closing(cast(Any, steps)):
        yield head
        try:
            for step in thin_out(steps):
                yield render_part("step.html", step=step, text=describe_step(step))
            result = conclude()
        except (BackupError, DatabaseError) as error:
            result = {"error": describe_error(error)}
        except Exception as error:
            # A mistake in somebody's code: for the log of the server, and not for the bar to stop.
            yield render_part("result.html", error=describe_error(error), **links)
            yield tail
            raise
        yield render_part("result.html", **result, **links)
        yield tail


def describe_error(error: Exception) -> str:
    if isinstance(error, BackupError):
        return str(error)
    doer = "The database refused" if isinstance(error, DatabaseError) else type(error).__name__
    return f"{doer}: {get_reason(error)}"


def render_part(template: str, **context: Any) -> str:
    return render_to_string(f"{FOLDER}/{template}", context)


def thin_out(steps: Iterator[Progress]) -> Iterator[Progress]:
    """Leave out the steps between which a bar does not move."""
    shown = None
    for step in steps:
        place = (step.description, step.completed * PARTS // step.total if step.total else 0)
        if place != shown:
            shown = place
            yield step


def get_percent(step: Progress) -> int:
    """Return how much is done; the last row is not the end, and only that is 100."""
    if step.description == "done":
        return 100
    return min(step.completed * 100 // step.total, 99) if step.total else 0


def describe_progress(run: BackupRun) -> str:
    """Return how far a run is, as its row knows."""
    if run.outcome == BackupRun.Outcome.QUEUED:
        return gettext("Waiting for a worker.")
    return describe_step(Progress(run.completed, run.total, run.description))


def describe_step(step: Progress) -> str:
    """Return how far that is in a line."""
    rows = gettext("%(completed)s of %(total)s rows") % {
        "completed": number_format(step.completed, force_grouping=True),
        "total": number_format(step.total, force_grouping=True),
    }
    return " · ".join(filter(None, [f"{get_percent(step)} %", rows, step.description]))
