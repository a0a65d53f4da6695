"""What scripts/gpu_bench.py does around the timing: problems, data, comparison, figures, tables, files."""

import array
import json
import os
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "scripts"))
import gpu_bench  # noqa: E402

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
STRIDED = "f32_nhwc_i112x110x64.dw_k3x5_s2x2_p0x1x1x2_m2.bias.relu6.conv_o128_k1x1"


class Scripted:
    """A contender with answers that are known."""

    def __init__(self, name, output, seconds):
        self.name, self.values, self.seconds, self.turns = name, array.array("f", output), seconds, []

    def load(self, name, problem, batch, data, folder):
        self.loaded = (name, batch, sorted(data))

    def output(self):
        return self.values

    def times(self, count, caches):
        self.turns.append((count, caches))
        return [self.seconds[caches]] * count


class Problems(unittest.TestCase):
    def test_fields(self):
        problem = gpu_bench.parse_problem(STRIDED)
        wanted = {"IH": 112, "IW": 110, "KH": 3, "KW": 5, "top": 0, "bottom": 1, "left": 1, "right": 2, "K": 128,
                  "OH": 56, "OW": 55, "middle_bias": True, "bias": False, "middle": "relu6", "activation": "linear"}
        self.assertEqual({key: problem[key] for key in wanted}, wanted)

    def test_others_are_refused(self):
        for text in ("f32_nhwc_i4x4x4.dw_k1x1", STRIDED.replace("f32", "f16"), STRIDED.replace("i112x110", "i?x?"),
                     STRIDED.replace("relu6", "gelu")):
            with self.assertRaises(gpu_bench.BenchFailed):
                gpu_bench.parse_problem(text)

    def test_the_layers_can_be_read(self):
        for name, count in (("layers.txt", 22), ("layers_tiny.txt", 2)):
            layers = gpu_bench.read_layers(os.path.join(ROOT, "bench", "gpu", name))
            self.assertEqual(len(layers), count)
            for text in layers.values():
                gpu_bench.parse_problem(text)

    def test_flops(self):
        self.assertEqual(gpu_bench.flops(gpu_bench.parse_problem(STRIDED), 3), 2 * 3 * 56 * 55 * 128 * (15 + 128))


class Data(unittest.TestCase):
    def test_sizes_and_seeds(self):
        problem = gpu_bench.parse_problem(STRIDED)
        data = gpu_bench.make_data(problem, 2, "a")
        self.assertEqual({key: len(values) for key, values in data.items()},
                         {"input": 2 * 112 * 110 * 64, "depthwise": 15 * 128, "pointwise": 128 * 128,
                          "middle_bias": 128})
        self.assertEqual(data, gpu_bench.make_data(problem, 2, "a"))
        self.assertNotEqual(data["input"], gpu_bench.make_data(problem, 2, "b")["input"])
        self.assertLessEqual(max(map(abs, data["input"])), 1)


class PlainPython(unittest.TestCase):
    def test_a_layer_by_hand(self):
        text = "f32_nchw_i1x3x1.dw_k1x2_p0x0x0x1.relu.conv_o1_k1x1.bias"
        reference = gpu_bench.PlainPython()
        floats = lambda *values: array.array("f", values)  # noqa: E731
        reference.load("x", gpu_bench.parse_problem(text), 1,
                       {"input": floats(1, 2, -5), "depthwise": floats(3, 1), "pointwise": floats(2),
                        "bias": floats(1)}, "")
        self.assertEqual(list(reference.output()), [11.0, 3.0, 1.0])  # 2 relu(3a + b) + 1


class Comparison(unittest.TestCase):
    numpy = None

    def setUp(self):
        self.was, gpu_bench.numpy = gpu_bench.numpy, self.numpy

    def tearDown(self):
        gpu_bench.numpy = self.was

    def test_in_parts_of_the_largest(self):
        self.assertEqual(gpu_bench.difference([1.0, 4.5], [1.0, 4.0]), 0.125)
        self.assertEqual(gpu_bench.difference([0.0], [0.0]), 0.0)

    def test_what_is_not_finite_or_missing_is_wrong(self):
        for values in ([1.0], [1.0, float("nan")], [float("inf"), 2.0], [float("nan"), 2.0]):
            self.assertEqual(gpu_bench.difference(values, [1.0, 2.0]), float("inf"))


@unittest.skipIf(gpu_bench.numpy is None, "lacks package numpy: the comparison without it was tested")
class ComparisonByNumpy(Comparison):
    numpy = gpu_bench.numpy


class Measuring(unittest.TestCase):
    def measure(self, output):
        self.contenders = [Scripted("ours", output, {"warm": 2e-6, "flushed": 4e-6}),
                           Scripted("a", [1, 2], {"warm": 3e-6, "flushed": 3e-6}),
                           Scripted("b", [1, 2], {"warm": 8e-6, "flushed": 9e-6})]
        return gpu_bench.measure("layer", STRIDED, 1, self.contenders, self.contenders[1], 3, 5)

    def test_contenders_take_turns(self):
        layer = self.measure([1, 2])
        for contender in self.contenders:
            warm, flushed = [(1, "warm")] + [(5, "warm")] * 3, [(1, "flushed")] + [(5, "flushed")] * 3
            self.assertEqual(contender.turns, warm + flushed)
        self.assertEqual(layer["results"]["a"]["warm"]["count"], 15)
        self.assertEqual(gpu_bench.wrong_results([layer]), [])

    def test_wrong_results_are_found(self):
        for wrong in ([1, 2.001], [1, float("nan")]):
            found = gpu_bench.wrong_results([self.measure(wrong)])
            self.assertEqual([entry[:2] for entry in found], [("layer", "ours")])

    def test_tables(self):
        layer = self.measure([1, 2])
        self.assertEqual(gpu_bench.table([layer], "warm").splitlines()[-1].split(" | ")[:4],
                         ["| layer", "2.0", "3.0", "8.0"])
        self.assertTrue(gpu_bench.table([layer], "warm").endswith("| 1.50x |"))
        self.assertTrue(gpu_bench.table([layer], "flushed").endswith("| 0.75x |"))

    def test_medians(self):
        summary = gpu_bench.summary([5.0, 1.0, 100.0])
        self.assertEqual((summary["median"], summary["count"]), (5.0, 3))
        self.assertEqual(gpu_bench.summary([2.0])["quartiles"], [2.0, 2.0])

    def test_files_appear_whole(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "a.json")
            gpu_bench.write_json(path, {"a": [1, 2]})
            with open(path, encoding="utf-8") as file:
                self.assertEqual(json.load(file), {"a": [1, 2]})
            self.assertEqual(os.listdir(folder), ["a.json"])


if __name__ == "__main__":
    unittest.main(verbosity=2)
