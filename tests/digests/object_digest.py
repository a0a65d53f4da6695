"""A digest of the machine code in an object of sepconv-generator that tells nothing of names: those of symbols, and
those that Halide makes of Funcs and Vars in the texts of PTX and OpenCL.

What counts: the bytes of all functions but those that return metadata, what each relocation refers to, and the
constants, in the order in which code refers to them. What does not: names, strings (messages of GPU kernels' asserts),
addresses of data, and the descriptions of arguments.
"""

import hashlib
import io
import re
import struct

from elftools.elf.elffile import ELFFile
from elftools.elf.relocation import RelocationSection

# Relocations whose addend counts from the instruction's end, by machine; of all others it is the place itself.
PC_RELATIVE = {"EM_X86_64": {2, 4, 9, 41, 42}}  # PC32, PLT32, GOTPCREL, GOTPCRELX, REX_GOTPCRELX
PTX_HEADER = b".version"
OPENCL_HEADERS = (b"__kernel", b"#pragma OPENCL")
IDENTIFIER = re.compile(r"[A-Za-z_$][A-Za-z0-9_$]*")
COMMENT = re.compile(r"//[^\n]*|/\*.*?\*/", re.DOTALL)


def with_numbered_names(text, is_name):
    """The text with each name replaced by its number, in order of appearance, and without comments."""
    numbers = {}

    def number(match):
        word = match.group(0)
        if not is_name(word):
            return word
        return f"name{numbers.setdefault(word, len(numbers))}"

    return IDENTIFIER.sub(number, COMMENT.sub("", text))


def normal_ptx(text):
    """PTX derives all names that are not the compiler's own from those of the entries."""
    entries = re.findall(r"\.entry\s+([A-Za-z_$][\w$]*)", text)
    return with_numbered_names(text, lambda word: any(word.startswith(entry) for entry in entries))


def normal_opencl(text):
    """OpenCL text of Halide: names of its own begin with an underscore, apart from those of kernels."""
    kernels = set(re.findall(r"__kernel\s+void\s+([A-Za-z_]\w*)", text))
    keywords = {"__kernel", "__global", "__local", "__private", "__constant", "__attribute__"}
    return with_numbered_names(text, lambda word: word in kernels or word.startswith("_") and word not in keywords)


def device_text(data):
    """The normalised text of device code in these bytes, or None if they hold none."""
    text = data.rstrip(b"\0").decode("latin-1")
    if PTX_HEADER in data:
        return normal_ptx(text)
    if any(header in data for header in OPENCL_HEADERS):
        return normal_opencl(text)
    return None


def is_string(data):
    text = data.rstrip(b"\0")
    return data.endswith(b"\0") and len(text) > 0 and all(0x20 <= byte < 0x7F or byte == 0x0A for byte in text)


class KernelObject:
    """The parts of an object that its digest is made of."""

    def __init__(self, data):
        self._elf = ELFFile(io.BytesIO(data))
        self._sections = list(self._elf.iter_sections())
        self._data = {}
        self._symbols = list(self._elf.get_section_by_name(".symtab").iter_symbols())
        self._relocations = {
            section["sh_info"]: [self._target(relocation) for relocation in section.iter_relocations()]
            for section in self._sections
            if isinstance(section, RelocationSection)
        }
        self._code = [
            index
            for index, section in enumerate(self._sections)
            if section["sh_flags"] & 4 and section["sh_size"] > 0 and not section.name.endswith("_metadata")
        ]
        self._functions = {index: number for number, index in enumerate(self._code)}
        self._starts = self._starts_of_constants()
        self._source_bytes = set()

    def _bytes(self, index):
        if index not in self._data:
            section = self._sections[index]
            self._data[index] = b"" if section["sh_type"] == "SHT_NOBITS" else section.data()
        return self._data[index]

    def _target(self, relocation):
        """(offset, type, symbol, place in the symbol's section)"""
        symbol = self._symbols[relocation["r_info_sym"]]
        kind = relocation["r_info_type"]
        place = symbol["st_value"] + relocation["r_addend"]
        if kind in PC_RELATIVE.get(self._elf["e_machine"], ()):
            place += 4
            place += place % 4 == 3  # an immediate byte follows the address
        return relocation["r_offset"], kind, symbol, place

    def _starts_of_constants(self):
        """The places in each section of constants that code or data refers to, in order."""
        starts = {}
        for targets in self._relocations.values():
            for _, _, symbol, place in targets:
                if isinstance(symbol["st_shndx"], int):
                    starts.setdefault(symbol["st_shndx"], set()).add(place)
        return {index: sorted(places) for index, places in starts.items()}

    def _constant(self, index, place):
        """What lies at a place: the bytes up to the next place that something refers to."""
        following = [start for start in self._starts[index] if start > place]
        data = self._bytes(index)[place : following[0] if following else None]
        source = device_text(data)
        if source is not None:
            # How long it is stands in the code that passes it to the driver, and depends on the names.
            length = len(data.rstrip(b"\0"))
            self._source_bytes.update({length, length + 1, len(data)})
            return "device " + hashlib.sha256(source.encode()).hexdigest()
        if is_string(data):
            return "string"
        return "constant " + data.rstrip(b"\0").hex()

    def _reference(self, symbol, place):
        index = symbol["st_shndx"]
        if not isinstance(index, int):
            return "external " + symbol.name
        section = self._sections[index]
        if index in self._functions:
            return f"function {self._functions[index]}"
        if section["sh_type"] == "SHT_NOBITS":
            return f"variable {place}"
        if section["sh_flags"] & 1:
            return "data"
        return self._constant(index, place)

    def lines(self):
        """One line a function and a relocation: what the digest is made of."""
        for index in self._code:
            references = [
                f"{offset} {kind} {self._reference(symbol, place)}"
                for offset, kind, symbol, place in self._relocations.get(index, [])
            ]
            code = self._bytes(index)
            for length in sorted(self._source_bytes):
                code = code.replace(struct.pack("<I", length), bytes(4))
            yield f"function {self._functions[index]} {code.hex()}"
            yield from references


def object_digest(data):
    """16 hex digits for the bytes of an object file.
    @raises ValueError if they are no ELF object."""
    try:
        parts = "\n".join(KernelObject(data).lines())
    except Exception as error:  # pyelftools raises many kinds
        raise ValueError(f"not an object file of a kernel: {error}") from error
    return hashlib.sha256(parts.encode()).hexdigest()[:16]
