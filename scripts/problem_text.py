"""Reads the text form of a problem (runtime/core/problem_text.cpp), for the scripts that need its numbers."""

import re

_WINDOW = {"k": ("KH", "KW"), "s": ("stride_h", "stride_w"), "d": ("dilation_h", "dilation_w"),
           "p": ("pad_top", "pad_bottom", "pad_left", "pad_right")}
_NEUTRAL = {"stride_h": 1, "stride_w": 1, "dilation_h": 1, "dilation_w": 1, "pad_top": 0, "pad_bottom": 0,
            "pad_left": 0, "pad_right": 0, "multiplier": 1}
DYNAMIC = -1


def _numbers(text):
    return [DYNAMIC if number == "?" else int(number) for number in text.split("x")]


def parse(text):
    """{dtype, layout, IH, IW, IC, stages: [{kind, KH, ..., multiplier or filters, steps}]}; "?" is DYNAMIC.

    Raises ValueError if the text is not a problem.
    """
    head, *parts = re.split(r"\.(?![^()]*\))", text)
    match = re.fullmatch(r"(f32|f64|f16|bf16)(strict)?_(nhwc|nchw)_i(\S+)", head)
    if not match:
        raise ValueError(f"'{text}' is not a problem: it begins with '{head}'")
    problem = {"dtype": match[1], "strict": match[2] is not None, "layout": match[3], "stages": []}
    problem["IH"], problem["IW"], problem["IC"] = _numbers(match[4])
    for part in parts:
        kind, *fields = part.split("_")
        if kind in ("dw", "conv") and fields:
            stage = {"kind": kind, "steps": [], **_NEUTRAL}
            for field in fields:
                name, numbers = field[0], _numbers(field[1:])
                names = _WINDOW.get(name) or {"m": ("multiplier",), "o": ("filters",)}[name]
                stage.update(zip(names, numbers, strict=True))
            problem["stages"].append(stage)
        else:
            problem["stages"][-1]["steps"].append(part)
    return problem


def kind_of(problem):
    """"depthwise", "pointwise" or "separable"; None for other lists of stages."""
    kinds = [stage["kind"] for stage in problem["stages"]]
    return {("dw",): "depthwise", ("conv",): "pointwise", ("dw", "conv"): "separable"}.get(tuple(kinds))


def epilogue(stage):
    """(has a bias, activation) of a stage that has at most these, in this order; ValueError for another."""
    steps = list(stage["steps"])
    bias = steps[:1] == ["bias"]
    rest = steps[bias:]
    if len(rest) > 1 or "bias" in rest:
        raise ValueError(f"the steps {steps} are not a bias and an activation")
    return bias, rest[0] if rest else "linear"
