#!/usr/bin/env python3
"""The table and the page of the comparison with other libraries."""

import html.parser
import re
import unittest

from samples import big_result, figure, small_result, two_threads  # first: it makes the modules below known

import page
import results
import speedup
import table


class Table(unittest.TestCase):
    def test_says_which_peak(self):
        self.assertIn("FMA peak 100.0 GFLOP/s, the best burst (avx2+fma)", table.text(results.evaluate(small_result())))
        text = table.text(results.evaluate(big_result()))
        self.assertIn("FMA peak 100.0 GFLOP/s, the median of 3 turns", text)
        self.assertIn("(5th to 95th percentile 55.0 to 100.0); the best burst 100.0", text)

    def test_big_layers(self):
        text = table.text(results.evaluate(big_result()))
        self.assertIn("2 layers with C and F from 256 up:", text)
        self.assertIn("  73.5% of the peak beside them, geometric mean (bar 80), the lowest 60.0% b (bar 72)", text)
        self.assertIn("  52.0% of the run's best burst, the lowest 45.0% a", text)
        self.assertIn("  below 72%: 60.0%  b", text)
        self.assertNotIn("(bar 80)", table.text(results.evaluate({**big_result(), "threads": 2})))

    def test_what_two_threads_gain(self):
        found = two_threads()
        speedup.add_speedups(found)
        text = table.text(found[1])
        self.assertIn("2 threads over one, layers over 0.5 ms with one; the peak's ratio in this run 1.90 (", text)
        self.assertIn("(2.00 of the best bursts), the bar 1.71\n", text)
        self.assertRegex(text, r"(?m)^fast +0\.75 +1\.60 +1\.50 +1\.25 +1\.25  below$")
        self.assertRegex(text, r"(?m)^slow<b> +3\.8 +2\.00 +1\.90 +- +1\.25$")
        self.assertRegex(text, r"(?m)^geometric mean +1\.69 +1\.25 +1\.25$")
        self.assertRegex(text, r"(?m)^at the bar +1 of 2 +0 of 1 +0 of 2$")

    def test_has_every_layer_group_and_miss(self):
        text = table.text(results.evaluate(small_result()))
        for name in ("fast", "slow<b>", "first", "call"):
            self.assertRegex(text, rf"(?m)^{name} +[0-9.]+ ")
        self.assertRegex(text, r"(?m)^first .* two \(same format\)$")
        self.assertRegex(text, r"(?m)^classic2d +2 +1\.000 +1\.08 +1 .* 0\.50 slow<b>$")
        self.assertRegex(text, r"(?m)^all +3 +1\.442 +1\.20 ")
        self.assertIn("1 layers below 0.97:\n  0.50  slow<b>", text)
        self.assertIn("no result: slow<b>, one: no <such> layer", text)

    def test_without_any_result(self):
        result = small_result()
        for row in result["layers"]:
            row["times"]["sepconv"] = {"error": "broken"}
        text = table.text(results.evaluate(result))
        self.assertRegex(text, r"(?m)^all +3 +no result$")
        self.assertIn("0 layers below 0.97", text)


class _Reader(html.parser.HTMLParser):
    """Notices tags that are not closed in order, and whatever a page loads."""

    VOID = {"meta", "br"}

    def __init__(self):
        super().__init__()
        self.open, self.texts, self.loaded = [], [], []

    def handle_starttag(self, tag, attributes):
        self.loaded += [value for key, value in attributes if key in ("src", "href")]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open and self.open[-1] == tag, f"</{tag}> closes {self.open[-3:]}"
        self.open.pop()

    def handle_data(self, data):
        self.texts.append(data)


class Page(unittest.TestCase):
    def read(self, found):
        reader = _Reader()
        reader.feed(page.page(found))
        self.assertEqual((reader.open, reader.loaded), ([], []))
        return "".join(reader.texts)

    def test_is_well_formed_and_complete(self):
        text = self.read([results.evaluate(small_result(1)), results.evaluate(small_result(2))])
        self.assertIn("One thread", text)
        self.assertIn("2 threads", text)
        self.assertEqual(text.count("slow<b>"), 2 * 4)  # in the worst's tile, both charts and the table
        self.assertIn("1.44×", text)
        self.assertIn("of 1.20", text)
        self.assertIn("prefers-color-scheme: dark", text)

    def test_shows_what_two_threads_gain(self):
        found = two_threads()
        speedup.add_speedups(found)
        text = self.read(found)
        self.assertIn("2 threads over one", text)
        self.assertIn("the bar, 1.71, which 1 of 2 layers reach", text)
        self.assertIn("the libraries: one 1.25, two 1.25", text)

    def test_positions_stay_inside(self):
        found = two_threads()
        found[1]["layers"][0]["one_thread"]["sepconv"]["ms"] = 4.0  # eight times as fast
        speedup.add_speedups(found)
        self.assert_inside(page.page(found))
        result = small_result()
        result["layers"][0]["times"]["sepconv"] = figure(1e-6)
        result["layers"][1]["times"]["sepconv"] = figure(50.0)
        self.assert_inside(page.page([results.evaluate(result)]))

    def assert_inside(self, markup):
        found = [float(position) for position in re.findall(r'style="left:([0-9.e-]+)%', markup)]
        self.assertGreater(len(found), 10)
        self.assertTrue(all(0 <= position <= 100 for position in found), found)

    def test_says_so_where_nothing_was_timed(self):
        result = small_result()
        for row in result["layers"]:
            row["times"]["sepconv"] = {"error": "broken"}
        self.assertIn("No layer was timed both here and in a library.", self.read([results.evaluate(result)]))


if __name__ == "__main__":
    unittest.main(verbosity=2)
