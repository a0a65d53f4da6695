#!/usr/bin/env python3
"""What the documents name is there: files that they link to, paths, make targets, functions and other identifiers."""

import fnmatch
import functools
import pathlib
import re
import unittest

import markdown

# Names of other projects, which nothing in this repository spells out.
FOREIGN = {
    "TDPBF16PS", "VCVTNEPS2BF16", "VDPBF16PS",  # instructions that no kernel uses
}
TEXTS_OF_OURS = re.compile(r"(block|gpu)_fuse\d|\w+_(f32|f16|bf16|f64)_")  # schedules and problems, written out
TEXT = {".cpp", ".h", ".py", ".cmake", ".txt", ".sh", ".json", ".in", ".supp", ""}


@functools.cache
def words():
    """Every word of the repository's files other than documents; functions also with an opening bracket, and options."""
    found = set(FOREIGN)
    for name in markdown.tracked_files():
        path = markdown.ROOT / name
        found.add(path.stem)
        if path.suffix in TEXT and "tests/fuzz/corpus" not in name and not name.startswith("tests/docs/"):
            text = path.read_text(encoding="utf-8", errors="ignore")
            found.update(re.findall(r"\w+\(?", text), re.findall(r"--[a-z][\w-]*", text))
    return found | {word.rstrip("(") for word in found}


@functools.cache
def make_targets():
    return set(re.findall(r"^([a-z-]+):", (markdown.ROOT / "Makefile").read_text(encoding="utf-8"), re.M))


def link_faults(document, files, texts):
    """Relative links whose file or heading is missing."""
    faults = []
    for link in document.links():
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = path and (pathlib.PurePosixPath(document.folder) / path).as_posix()
        parts = []
        for part in (target or document.name).split("/"):
            if part == ".." and parts:
                parts.pop()
            elif part != ".":
                parts.append(part)
        target = "/".join(parts)
        if target not in files and not any(name.startswith(target.rstrip("/") + "/") for name in files):
            faults.append(f"{document.name}: links to {link}, which is not there")
        elif anchor and target in texts and anchor not in texts[target].anchors():
            faults.append(f"{document.name}: links to {link}, and {target} has no such heading")
    return faults


def path_faults(document, files):
    """Paths in code font whose first folder is one of the repository's, and that are not there."""
    top = {name.split("/")[0] for name in files if "/" in name}
    faults = []
    for span in document.spans():
        for path in re.findall(r"(?<![\w./-])[\w.*{},-]+(?:/[\w.*-]+)+/?", span):
            if path.split("/")[0] not in top:
                continue
            pattern = path.rstrip("/").replace("NAME", "*")
            there = any(fnmatch.fnmatchcase(name, pattern) or fnmatch.fnmatchcase(name, pattern + ".*") or
                        name.startswith(pattern + "/") for name in files)
            if not there:
                faults.append(f"{document.name}: names `{path}`, which is not there")
    return faults


def name_faults(document, known, targets):
    """Functions, identifiers of several words, options and make targets in code font that nothing else knows."""
    faults = []
    for span in document.spans():
        called = re.findall(r"\b[A-Za-z_]\w*\(", span)
        without_paths = re.sub(r"[\w.*-]*/[\w./*-]*", "", span)
        joined = re.findall(r"(?<![\w-])(?:[A-Za-z]\w*_\w+|[A-Z][a-z0-9]+(?:[A-Z][a-z0-9]+)+)\b", without_paths)
        options = re.findall(r"(?<![\w-])--[a-z][\w-]*", span)
        faults += [f"{document.name}: names `{name}`, which no source has (in `{span}`)"
                   for name in dict.fromkeys(called + joined + options)
                   if name not in known and not TEXTS_OF_OURS.match(name)]
    shell = [command for block in document.blocks() if block.language == "sh" for command in markdown.commands(block)]
    for text in document.spans() + shell:
        if (target := re.match(r"make ([a-z-]+)", text)) and target[1] not in targets:
            faults.append(f"{document.name}: names `make {target[1]}`, which the Makefile lacks")
    return faults


class Names(unittest.TestCase):
    def setUp(self):
        self.files = markdown.tracked_files()
        self.documents = markdown.documents()

    def report(self, faults):
        if faults:
            self.fail("\n" + "\n".join(faults))

    def test_links_lead_somewhere(self):
        texts = {document.name: document for document in self.documents}
        self.report([fault for document in self.documents for fault in link_faults(document, self.files, texts)])

    def test_paths_are_there(self):
        self.report([fault for document in self.documents if not markdown.is_dated(document)
                     for fault in path_faults(document, self.files)])

    def test_names_are_known(self):
        self.report([fault for document in self.documents if not markdown.is_dated(document)
                     for fault in name_faults(document, words(), make_targets())])


if __name__ == "__main__":
    unittest.main()
