"""What Django remembers of rows."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.apps import apps


@contextmanager
def clearing_caches() -> Iterator[None]:
    """Clear the caches when all is done, or undone: what was read in between may be of neither."""
    try:
        yield
    finally:
        clear_caches()


def clear_caches() -> None:
    """Clear what the process remembers of rows that may now be others."""
    if apps.is_installed("django.contrib.contenttypes"):
        from django.contrib.contenttypes.models import ContentType

        ContentType.objects.clear_cache()
    if apps.is_installed("django.contrib.sites"):
        from django.contrib.sites.models import Site

        Site.objects.clear_cache()
