"""Damages HDF5 files where the damage counts: in the structures that the HDF5 library follows, and in the data.

Only what h5py writes for Keras is known here: version 0 superblocks, symbol tables, version 1 object headers, global
heaps. https://docs.hdfgroup.org/archive/support/HDF5/doc/H5.format.html describes them."""

from __future__ import annotations

import random
import struct

SIGNATURE = b"\x89HDF\r\n\x1a\n"


def interesting(rng: random.Random, size: int, old: int, near: list[int]) -> int:
    """A value of `size` bytes that code is likely to get wrong."""
    top = 1 << (8 * size)
    choices = [0, 1, 2, 7, 8, 15, 16, 255, top - 1, top - 8, top // 2, top // 2 - 1, old + 1, old - 1, old * 2, old + 8,
               old - 8, old ^ (1 << rng.randrange(8 * size)), rng.randrange(top), rng.randrange(1 << min(8 * size, 16))]
    if near:
        choices += [rng.choice(near)] * 4
    return rng.choice(choices) % top


class Hdf5:
    """The file's bytes, and where its structures are."""

    def __init__(self, content: bytes):
        self.bytes = bytearray(content)
        self.tables = self.find(b"SNOD")
        self.heaps = self.find(b"HEAP")
        self.trees = self.find(b"TREE")
        self.collections = self.find(b"GCOL")
        self.headers = self.object_headers()
        self.messages = [m for header in self.headers for m in self.messages_of(header)]
        self.addresses = sorted({*self.tables, *self.heaps, *self.trees, *self.collections, *self.headers,
                                 len(content), len(content) - 1})

    def find(self, signature: bytes) -> list[int]:
        found, at = [], self.bytes.find(signature)
        while at >= 0:
            found.append(at)
            at = self.bytes.find(signature, at + 1)
        return found

    def number(self, at: int, size: int) -> int:
        return int.from_bytes(self.bytes[at:at + size], "little")

    def set_number(self, at: int, size: int, value: int) -> None:
        if at + size <= len(self.bytes):
            self.bytes[at:at + size] = value.to_bytes(size, "little")

    def object_headers(self) -> list[int]:
        """Addresses in the entries of symbol tables that lead to version 1 headers, the root's among them."""
        found = {self.number(64, 8)} if self.number(8, 1) == 0 else set()
        for table in self.tables:
            for i in range(min(self.number(table + 6, 2), 64)):
                found.add(self.number(table + 8 + 40 * i + 8, 8))
        return [at for at in sorted(found) if at + 16 <= len(self.bytes) and self.number(at, 1) == 1]

    def messages_of(self, header: int) -> list[tuple[int, int, int]]:
        """(offset of its header, type, size of its data) of each message; type 16 continues in another block."""
        messages, blocks = [], [(header + 16, self.number(header + 8, 4))]
        for at, size in blocks:
            end = min(at + size, len(self.bytes))
            while at + 8 <= end and len(messages) < 1000:
                kind, size = self.number(at, 2), self.number(at + 2, 2)
                messages.append((at, kind, size))
                if kind == 16:
                    blocks.append((self.number(at + 8, 8), self.number(at + 16, 8)))
                at += 8 + size
        return messages

    def data_blocks(self) -> list[tuple[int, int]]:
        """(address, size) of contiguous datasets, from their layout messages (type 8, version 3, class 1)."""
        blocks = []
        for at, kind, size in self.messages:
            if kind == 8 and size >= 18 and self.number(at + 8, 2) == 0x103:
                blocks.append((self.number(at + 10, 8), self.number(at + 18, 8)))
        return [(address, size) for address, size in blocks if size and address + size <= len(self.bytes)]


def change(file: Hdf5, rng: random.Random, at: int, size: int) -> None:
    file.set_number(at, size, interesting(rng, size, file.number(at, size), file.addresses))


def superblock(file: Hdf5, rng: random.Random) -> None:
    at, size = rng.choice([(8, 1), (9, 1), (10, 1), (12, 1), (13, 1), (14, 1), (16, 2), (18, 2), (20, 4), (24, 8),
                           (32, 8), (40, 8), (48, 8), (56, 8), (64, 8), (72, 4), (80, 8), (88, 8)])
    change(file, rng, at, size)


def local_heap(file: Hdf5, rng: random.Random) -> None:
    heap = rng.choice(file.heaps)
    if rng.random() < 0.5:
        return change(file, rng, heap + rng.choice([8, 16, 24]), 8)
    start, size = file.number(heap + 24, 8), file.number(heap + 8, 8)
    if start + size <= len(file.bytes) and size >= 8:
        change(file, rng, start + rng.randrange(size - 7), rng.choice([1, 1, 8]))


def global_heap(file: Hdf5, rng: random.Random) -> None:
    heap = rng.choice(file.collections)
    objects, at, end = [], heap + 16, heap + file.number(heap + 8, 8)
    while at + 16 <= min(end, len(file.bytes)) and len(objects) < 4096:
        objects.append(at)
        size = file.number(at + 8, 8)
        at += (16 + (size + 7) // 8 * 8) if file.number(at, 2) else max(size, 16)
    if not objects or rng.random() < 0.2:
        return change(file, rng, *rng.choice([(heap + 4, 1), (heap + 5, 1), (heap + 8, 8)]))
    at = rng.choice(objects)
    kind = rng.randrange(4)
    if kind == 3:
        return change(file, rng, at + 16 + rng.randrange(max(file.number(at + 8, 8), 1)), 1)
    change(file, rng, *[(at, 2), (at + 2, 2), (at + 8, 8)][kind])


def tree(file: Hdf5, rng: random.Random) -> None:
    at = rng.choice(file.trees)
    change(file, rng, *rng.choice([(at + 4, 1), (at + 5, 1), (at + 6, 2), (at + 8, 8), (at + 16, 8), (at + 24, 8),
                                   (at + 32, 8), (at + 40, 8)]))


def symbol_table(file: Hdf5, rng: random.Random) -> None:
    table = rng.choice(file.tables)
    entry = table + 8 + 40 * rng.randrange(max(min(file.number(table + 6, 2), 64), 1))
    change(file, rng, *rng.choice([(table + 4, 1), (table + 6, 2), (entry, 8), (entry + 8, 8), (entry + 16, 4),
                                   (entry + 24, 8), (entry + 32, 8)]))


def object_header(file: Hdf5, rng: random.Random) -> None:
    at = rng.choice(file.headers)
    change(file, rng, *rng.choice([(at, 1), (at + 2, 2), (at + 4, 4), (at + 8, 4)]))


def message(file: Hdf5, rng: random.Random) -> None:
    at, _, size = rng.choice(file.messages)
    if size == 0 or rng.random() < 0.2:
        return change(file, rng, *rng.choice([(at, 2), (at + 2, 2), (at + 4, 1)]))
    width = rng.choice([w for w in (1, 1, 2, 4, 8) if w <= size])
    change(file, rng, at + 8 + rng.randrange(size - width + 1), width)


def dataset_bytes(file: Hdf5, rng: random.Random) -> None:
    blocks = file.data_blocks()
    if not blocks:
        return message(file, rng)
    address, size = rng.choice(blocks)
    count = rng.choice([1, 4, 64])
    for _ in range(count):
        at = address + rng.randrange(size)
        value = rng.choice([struct.pack("<f", v) for v in (float("nan"), float("inf"), 1e38, 0.0, -1e-40)] +
                           [rng.randbytes(4)])
        file.bytes[at:min(at + 4, address + size)] = value[:max(min(at + 4, address + size) - at, 0)]


def flipped_metadata(file: Hdf5, rng: random.Random) -> None:
    for _ in range(rng.choice([1, 2, 8])):
        at = min(rng.choice(file.addresses) + rng.randrange(512), len(file.bytes) - 1)
        file.bytes[at] ^= 1 << rng.randrange(8)


def swapped_addresses(file: Hdf5, rng: random.Random) -> None:
    known = set(file.addresses)
    places = [at for at in range(24, len(file.bytes) - 8, 8) if file.number(at, 8) in known]
    if len(places) >= 2:
        a, b = rng.sample(places, 2)
        file.bytes[a:a + 8], file.bytes[b:b + 8] = file.bytes[b:b + 8], file.bytes[a:a + 8]


def cut(file: Hdf5, rng: random.Random) -> None:
    del file.bytes[rng.randrange(len(file.bytes)):]


def mutate(content: bytes, rng: random.Random) -> bytes:
    """The file with one to three of the above done to it."""
    file = Hdf5(content)
    kinds = [(superblock, 4), (object_header, 6), (message, 20), (dataset_bytes, 24), (flipped_metadata, 8),
             (swapped_addresses, 3), (cut, 1)]
    kinds += [(local_heap, 10)] * bool(file.heaps) + [(global_heap, 12)] * bool(file.collections)
    kinds += [(tree, 8)] * bool(file.trees) + [(symbol_table, 10)] * bool(file.tables)
    functions, weights = zip(*kinds)
    for function in rng.choices(functions, weights, k=rng.choice([1, 1, 1, 2, 3])):
        if len(file.bytes) >= 96:
            function(file, rng)
    return bytes(file.bytes)


def replace_text(content: bytes, old: bytes, new: bytes) -> bytes | None:
    """The file with a string put in an old one's place, padded with blanks; nothing when it is longer."""
    at = content.find(old)
    if at < 0 or len(new) > len(old):
        return None
    return content[:at] + new.ljust(len(old)) + content[at + len(old):]
