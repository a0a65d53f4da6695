"""The list of commands that are not run as they stand (not_run.txt), and what becomes of each command in a document.

The list has reasons, each a line that ends with a colon, and indented under it the commands that it holds for, as the
documents have them. `COMMAND -> OTHER` runs OTHER instead. A script is listed by its second line.
"""

import dataclasses

import markdown

LANGUAGES = {"sh", "cpp", "cmake", "json", "text"}
INSTEAD = " -> "


@dataclasses.dataclass
class Entry:
    line: int
    reason: str
    command: str
    instead: str  # the command to run in its place; empty if none
    used: bool = False


class CommandList:
    def __init__(self, text):
        self.entries, self.faults = {}, []
        reason = ""
        for number, line in enumerate(text.split("\n"), 1):
            if not line.strip() or line.startswith("#"):
                continue
            if not line.startswith(" "):
                reason = line.rstrip().removesuffix(":")
                if not line.rstrip().endswith(":"):
                    self.faults.append(f"line {number}: a reason ends with a colon, a command is indented: {line}")
                continue
            command, _, instead = line.strip().partition(INSTEAD)
            if not reason:
                self.faults.append(f"line {number}: no reason stands above the command: {command}")
            if command in self.entries:
                self.faults.append(f"line {number}: listed twice: {command}")
            self.entries[command] = Entry(number, reason, command, instead)

    def entry(self, command):
        found = self.entries.get(command)
        if found:
            found.used = True
        return found

    def unused(self):
        return [f"line {entry.line}: no document has this command, remove it: {entry.command}"
                for entry in self.entries.values() if not entry.used]


def key(command):
    """How the list names a command: a script's second line, else all of it."""
    return command.split("\n")[1].strip() if command.startswith("#!") else command


def planned(document, listed):
    """The commands to run for a document, as (line of the block, command as documented, command to run)."""
    plan = []
    for block in document.blocks():
        if block.language != "sh":
            continue
        for command in markdown.commands(block):
            entry = listed.entry(key(command))
            if entry is None:
                plan.append((block.line, command, command))
            elif entry.instead:
                plan.append((block.line, command, entry.instead))
    return plan


def block_faults(document):
    """Blocks that no test could check, since their language is not stated."""
    faults = []
    for block in document.blocks():
        if block.language == "indented":
            faults.append(f"{document.name}:{block.line}: use a fenced block (```sh), not an indented one: {block.text}")
        elif block.language not in LANGUAGES:
            faults.append(f"{document.name}:{block.line}: the block needs a language of {', '.join(sorted(LANGUAGES))}, "
                          f"not '{block.language}'")
    return faults
