"""What a forger does to a file's pages (https://www.sqlite.org/fileformat2.html)."""

from tests import files

PAGE = 16384
LEAF, INTERIOR = 13, 5


class Pages:
    """The pages of a file, by number; `save` makes the checksum hold again."""

    def __init__(self, path):
        self.path = path
        self.data = bytearray(path.read_bytes())

    def __len__(self):
        return len(self.data) // PAGE

    def __getitem__(self, number):
        return self.data[(number - 1) * PAGE : number * PAGE]

    def __setitem__(self, number, page):
        assert len(page) == PAGE
        self.data[(number - 1) * PAGE : number * PAGE] = page

    def append(self, page):
        """Add a page and return its number."""
        self.data += b"\0" * PAGE
        self[len(self)] = page
        return len(self)

    def save(self):
        self.data[28:32] = len(self).to_bytes(4, "big")
        self.path.write_bytes(self.data)
        files.reseal(self.path)

    def find_root(self, name):
        query = f"SELECT rootpage FROM sqlite_schema WHERE name = '{name}'"
        ((number,),) = files.execute(self.path, query)
        return number

    def find_cells(self, number):
        """Return the places, in the file, of the cells of a leaf."""
        page, start = self[number], 100 if number == 1 else 0
        count = int.from_bytes(page[start + 3 : start + 5], "big")
        pointers = range(start + 8, start + 8 + 2 * count, 2)
        return [
            (number - 1) * PAGE + int.from_bytes(page[pointer : pointer + 2], "big")
            for pointer in pointers
        ]

    def find_overflow(self, cell):
        """Return the place of the number of the first overflow page of a leaf's cell."""
        size, place = self.read_varint(cell)
        _, place = self.read_varint(place)
        assert size > PAGE - 35
        least = (PAGE - 12) * 32 // 255 - 23
        local = least + (size - least) % (PAGE - 4)
        return place + (local if local <= PAGE - 35 else least)

    def read_varint(self, place):
        value = 0
        while True:
            byte = self.data[place]
            value, place = value << 7 | byte & 127, place + 1
            if byte < 128:
                return value, place


def make_interior(children, start=0):
    """Return a page of a table's tree that leads to the children, in their order."""
    *others, last = children
    header = bytes([INTERIOR, 0, 0]) + len(others).to_bytes(2, "big")
    # One key for all: the content begins at the end of the page.
    cells = [child.to_bytes(4, "big") + b"\1" for child in others]
    content = PAGE - 5 * len(cells)
    header += content.to_bytes(2, "big") + b"\0" + last.to_bytes(4, "big")
    pointers = b"".join((content + 5 * n).to_bytes(2, "big") for n in range(len(cells)))
    page = bytearray(PAGE)
    page[start : start + len(header + pointers)] = header + pointers
    page[content:] = b"".join(cells)
    return page
