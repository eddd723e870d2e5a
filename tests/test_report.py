from django_sqlite_backup import Progress, Report


def test_a_progress_is_a_tuple_of_three():
    assert Progress(1, 2, "copying shop.Order") == (1, 2, "copying shop.Order")


def test_a_report_is_plain_data():
    report = Report("backup.sqlite3", "default", rows={"a.A": 1, "b.B": 2}, warnings=["careful"])
    assert report.as_dict() == {
        "file": "backup.sqlite3",
        "database": "default",
        "bytes": 0,
        "tables": 2,
        "rows": {"a.A": 1, "b.B": 2},
        "total_rows": 3,
        "seconds": 0.0,
        "verified": False,
        "partial": False,
        "checksum": "",
        "warnings": ["careful"],
    }
