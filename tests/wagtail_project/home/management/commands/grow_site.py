import json

from django.core.management.base import BaseCommand
from wagtail.models import Page, Site

from home.models import HomePage


class Command(BaseCommand):
    help = "Adds a page to the site, and prints what the tree of pages then looks like."

    def handle(self, **options):
        home = Site.objects.get().root_page
        page = home.add_child(instance=HomePage(title="New", slug="new"))
        page.save_revision().publish()
        result = {
            "problems": Page.find_problems(),
            "pages": Page.objects.count(),
            "key": page.pk,
        }
        self.stdout.write(json.dumps(result))
