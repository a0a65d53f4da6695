#!/usr/bin/env python3
"""The tables of files and folders in the READMEs name what is there, each once."""

import unittest

import file_tables
import markdown


class FileTables(unittest.TestCase):
    def test_tables_name_what_is_there(self):
        files, faults, compared = markdown.tracked_files(), [], 0
        for document in markdown.documents():
            if document.name.split("/")[-1] != "README.md":
                continue
            compared += bool(document.table_column("File") or document.table_column("Folder"))
            faults += file_tables.file_faults(document, files) + file_tables.folder_faults(document, files)
        if faults:
            self.fail("\n" + "\n".join(faults))
        self.assertGreater(compared, 10, "hardly any README has a table: did the headings change?")


if __name__ == "__main__":
    unittest.main()
