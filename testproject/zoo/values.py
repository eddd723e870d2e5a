"""The edge values that SQLite, PostgreSQL and MariaDB can all hold, by model of `zoo.models.types`.

Left out, and in `fill_special` instead: decimals beyond 15 digits (Django's SQLite columns round
them), NUL (PostgreSQL refuses it), NaN and infinity, -0.0 (MariaDB and a REAL column of SQLite keep
0.0), and floats in JSON that PostgreSQL's `jsonb` writes as whole numbers.
"""

import datetime as dt
import uuid
from decimal import Decimal

UTC = dt.UTC
TEXTS = [
    "",
    " ",
    "plain",
    "trailing blanks  ",
    "  leading blanks",
    "NULL",
    "null",
    "None",
    r"\N",
    r"\.",
    "\\",
    r"ends with a backslash\ "[:-1],
    r"\t \n \0 \x00 \\N",
    "tab\there",
    "new\nline",
    "carriage\rreturn",
    "both\r\n",
    "\x01\x08\x0b\x0c\x1a\x1b\x7f",
    "\x85\xa0\u2028\u2029\ufeff",
    'it\'s "quoted" `three` $$ways$$',
    "100% %s %(name)s {} ? :name",
    "a,b;c|d",
    "{1,2}",
    "comb\u0301ining, ﷽ and e\u0301",
    "🦓 astral 𝄞 👩‍👩‍👧",
    "\U0010ffff\ue000",
    "123",
    "007",
    "1e3",
    "-0",
    "12345678901234567890",
    "true",
    "2024-01-01",
    "x'00ff'",
    "0x41",
]
LONG_TEXT = "é🦓\t\\\n" * 50_000
INT16, INT32, INT64 = 2**15 - 1, 2**31 - 1, 2**63 - 1
SIGNED = [0, 1, -1, 42]
JSONS = [
    {},
    [],
    "",
    0,
    True,
    False,
    "null",
    'text with "quotes", \\ and \n\t',
    12345678901234567890,
    -(10**25),
    2**53 + 1,
    0.1,
    -1.5e-7,
    1.7976931348623157,
    [None, True, [], {}, "", [[[[1]]]]],
    {"": "empty key", "ключ": "значение", "🦓": ["𝄞", "é", "\u2028"], "a b": {"c": None}},
    {"b": 1, "a": 2, "aa": 3, "B": 4},
    {"n": [12345678901234567890, 0.30000000000000004, 1, -0.125]},
    "x" * 70_000,
    [[number, str(number)] for number in range(2000)],
]
BINARIES = [
    b"",
    b"\x00",
    b"\x00\x01\x02\xff\xfe",
    b"text",
    b"\\x00 \\N \\\\ '\" \n\r\t\x1a",
    bytes(range(256)),
    b"\xc3\x28 is not UTF-8",
    bytes(range(256)) * 20_480,
]

VALUES = {
    "SmallInteger": [*SIGNED, INT16, -INT16 - 1],
    "Integer": [*SIGNED, INT32, -INT32 - 1],
    "BigInteger": [*SIGNED, 2**53 + 1, INT64, -INT64 - 1],
    "PositiveSmallInteger": [0, 1, INT16],
    "PositiveInteger": [0, 1, INT32],
    "PositiveBigInteger": [0, 1, 2**53 + 1, INT64],
    "Float": [
        0.0,
        0.1,
        1 / 3,
        0.1 + 0.2,
        -1.0,
        123456789.12345679,
        2.0**53 + 2,
        1e16,
        1e22,
        1.7976931348623157e308,
        -1e308,
        2.2250738585072014e-308,
        5e-324,
        1.234567890123456e-310,
    ],
    "Boolean": [True, False],
    "Price": [Decimal(text) for text in ("0.00", "0.01", "-0.01", "1.10", "100", "99999999.99")],
    "Rate": [Decimal(text) for text in ("0", "0.00001", "-1234567890.12345", "9999999999.99999")],
    "LargeDecimal": [
        Decimal(text)
        for text in ("0", "1", "0.0000000001", "-0.1", "12345.6789012345", "999999999999999")
    ],
    "WholeDecimal": [Decimal(text) for text in ("0", "-1", "100000", "999999999999999", "1e15")],
    "Char": TEXTS,
    "Text": [*TEXTS, LONG_TEXT],
    "Slug": ["", "a-slug_1", "UPPER", "007"],
    "Url": ["", "https://example.com/?q=%C3%A9&b=1#top", "https://münchen.example/"],
    "Email": ["", "somebody@example.com", "o'brien+tag@exämple.com"],
    "File": ["", "folder/file with spaces.txt", "ünï/😀.png"],
    "FilePath": ["", "/", "/tmp/a b/%s.txt"],
    "IPAddress": ["0.0.0.0", "192.0.2.1", "255.255.255.255", "::", "::1", "2001:db8::ff00:42:8329"],
    "Date": [
        dt.date.min,
        dt.date(1582, 10, 10),
        dt.date(1900, 2, 28),
        dt.date(1970, 1, 1),
        dt.date(2024, 2, 29),
        dt.date.max,
    ],
    "Time": [
        dt.time.min,
        dt.time(0, 0, 0, 1),
        dt.time(12, 30),
        dt.time(23, 59, 59),
        dt.time(1, 2, 3, 120_000),
        dt.time.max,
    ],
    "DateTime": [
        dt.datetime(1, 1, 1, tzinfo=UTC),
        dt.datetime(1582, 10, 10, 12, tzinfo=UTC),
        dt.datetime(1937, 6, 30, 23, 40, 28, 1, tzinfo=UTC),
        dt.datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
        dt.datetime(1970, 1, 1, tzinfo=UTC),
        dt.datetime(2000, 2, 29, 12, 30, 15, 120_000, tzinfo=UTC),
        # The hours around the changes of summer time in Amsterdam and New York.
        *(dt.datetime(2024, 3, 31, hour, 30, tzinfo=UTC) for hour in (0, 1, 2)),
        *(dt.datetime(2024, 10, 27, hour, 30, tzinfo=UTC) for hour in (0, 1, 2)),
        *(dt.datetime(2024, 11, 3, hour, 30, tzinfo=UTC) for hour in (5, 6, 7)),
        dt.datetime(2024, 5, 1, 12, tzinfo=dt.timezone(dt.timedelta(hours=5, minutes=45))),
        dt.datetime(2038, 1, 19, 3, 14, 8, tzinfo=UTC),
        dt.datetime.max.replace(tzinfo=UTC),
    ],
    "Duration": [
        dt.timedelta(0),
        dt.timedelta(microseconds=1),
        dt.timedelta(microseconds=-1),
        dt.timedelta(seconds=-1),
        dt.timedelta(hours=23, minutes=59, seconds=59, microseconds=999_999),
        dt.timedelta(hours=24),
        dt.timedelta(days=-3, hours=5, microseconds=7),
        dt.timedelta(days=31),
        dt.timedelta(days=40_000, seconds=1),
        dt.timedelta(days=-40_000, microseconds=1),
        dt.timedelta(days=1_000_000, microseconds=1),
    ],
    "Uuid": [
        uuid.UUID(int=0),
        uuid.UUID(int=1),
        uuid.UUID("12345678-1234-5678-1234-567812345678"),
        # Were it read as a number, this one would be: 10E36.
        uuid.UUID("00000000-0000-0000-0000-0000000010e3"),
        uuid.UUID(int=2**128 - 1),
    ],
    "Json": JSONS,
    "Binary": BINARIES,
}
