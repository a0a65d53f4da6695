#!/usr/bin/env python3
"""Stands for sepconv-runner: replays times that depend on the schedule's text alone.

FAKE_RUNNER in the environment makes it misbehave: "hang-once:FILE" hangs in the call that creates FILE, "die-once:FILE"
kills its worker in that call, "wrong" finds every kernel but the yardstick wrong. FAKE_RUNNER_LOG names a file that gets
a line for each kernel but the yardstick: the seconds asked for, and its schedule.
"""

import argparse
import hashlib
import json
import os
import pathlib
import signal
import sys
import time


def first_call(path):
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL))
        return True
    except FileExistsError:
        return False


def seconds_of(schedule, yardstick):
    if schedule == yardstick:
        return 1e-3
    digest = hashlib.sha256(schedule.encode()).digest()
    return 1e-3 * (0.5 + int.from_bytes(digest[:4], "big") / 2**32)


parser = argparse.ArgumentParser()
parser.add_argument("mode", choices=["trial"])
parser.add_argument("--kernel", action="append", required=True)
parser.add_argument("--report", required=True)
parser.add_argument("--seconds", required=True)
arguments, _ = parser.parse_known_args()
mode, _, marker = os.environ.get("FAKE_RUNNER", "").partition(":")
if mode == "hang-once" and first_call(marker):
    time.sleep(3600)
if mode == "die-once" and first_call(marker):
    os.kill(os.getppid(), signal.SIGKILL)
    sys.exit(1)
schedules = [json.loads((pathlib.Path(k) / "kernel.json").read_text())["schedule"] for k in arguments.kernel]
if log := os.environ.get("FAKE_RUNNER_LOG"):
    with open(log, "a", encoding="utf-8") as file:
        for schedule in schedules[1:]:
            file.write(f"{arguments.seconds} {schedule}\n")
lines = []
for kernel, schedule in zip(arguments.kernel, schedules):
    seconds = seconds_of(schedule, schedules[0])
    line = {"kernel": kernel, "status": "ok", "message": "", "seconds": seconds, "seconds_min": seconds}
    line |= {"spread": 0.001, "samples": 9, "cold_seconds": None, "yardstick_seconds": 1e-3}
    line |= {"max_error": 1e-7, "limit": 1e-6}
    if mode == "wrong" and schedule != schedules[0]:
        # The fastest of all, if anybody believed it.
        line |= {"status": "wrong-value", "message": "at 0: 1, expected 2", "seconds": 1e-9, "max_error": 1}
    lines.append(json.dumps(line) + "\n")
pathlib.Path(arguments.report).write_text("".join(lines))
