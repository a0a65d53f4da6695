#!/usr/bin/env python3
"""The figures of the comparison with other libraries: geometry, statistics, speed-ups."""

import math
import unittest

from samples import PEAK, big_result, figure, layer, small_result, two_threads  # first: it makes the modules below known

import page
import results
import speedup
import suite
import table


class Geometry(unittest.TestCase):
    def test_pads_as_keras_does(self):
        g = suite.Geometry(layer("x", H=112, W=7, stride=[2, 1], kernel=[3, 5], dilation=[1, 2]))
        self.assertEqual((g.out_height, g.out_width), (56, 7))
        self.assertEqual(g.pads, [(0, 1), (4, 4)])
        g = suite.Geometry(layer("x", dims=1, L=20, kernel=[3], stride=[1], dilation=[4], padding="causal"))
        self.assertEqual((g.pads, g.out_width, g.height), ([(0, 0), (8, 0)], 20, 1))
        g = suite.Geometry(layer("x", padding="valid", stride=[2, 3]))
        self.assertEqual((g.out_height, g.out_width), (4, 3))

    def test_counts_operations_and_bytes(self):
        g = suite.Geometry(layer("x", batch=2, depth_multiplier=3))
        self.assertEqual(g.flops(), 2 * 2 * 100 * (24 * 9 + 24 * 16))
        self.assertEqual(g.bytes(), 4 * (2 * 100 * 8 + 2 * 100 * 16 + 24 * 9 + 24 * 16 + 16))
        self.assertEqual(suite.Geometry(layer("x", kind="depthwise", F=None)).filters, 8)

    def test_the_suite_is_whole(self):
        shipped = suite.load_suite(suite.DEFAULT_SUITE)
        names = [each["name"] for each in shipped["layers"]]
        self.assertEqual(len(names), len(set(names)))
        self.assertEqual(set(shipped["groups"]), {each["group"] for each in shipped["layers"]})
        self.assertLessEqual(set(shipped["bars"]["groups"]), set(shipped["groups"]))
        for each in shipped["layers"]:
            self.assertGreater(suite.Geometry(each).flops(), 0, each["name"])


class Statistics(unittest.TestCase):
    def test_means(self):
        self.assertEqual(results.median([3, 1, 2]), 2)
        self.assertEqual(results.median([4, 1, 2, 3]), 2.5)
        self.assertAlmostEqual(results.geomean([1, 4]), 2)

    def test_percentiles_lie_between_neighbours(self):
        self.assertEqual(results.percentile([30, 10, 20], 0), 10)
        self.assertEqual(results.percentile([30, 10, 20], 50), 20)
        self.assertEqual(results.percentile([30, 10, 20], 75), 25)
        self.assertEqual(results.percentile([30, 10, 20], 100), 30)
        self.assertEqual(results.percentile([7], 95), 7)

    def test_turns_of_the_peak_become_a_median(self):
        answers = [{"gflops_median": g, "gflops_best": b} for g, b in ((80, 99), (90, 95), (70, 101))]
        found = results.combine_turns([*answers, {"error": "lost"}])
        self.assertEqual(found, {"gflops": 80, "best": 101, "turns": [80, 90, 70]})
        self.assertIsNone(results.combine_turns([{"error": "lost"}]))

    def test_bandwidth_lies_between_the_measured_sizes(self):
        copy = PEAK["copy"]
        self.assertEqual(results.bandwidth(copy, 1024), 80)
        self.assertAlmostEqual(results.bandwidth(copy, 128 * 1024), 50)  # half way by the logarithm
        self.assertEqual(results.bandwidth(copy, 1 << 40), 10)

    def test_rounds_become_a_median(self):
        rounds = [
            {"ms_median": 3.0, "ms_min": 1.0, "strict": False, "ms_median_strict": 5.0, "variant": "a"},
            {"error": "lost"},
            {"ms_median": 1.0, "strict": False, "ms_median_strict": 9.0, "variant": "b"},
            {"ms_median": 2.0, "strict": False, "variant": "b"},
        ]
        combined = results.combine_rounds(rounds)
        self.assertEqual((combined["ms"], combined["ms_min"], combined["ms_strict"]), (2.0, 1.0, 7.0))
        self.assertEqual((combined["rounds"], combined["spread"], combined["variant"]), ([3.0, 1.0, 2.0], 1.0, "b"))
        self.assertEqual(results.combine_rounds([{"error": "lost"}]), {"error": "lost"})
        self.assertEqual(results.combine_rounds([{"ms_median": 2.0}])["ms_strict"], 2.0)

    def test_ratios_and_means(self):
        result = results.evaluate(small_result())
        rows = {row["name"]: row for row in result["layers"]}
        self.assertEqual((rows["fast"]["best_peer"], rows["fast"]["ratio"]["sepconv"]), ("one", 2.0))
        self.assertEqual((rows["slow<b>"]["best_peer"], rows["slow<b>"]["ratio"]["sepconv"]), ("two", 0.5))
        # Judged in the layer's own format.
        self.assertEqual((rows["first"]["best_peer"], rows["first"]["ratio"]["sepconv"]), ("two", 3.0))
        mean = result["summary"]["all"]["candidates"]["sepconv"]
        self.assertAlmostEqual(mean["geomean"], 3 ** (1 / 3))  # without the layer of the call's overhead
        self.assertEqual((mean["layers"], mean["faster"], mean["worst_layer"]), (3, 2, "slow<b>"))
        self.assertNotIn("overhead", result["summary"])
        self.assertEqual(result["summary"]["classic2d"]["bar"], 1.08)
        self.assertEqual(results.misses(result, "sepconv"), [("slow<b>", 0.5)])

    def test_shares_of_peak_and_roofline(self):
        result = results.evaluate(small_result())
        row = result["layers"][0]
        flops, size = suite.Geometry(layer("x")).flops(), suite.Geometry(layer("x")).bytes()
        memory = size / results.bandwidth(PEAK["copy"], size) * 1e-6
        self.assertAlmostEqual(row["roofline_ms"], max(flops / 100 * 1e-6, memory))
        self.assertAlmostEqual(row["times"]["sepconv"]["pct_peak"], flops * 1e-6 / 0.5)
        self.assertAlmostEqual(row["times"]["sepconv"]["pct_roofline"], 100 * row["roofline_ms"] / 0.5)

    def test_a_share_of_the_peak_is_that_beside_the_layer(self):
        result = small_result()
        for row, turns in zip(result["layers"], ([50, 40, 60], [80], [90], [100])):
            row["peak"] = {"gflops": results.median(turns), "best": max(turns) + 25, "turns": turns}
        result = results.evaluate(results.evaluate(result))  # as of a file of an earlier run
        row, peak = result["layers"][0], result["peak"]
        flops = suite.Geometry(layer("x")).flops()
        mine = row["times"]["sepconv"]
        self.assertAlmostEqual(mine["pct_peak"], 100 * flops / 0.5e-3 / 50e9)
        self.assertAlmostEqual(mine["pct_best_burst"], 100 * flops / 0.5e-3 / 125e9)
        self.assertAlmostEqual(row["best_pct_peak"], 100 * flops / 1e-3 / 50e9)
        memory = row["bytes"] / results.bandwidth(PEAK["copy"], row["bytes"]) * 1e-6
        self.assertAlmostEqual(row["roofline_ms"], max(flops / 50e6, memory))
        self.assertEqual((peak["peak_gflops"], peak["gflops_median"], peak["turns"]), (125, 70, 6))
        self.assertAlmostEqual(peak["gflops_low"], 42.5)  # of 40 50 60 80 90 100
        self.assertAlmostEqual(peak["gflops_high"], 97.5)
        self.assertNotIn("gflops_median", PEAK)

    def test_big_layers_against_the_peak_beside_them_and_the_best_burst(self):
        self.assertEqual(results.evaluate(small_result())["big"], {"sepconv": None})
        result = big_result()
        big = results.evaluate(result)["big"]["sepconv"]
        self.assertEqual(big["layers"], 2)
        self.assertAlmostEqual(big["pct_peak"]["geomean"], math.sqrt(90 * 60))
        self.assertAlmostEqual(big["pct_peak"]["worst"], 60)
        self.assertEqual(big["pct_peak"]["worst_layer"], "b")
        self.assertAlmostEqual(big["pct_best_burst"]["worst"], 45)  # 90% of 50 GFLOP/s, of 100
        self.assertEqual(big["pct_best_burst"]["worst_layer"], "a")
        self.assertEqual([name for _, name in big["below"]], ["b"])

    def test_a_layer_without_a_peer_has_no_ratio(self):
        result = small_result()
        result["layers"][0]["times"] = {"sepconv": figure(1.0), "one": {"error": "no"}}
        result = results.evaluate(result)
        self.assertEqual(result["layers"][0]["ratio"], {})
        self.assertEqual(result["summary"]["all"]["candidates"]["sepconv"]["layers"], 2)


class Speedup(unittest.TestCase):
    def test_is_that_of_neighbours_beside_the_peaks(self):
        found = two_threads()
        speedup.add_speedups(found)
        self.assertNotIn("speedup", found[0])
        gain = found[1]["speedup"]
        self.assertAlmostEqual(gain["peak_ratio"], 1.9)  # of 1.6, 1.8, 2.0 and 2.2
        self.assertAlmostEqual(gain["bar"], 0.9 * 1.9)
        self.assertAlmostEqual(gain["best_ratio"], 2)
        self.assertEqual([each["name"] for each in gain["layers"]], ["fast", "slow<b>"])  # over 0.5 ms, no overhead
        first = gain["layers"][0]
        self.assertAlmostEqual(first["peak_ratio"], 1.6)
        self.assertAlmostEqual(first["ratio"]["sepconv"], 0.75 / 0.5)
        # A library's time is of the other run, where a core was 100/80 as fast.
        self.assertAlmostEqual(first["one_thread_ms"]["one"], 1.25)
        self.assertAlmostEqual(first["ratio"]["two"], 1.25)
        self.assertNotIn("one", gain["layers"][1]["ratio"])  # it had no result
        mine = gain["summary"]["sepconv"]
        self.assertEqual((mine["layers"], mine["met"], mine["worst_layer"]), (2, 1, "fast"))
        self.assertAlmostEqual(mine["geomean"], math.sqrt(1.5 * 1.9))

    def test_of_earlier_runs_without_turns(self):
        found = [results.evaluate(small_result(threads)) for threads in (1, 2)]
        found[1]["peak"] = {**PEAK, "peak_gflops": 180.0}
        speedup.add_speedups(found)
        self.assertAlmostEqual(found[1]["speedup"]["peak_ratio"], 1.8)
        self.assertEqual({each["ratio"]["sepconv"] for each in found[1]["speedup"]["layers"]}, {1.0})

    def test_needs_times_with_one_thread(self):
        found = [results.evaluate(small_result(2))]
        speedup.add_speedups(found)
        self.assertIsNone(found[0]["speedup"])
        self.assertNotIn("threads over one", table.text(found[0]))
        self.assertNotIn("threads over one", page.page(found))

    def test_without_the_run_of_one_thread(self):
        found = two_threads()[1:]
        speedup.add_speedups(found)
        self.assertEqual(list(found[0]["speedup"]["summary"]), ["sepconv"])
        self.assertAlmostEqual(found[0]["speedup"]["layers"][0]["ratio"]["sepconv"], 1.5)


if __name__ == "__main__":
    unittest.main(verbosity=2)
