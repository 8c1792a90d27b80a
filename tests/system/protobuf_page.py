"""Decodes a page in Prometheus' delimited protobuf, strictly, for tests.

Written from the description of the wire format and from io/prometheus/client/metrics.proto: an
unknown field, a field of another wire type, or a byte too many is an error.
"""
import struct

TYPES = {0: "counter", 1: "gauge", 2: "summary", 3: "untyped", 4: "histogram", 5: "gauge_histogram"}

VARINT, FIXED64, BYTES = 0, 1, 2


class Malformed(Exception):
    """The page is not what the format allows."""


def varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            if byte == 0 and shift > 7:
                raise Malformed("a varint is longer than needed")
            return value, at


def fields(data):
    """Each field of a message: number, wire type, value."""
    at = 0
    while at < len(data):
        tag, at = varint(data, at)
        wire = tag & 7
        if wire == VARINT:
            value, at = varint(data, at)
        elif wire == FIXED64:
            value, at = struct.unpack_from("<d", data, at)[0], at + 8
        elif wire == BYTES:
            size, at = varint(data, at)
            if at + size > len(data):
                raise Malformed("a field is cut short")
            value, at = data[at:at + size], at + size
        else:
            raise Malformed(f"wire type {wire}")
        yield tag >> 3, wire, value


def message(data, schema):
    """The fields by name; `schema` maps numbers to name, wire type and whether it is repeated."""
    read = {name: [] for name, _, repeated in schema.values() if repeated}
    for number, wire, value in fields(data):
        name, expected, repeated = schema[number]
        if wire != expected:
            raise Malformed(f"{name} has wire type {wire}")
        if repeated:
            read[name].append(value)
        elif name in read:
            raise Malformed(f"{name} comes twice")
        else:
            read[name] = value
    return read


FAMILY = {1: ("name", BYTES, False), 2: ("help", BYTES, False), 3: ("type", VARINT, False),
          4: ("metric", BYTES, True), 5: ("unit", BYTES, False)}
METRIC = {1: ("label", BYTES, True), 2: ("gauge", BYTES, False), 3: ("counter", BYTES, False),
          7: ("histogram", BYTES, False)}
LABEL = {1: ("name", BYTES, False), 2: ("value", BYTES, False)}
NUMBER = {1: ("value", FIXED64, False)}
HISTOGRAM = {1: ("count", VARINT, False), 2: ("sum", FIXED64, False), 3: ("bucket", BYTES, True)}
BUCKET = {1: ("count", VARINT, False), 2: ("bound", FIXED64, False)}


def histogram(data):
    read = message(data, HISTOGRAM)
    buckets = [message(bucket, BUCKET) for bucket in read["bucket"]]
    return ({bucket["bound"]: bucket["count"] for bucket in buckets}, read["count"], read["sum"])


def metric(data, kind):
    """The labels, and the value or the histogram."""
    read = message(data, METRIC)
    pairs = [message(label, LABEL) for label in read.pop("label")]
    labels = {pair["name"].decode("utf-8"): pair["value"].decode("utf-8") for pair in pairs}
    if len(labels) != len(pairs):
        raise Malformed("a label comes twice")
    if list(read) != [kind]:
        raise Malformed(f"a {kind} has {sorted(read)}")
    value = histogram(read[kind]) if kind == "histogram" else message(read[kind], NUMBER)["value"]
    return tuple(sorted(labels.items())), value


def decode(page):
    """By family name: type, help, and series by their labels."""
    families, at = {}, 0
    while at < len(page):
        size, at = varint(page, at)
        if at + size > len(page):
            raise Malformed("a family is cut short")
        read = message(page[at:at + size], FAMILY)
        at += size
        name, kind = read["name"].decode("utf-8"), TYPES[read["type"]]
        series = dict(metric(data, kind) for data in read["metric"])
        if name in families or len(series) != len(read["metric"]):
            raise Malformed(f"{name} or one of its series comes twice")
        families[name] = (kind, read.get("help", b"").decode("utf-8"), series)
    return families
