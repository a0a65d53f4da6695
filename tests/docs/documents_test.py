#!/usr/bin/env python3
"""The checks of documents, on documents made for them: each must see the fault that it is there for."""

import unittest

import command_list
import file_tables
import markdown
import names_test

TEXT = """# A title

Some `code_font_name()` and a [link](other.md#a-title).

```sh
# a comment alone
sepconv compile model.keras -o out   # a comment after it
sepconv tune model.keras \\
  --minutes 30
echo 'one # two' "three
four"
```

    indented

```
bare
```

| File | Subject |
| --- | --- |
| `first`, `second.cpp` | two |
"""


def document(text, name="README.md"):
    return markdown.Document(name, text)


class Reader(unittest.TestCase):
    def test_commands_of_a_block(self):
        block = document(TEXT).blocks()[0]
        self.assertEqual(markdown.commands(block), [
            "sepconv compile model.keras -o out", "sepconv tune model.keras --minutes 30",
            "echo 'one # two' \"three four\""])

    def test_a_script_is_one_command(self):
        block = markdown.Block(1, "sh", "#!/bin/sh\n#SBATCH --ntasks=5\nsrun true\n")
        self.assertEqual(len(markdown.commands(block)), 1)
        self.assertEqual(command_list.key(markdown.commands(block)[0]), "#SBATCH --ntasks=5")

    def test_blocks_without_a_language_are_faults(self):
        faults = command_list.block_faults(document(TEXT))
        self.assertEqual([fault.split(":")[1] for fault in faults], ["14", "16"])

    def test_indented_text_of_a_list_is_no_block(self):
        self.assertEqual(document("- item\n\n    more of the item\n").blocks(), [])

    def test_spans_links_and_anchors(self):
        self.assertEqual(document(TEXT).spans()[0], "code_font_name()")
        self.assertEqual(document(TEXT).links(), ["other.md#a-title"])
        self.assertEqual(document(TEXT).anchors(), {"a-title"})


class CommandLists(unittest.TestCase):
    LIST = "Takes long:\n  sepconv tune model.keras --minutes 30 -> sepconv tune model.keras --trials 1\n"

    def test_what_is_not_listed_runs_as_it_is(self):
        listed = command_list.CommandList(self.LIST)
        plan = [(documented, run) for _, documented, run in command_list.planned(document(TEXT), listed)]
        self.assertIn(("sepconv compile model.keras -o out",) * 2, plan)
        self.assertIn(("sepconv tune model.keras --minutes 30", "sepconv tune model.keras --trials 1"), plan)
        self.assertEqual(listed.unused(), [])

    def test_an_entry_that_no_document_has_is_a_fault(self):
        listed = command_list.CommandList(self.LIST + "  make coffee\n")
        command_list.planned(document(TEXT), listed)
        self.assertEqual(listed.unused(), ["line 3: no document has this command, remove it: make coffee"])

    def test_faults_of_the_list(self):
        listed = command_list.CommandList("  make tea\nno colon\n  make tea\n")
        self.assertEqual([fault.split(":")[0] for fault in listed.faults], ["line 1", "line 2", "line 3"])


class Tables(unittest.TestCase):
    def test_files_that_no_line_names(self):
        faults = file_tables.file_faults(document(TEXT), ["README.md", "first.cpp", "first.h", "second.cpp", "third.h"])
        self.assertEqual(faults, ["README.md: no line of its table names third.h: add one"])

    def test_names_of_files_that_are_gone(self):
        faults = file_tables.file_faults(document(TEXT), ["README.md", "first.cpp"])
        self.assertEqual(faults, ["README.md:22: names `second.cpp`, which is not there: rename or remove it"])

    def test_files_that_are_named_twice(self):
        table = "| File | Subject |\n| --- | --- |\n| first | |\n| first.cpp | |\n"
        faults = file_tables.file_faults(document(table), ["first.cpp"])
        self.assertEqual(faults, ["README.md: names first.cpp 2 times, as first, first.cpp: keep one"])

    def test_patterns_and_folders(self):
        table = "| File | Subject |\n| --- | --- |\n| `NAME_fuzz.cpp`, `below/` | |\n"
        self.assertEqual(file_tables.file_faults(document(table, "x/README.md"), ["x/a_fuzz.cpp", "x/below/y/z.h"]), [])

    def test_a_folder_with_a_readme_is_one_line(self):
        table = "| File | Subject |\n| --- | --- |\n| first | |\n"
        faults = file_tables.file_faults(document(table), ["first.h", "below/README.md", "below/a.h", "below/b.h"])
        self.assertEqual(faults, ["README.md: no line of its table names below/: add one"])

    def test_folders(self):
        table = "| Folder | Subject |\n| --- | --- |\n| `a/` | |\n| b | |\n"
        self.assertEqual(file_tables.folder_faults(document(table), ["a/x", "c/y"]), [
            "README.md:4: names the folder `b`, which is not there: rename or remove it",
            "README.md: no line of its table names the folder c: add one"])


class NamesOfThings(unittest.TestCase):
    def test_functions_and_targets_that_nothing_has(self):
        text = "`known_name()`, `lost_name()`, `KnownType`, `LostType` and `make coffee`"
        faults = names_test.name_faults(document(text), {"known_name(", "known_name", "KnownType"}, {"tea"})
        self.assertEqual([fault.split("`")[1] for fault in faults],
                         ["lost_name(", "lost_name", "LostType", "make coffee"])

    def test_options_that_nothing_has(self):
        faults = names_test.name_faults(document("`--known` and `tool --lost 3`"), {"--known"}, set())
        self.assertEqual([fault.split("`")[1] for fault in faults], ["--lost"])

    def test_a_word_is_no_function(self):
        faults = names_test.name_faults(document("`known_name()`"), {"known_name"}, set())
        self.assertEqual([fault.split("`")[1] for fault in faults], ["known_name("])

    def test_paths_that_are_gone(self):
        text = "`docs/a.md`, `docs/b.md`, `docs/*.md` and `tools/main`"
        self.assertEqual(names_test.path_faults(document(text), ["docs/a.md", "tools/main.cpp"]),
                         ["README.md: names `docs/b.md`, which is not there"])

    def test_links_that_lead_nowhere(self):
        texts = {"docs/b.md": document("# Here\n", "docs/b.md")}
        text = "[1](b.md) [2](b.md#here) [3](b.md#there) [4](c.md) [5](https://example.org)"
        self.assertEqual(names_test.link_faults(document(text, "docs/a.md"), ["docs/b.md"], texts), [
            "docs/a.md: links to b.md#there, and docs/b.md has no such heading",
            "docs/a.md: links to c.md, which is not there"])


if __name__ == "__main__":
    unittest.main()
