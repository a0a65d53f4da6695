"""What the repository's documents hold: code blocks, shell commands, tables, code spans and links."""

import dataclasses
import os
import pathlib
import re
import shlex
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]
NOT_OURS = {"build", "__pycache__", "node_modules"}  # folders that no checkout holds


@dataclasses.dataclass
class Block:
    line: int
    language: str
    text: str


@dataclasses.dataclass
class Document:
    """One Markdown file; `name` is its path in the repository."""

    name: str
    text: str

    @property
    def folder(self):
        return pathlib.PurePosixPath(self.name).parent.as_posix()

    def blocks(self):
        """The fenced blocks. The language of an indented block is "indented", of a bare fence ""."""
        found, lines, number = [], self.text.split("\n"), 0
        while number < len(lines):
            line = lines[number]
            if fence := re.match(r"( *)```(\w*)\s*$", line):
                end = number + 1
                while end < len(lines) and not re.match(r" *```\s*$", lines[end]):
                    end += 1
                body = [text.removeprefix(fence[1]) for text in lines[number + 1:end]]
                found.append(Block(number + 1, fence[2], "\n".join(body)))
                number = end
            elif line.startswith("    ") and number > 0 and not lines[number - 1].strip() and not self._in_list(number):
                found.append(Block(number + 1, "indented", line.strip()))
            number += 1
        return found

    def _in_list(self, number):
        """True if the last line that is not indented, before this one, is a list's."""
        lines = self.text.split("\n")[:number]
        outer = next((line for line in reversed(lines) if line and not line.startswith(" ")), "")
        return bool(re.match(r"([-*]|\d+\.) ", outer))

    def prose(self):
        """The text without its fenced blocks; line numbers stay."""
        kept, inside = [], False
        for line in self.text.split("\n"):
            fence = re.match(r" *```", line)
            inside ^= bool(fence)
            kept.append("" if inside or fence else line)
        return "\n".join(kept)

    def spans(self):
        """The texts in `code font`."""
        return [re.sub(r"\s+", " ", span).strip() for span in re.findall(r"(?<!`)`([^`]+)`(?!`)", self.prose())]

    def links(self):
        return re.findall(r"\]\(([^)\s]+)\)", self.prose())

    def anchors(self):
        headings = re.findall(r"^#+ (.*)$", self.prose(), re.M)
        return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}

    def table_column(self, heading):
        """The cells below each table heading of this name in the first column, as (line, cell)."""
        cells, inside = [], False
        for number, line in enumerate(self.prose().split("\n"), 1):
            if not line.startswith("|"):
                inside = False
                continue
            first = re.split(r"(?<!\\)\|", line)[1].strip()
            if first.lower() == heading.lower():
                inside = True
            elif inside and not re.fullmatch(r":?-+:?", first):
                cells.append((number, first))
        return cells


def tracked_files(root=ROOT):
    """The files of the checkout, also new ones that git does not ignore; of a copy without git, all files."""
    listed = subprocess.run(["git", "-C", root, "ls-files", "-co", "--exclude-standard", "-z"], capture_output=True,
                            text=True, check=False)
    if listed.returncode == 0 and listed.stdout:
        names = [name for name in listed.stdout.split("\0") if name]
    else:
        names = []
        for folder, below, files in os.walk(root):
            below[:] = [name for name in below if not name.startswith(".") and name not in NOT_OURS]
            names += [os.path.relpath(os.path.join(folder, name), root) for name in files]
    return sorted({name for name in names if (pathlib.Path(root) / name).is_file()})


def documents(root=ROOT):
    """All Markdown files."""
    return [Document(name, (pathlib.Path(root) / name).read_text(encoding="utf-8"))
            for name in tracked_files(root) if name.endswith(".md")]


def is_dated(document):
    """Reports and the changelog tell of a past state: their names and commands need not be there today."""
    return document.name == "CHANGELOG.md" or document.name.startswith("docs/reports/")


def commands(block):
    """The commands of a shell block, one text each: continued lines joined, comments and blank lines left out."""
    if block.text.startswith("#!"):
        return [block.text]
    found, pending = [], ""
    for line in block.text.split("\n"):
        pending = f"{pending}\n{line}" if pending else line
        if pending.endswith("\\"):
            pending = pending[:-1].rstrip() + " "
            continue
        if quote_is_open(pending):
            continue
        command = re.sub(r"\s+", " ", without_comment(pending)).strip()
        if command:
            found.append(command)
        pending = ""
    return found + ([re.sub(r"\s+", " ", pending).strip()] if pending.strip() else [])


def quote_is_open(text):
    try:
        shlex.split(text, comments=True)
    except ValueError:
        return True
    return False


def without_comment(text):
    """The text up to a # that begins a word outside of quotes."""
    quote = ""
    for at, letter in enumerate(text):
        if quote:
            quote = "" if letter == quote else quote
        elif letter in "'\"":
            quote = letter
        elif letter == "#" and (at == 0 or text[at - 1].isspace()):
            return text[:at]
    return text
