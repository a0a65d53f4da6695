"""The files that a network is converted to: which are up to date, and writing them whole."""

import json
import shutil

FAILURES = "failures.json"  # in the network's folder, {file: why it could not be made}; written after the files


def is_current(path, model_file):
    return path.exists() and path.stat().st_mtime >= model_file.stat().st_mtime


def failures_of(folder):
    return json.loads((folder / FAILURES).read_text(encoding="utf-8"))


def existing(folder, file, failures):
    """The file's path. Raises RuntimeError for one that could not be made."""
    if file in failures:
        raise RuntimeError(f"no {file}: {failures[file]}")
    return folder / file


def all_current(folder, model_file, files):
    """Whether each file has been made, or found impossible, since the model was written."""
    if not is_current(folder / FAILURES, model_file):
        return False
    failures = failures_of(folder)
    return all(file in failures or is_current(folder / file, model_file) for file in files)


def write_whole(path, write):
    """Calls write with a temporary path and renames the file or folder there: path never holds a part of one."""
    temporary = path.with_name(f"{path.name}.tmp")
    _remove(temporary)
    write(temporary)
    _remove(path)
    temporary.rename(path)


def _remove(path):
    if path.is_dir():
        shutil.rmtree(path)
    path.unlink(missing_ok=True)
