"""prometheus: reads Prometheus's text format 0.0.4, and takes nothing that its description does not allow.

families = prometheus.parse(text)          # name -> Family; raises Malformed with the line's number
prometheus.value(families, "perigee_streams_total", role="server")
"""

import math
import re
from dataclasses import dataclass, field

NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*\Z")
LABEL_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*\Z")
SAMPLE = re.compile(r"([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? ([^ ]+)\Z")
LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"')
TYPES = ("counter", "gauge", "histogram")


class Malformed(Exception):
    pass


@dataclass
class Family:
    name: str
    help: str
    type: str = ""
    samples: dict = field(default_factory=dict)  # (name, ((label, value), ...)) -> number


def _labels(text):
    if text is None:
        return ()
    found, at = [], 0
    while True:
        label = LABEL.match(text, at)
        if not label:
            raise Malformed(f"no label at {text[at:]!r}")
        found.append((label[1], re.sub(r"\\(.)", lambda m: {"n": "\n"}.get(m[1], m[1]), label[2])))
        at = label.end()
        if at == len(text):
            break
        if text[at] != ",":
            raise Malformed(f"no comma at {text[at:]!r}")
        at += 1
    if len({name for name, _ in found}) < len(found):
        raise Malformed("a label twice")
    return tuple(sorted(found))


def _number(text):
    if text in ("+Inf", "-Inf", "NaN"):
        return float(text)
    if not re.fullmatch(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?", text):
        raise Malformed(f"no number: {text!r}")
    return float(text)


def _check_histogram(family):
    """Each set of labels has its buckets, in order, none below the one before, then _sum and _count."""
    groups = {}
    for (name, labels), number in family.samples.items():
        rest = tuple(label for label in labels if label[0] != "le")
        group = groups.setdefault(rest, {"buckets": []})
        if name == family.name + "_bucket":
            bounds = [value for label, value in labels if label == "le"]
            if len(bounds) != 1:
                raise Malformed("a bucket without its bound")
            group["buckets"].append((_number(bounds[0]), number))
        else:
            group[name] = number
    for rest, group in groups.items():
        buckets = group["buckets"]
        if not buckets or buckets[-1][0] != math.inf:
            raise Malformed(f"no bucket +Inf {rest}")
        for (bound, count), (next_bound, next_count) in zip(buckets, buckets[1:]):
            if next_bound <= bound or next_count < count:
                raise Malformed(f"buckets fall at {next_bound} {rest}")
        if group.get(family.name + "_count") != buckets[-1][1]:
            raise Malformed(f"_count is not the last bucket's {rest}")
        if group.get(family.name + "_sum", -1) < 0:
            raise Malformed(f"no _sum, or one below 0 {rest}")


def _check(family):
    if not family.type:
        raise Malformed(f"{family.name} has no TYPE")
    if family.type == "counter" and not family.name.endswith("_total"):
        raise Malformed(f"the counter {family.name} does not end in _total")
    if family.type != "counter" and family.name.endswith("_total"):
        raise Malformed(f"{family.name} ends in _total and is a {family.type}")
    if family.type in ("counter", "histogram"):
        for key, number in family.samples.items():
            if not number >= 0 or number == math.inf:
                raise Malformed(f"{key} is {number}")
    if family.type == "histogram":
        _check_histogram(family)


def _read(line, families, last):
    if line.startswith("# HELP "):
        name, space, text = line[7:].partition(" ")
        if not space or not NAME.match(name) or name in families:
            raise Malformed("HELP without a text, or a second time")
        if re.search(r"\\(?![\\n])", text):
            raise Malformed("an escape that is none")
        if last:
            _check(last)
        families[name] = Family(name, text)
        return families[name]
    if line.startswith("# TYPE "):
        name, _, kind = line[7:].partition(" ")
        if not last or last.name != name or last.type or last.samples or kind not in TYPES:
            raise Malformed("TYPE that does not follow its HELP, or is unknown")
        last.type = kind
        return last
    sample = SAMPLE.match(line)
    if not sample:
        raise Malformed("neither a comment nor a sample")
    suffixes = ("_bucket", "_sum", "_count") if last and last.type == "histogram" else ("",)
    if not last or sample[1] not in [last.name + suffix for suffix in suffixes]:
        raise Malformed("a sample outside its family")
    key = (sample[1], _labels(sample[2]))
    if key in last.samples:
        raise Malformed("a sample twice")
    last.samples[key] = _number(sample[3])
    return last


def parse(text):
    if not text.endswith("\n"):
        raise Malformed("the last line has no end")
    families, last = {}, None
    for number, line in enumerate(text[:-1].split("\n"), 1):
        try:
            last = _read(line, families, last)
        except Malformed as fault:
            raise Malformed(f"line {number}: {fault}: {line!r}") from None
    if last:
        _check(last)
    return families


def value(families, name, **labels):
    """One sample's number. None when there is no such line."""
    family = families.get(name) or families[re.sub(r"_(bucket|sum|count)$", "", name)]
    return family.samples.get((name, tuple(sorted(labels.items()))))
