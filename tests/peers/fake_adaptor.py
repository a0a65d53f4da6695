"""An adaptor that computes nothing: its options say what it answers."""

import json
import sys
import time

words = sys.argv[1:]


def value_of(word, default=None):
    return words[words.index(word) + 1] if word in words else default


name, ms, behaviour = value_of("--name"), float(value_of("--ms")), value_of("--behaviour", "steady")
calls = 0
for line in sys.stdin:
    layer = line.strip()
    calls += 1
    print("what libraries print", flush=True)
    if behaviour == "ends" and calls > 1:
        sys.exit(7)
    if behaviour == "hangs":
        time.sleep(60)
    answer = {"peer": name, "version": "1", "name": layer, "runs": 5}
    if behaviour == "cannot":
        answer = {"peer": name, "name": layer, "error": "not supported"}
    elif behaviour == "noisy":
        answer["ms_median"] = ms * (1 + 0.5 * (calls % 2))
    elif behaviour == "two":
        answer["ms_median"] = ms / int(value_of("--threads"))
    else:
        answer.update(ms_median=ms, ms_min=ms / 2, strict=False, ms_median_strict=2 * ms, variant="fast")
    print(json.dumps(answer), flush=True)
