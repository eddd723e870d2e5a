import datetime
import random

from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand
from django.utils import timezone
from wagtail.images.models import Image
from wagtail.models import Page, Site

from home.models import BlogPage, HomePage

WORDS = [
    "Zürich",
    "naïve",
    "O'Neill",
    "back\\slash",
    "100%",
    "日本",
    "🦊",
    "tab\there",
    "page",
    "of",
    "words",
]


class Command(BaseCommand):
    help = "Makes a site of pages with revisions, images and users; other seeds, other sites."

    def add_arguments(self, parser):
        parser.add_argument("--sections", type=int, default=5)
        parser.add_argument("--pages", type=int, default=11, help="in each section")
        parser.add_argument("--seed", type=int, default=1)

    def handle(self, *, sections, pages, seed, **options):
        self.random = random.Random(seed)
        self.users = [self.make_user(number) for number in range(4)]
        self.images = [self.make_image(number) for number in range(8)]
        home = Page.get_first_root_node().add_child(
            instance=HomePage(title=f"Home of {seed}", slug=f"home-{seed}")
        )
        Site.objects.update(root_page=home, site_name=f"Site {seed}")
        for section in range(sections):
            title = f"Section {section} {self.words(2)}"
            parent = home.add_child(instance=HomePage(title=title, slug=f"section-{section}"))
            for number in range(pages):
                self.make_page(parent, number)
        # A hole among the keys, and a page that moved.
        parent.get_children().last().delete()
        home.get_children().last().get_children().first().move(home, pos="first-child")

    def make_user(self, number):
        return get_user_model().objects.create_user(
            f"editor{number}", f"editor{number}@example.org", is_superuser=not number
        )

    def make_image(self, number):
        return Image.objects.create(
            title=f"Image {number} {self.words(2)}",
            file=f"original_images/{number}.png",
            width=100 + number,
            height=80,
            focal_point_x=number or None,
            uploaded_by_user=self.random.choice(self.users),
            created_at=self.moment(),
        )

    def make_page(self, parent, number):
        page = BlogPage(
            title=f"Page {number} {self.words(3)}",
            slug=f"page-{number}",
            date=self.moment().date(),
            author=self.random.choice([*self.users, None]),
            image=self.random.choice(self.images),
            body=[("heading", self.words(4)), ("paragraph", f"<p>{self.words(20)}</p>")],
            live=number % 4 != 0,
        )
        parent.add_child(instance=page)
        page.tags.add(*self.random.sample(["one", "two", "trois", "四"], 2))
        page.save_revision(user=self.random.choice(self.users), log_action=True).publish()
        page.title += " (draft)"
        page.save_revision()

    def words(self, count):
        return " ".join(self.random.choices(WORDS, k=count))

    def moment(self):
        seconds = self.random.uniform(0, 10**8)
        return timezone.now() - datetime.timedelta(seconds=seconds)
