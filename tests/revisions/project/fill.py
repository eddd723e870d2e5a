"""Adds the rows of one state: some of every model that the state has."""

import datetime
from decimal import Decimal

from django.contrib.auth.models import Group, Permission
from library import models as library
from members.models import Member
from plain.models import Pin
from state import STATE

ADDED = datetime.datetime(2024, 3, 31, 0, 30, 15, 123456, tzinfo=datetime.UTC)


def fill(salt="", using="default"):
    """Make rows; `salt` makes them others than those of another call."""
    word = f"{STATE}{salt}"
    member = Member(username=f"member{word}", email="ä@example.org", last_login=ADDED)
    member.save(using=using)
    group, _ = Group.objects.using(using).get_or_create(name="readers")
    group.permissions.add(Permission.objects.using(using).order_by("id").last())
    member.groups.add(group)
    authors = [make_author(f"author{word}-{n}", using) for n in range(3)]
    if STATE >= 4:
        member.favourite = authors[0]
        member.save(using=using)
    child = library.Shelf.objects.using(using).create(name=f"child{word}")
    parent = library.Shelf.objects.using(using).create(name=f"parent{word}")
    child.parent = parent
    child.save()
    for number, author in enumerate(authors):
        make_book(f"{word}-{number}", author, member, [child, parent], using)
    Pin.objects.using(using).create(text=f"pin{word}")
    # A key that was used before the backup must not be used again after it.
    Pin.objects.using(using).create(text="gone").delete()
    if STATE < 6:
        from archive.models import Record

        if STATE == 1:
            Record.objects.using(using).create(text=f"record{word}")


def make_author(name, using):
    home = {"street": f"street of {name}", "city": f"city of {name}"}
    if STATE < 4:
        return library.Author.objects.using(using).create(name=name, **home)
    model = library.Author if STATE < 7 else library.Writer
    author = model.objects.using(using).create(name=name)
    library.Address.objects.using(using).create(author=author, **home)
    return author


def make_book(word, author, member, shelves, using):
    values = {"title" if STATE < 2 else "name": f"Book {word}"}
    if STATE < 3:
        values["pages"] = 100
    if STATE >= 5:
        values["code"] = f"code {word}"
    book = library.Book.objects.using(using).create(
        author=author, owner=member, price=Decimal("1234567890123.4567"), added=ADDED, **values
    )
    if STATE < 6:
        book.shelves.set(shelves)
    else:
        for position, shelf in enumerate(shelves):
            library.Placement.objects.using(using).create(book=book, shelf=shelf, position=position)
    if STATE < 7:
        library.Note.objects.using(using).create(text=f"note {word}", book=book)
    if STATE >= 6:
        from news.models import Story

        Story.objects.using(using).create(title=f"story {word}", book=book)
