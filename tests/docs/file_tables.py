"""Compares the tables of files and of folders in READMEs with the folders that they stand in.

A cell of the column "File" names files, separated by commas, relative to the README: `name.ext` is that file, `name` all
files of that name whatever their extension, `folder/` all that is below, and * (or NAME) stands for any text. A cell of
the column "Folder" names folders. Every file, or folder, is named once; README.md and CMakeLists.txt need no line.
"""

import fnmatch
import pathlib
import re

SELF_EXPLAINING = {"README.md", "CMakeLists.txt"}


def names_of(cell):
    plain = cell.replace("`", "").replace("\\", "")
    return [name.strip() for name in plain.split(",") if name.strip()]


def covers(name, path):
    """Whether a name in a table stands for the file `path`; both relative to the README's folder."""
    pattern = name.replace("NAME", "*")
    if pattern.endswith("/"):
        return path.startswith(pattern)
    if fnmatch.fnmatchcase(path, pattern) and path.count("/") == pattern.count("/"):
        return True
    last = pathlib.PurePosixPath(path).name
    stem = path[:len(path) - len(last)] + last.split(".")[0]
    return "." not in pathlib.PurePosixPath(pattern).name and fnmatch.fnmatchcase(stem, pattern)


def below(folder, files):
    """The files below a folder, relative to it."""
    start = "" if folder == "." else folder + "/"
    return [name.removeprefix(start) for name in files if name.startswith(start)]


def file_faults(document, files):
    """What is wrong with a README's tables of files."""
    cells = document.table_column("File")
    if not cells:
        return []
    folder_files = below(document.folder, files)
    own_tables = {name.removesuffix("README.md") for name in folder_files if name.endswith("/README.md")}
    expected = [name for name in folder_files if pathlib.PurePosixPath(name).name not in SELF_EXPLAINING]
    faults, found = [], {name: [] for name in expected}
    for line, cell in cells:
        for name in names_of(cell):
            if name.startswith("../"):
                continue  # a link's target, which names_test.py looks for
            hits = [path for path in expected if covers(name, path)]
            if not hits:
                faults.append(f"{document.name}:{line}: names `{name}`, which is not there: rename or remove it")
            for path in hits:
                found[path].append(name)
    faults += missing(document, found, own_tables)
    faults += [f"{document.name}: names {path} {len(names)} times, as {', '.join(names)}: keep one"
               for path, names in found.items() if len(names) > 1]
    return faults


def missing(document, found, own_tables):
    """Files that no line names; those of a folder with a README of its own count as one."""
    faults, folders = [], set()
    for path, names in found.items():
        own = next((folder for folder in own_tables if path.startswith(folder)), None)
        if names or own in folders:
            continue
        if own:
            folders.add(own)
        faults.append(f"{document.name}: no line of its table names {own or path}: add one")
    return faults


def folder_faults(document, files):
    """What is wrong with a README's table of folders."""
    cells = document.table_column("Folder")
    if not cells:
        return []
    folders = {name.split("/")[0] for name in below(document.folder, files) if "/" in name and not name.startswith(".")}
    named = [(line, re.sub(r"/$", "", name)) for line, cell in cells for name in names_of(cell)]
    faults = [f"{document.name}:{line}: names the folder `{name}`, which is not there: rename or remove it"
              for line, name in named if name not in folders]
    counts = [name for _, name in named]
    faults += [f"{document.name}: no line of its table names the folder {name}: add one"
               for name in sorted(folders - set(counts))]
    return faults + [f"{document.name}: names the folder {name} {counts.count(name)} times: keep one"
                     for name in sorted(set(counts)) if counts.count(name) > 1]
