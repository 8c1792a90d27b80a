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
          4: ("summary", BYTES, False), 5: ("untyped", BYTES, False), 7: ("histogram", BYTES, False)}
SUMMARY = {1: ("count", VARINT, False), 2: ("sum", FIXED64, False), 3: ("quantile", BYTES, True)}
QUANTILE = {1: ("quantile", FIXED64, False), 2: ("value", FIXED64, False)}
LABEL = {1: ("name", BYTES, False), 2: ("value", BYTES, False)}
GAUGE = {1: ("value", FIXED64, False)}
COUNTER = {1: ("value", FIXED64, False), 2: ("exemplar", BYTES, False)}
HISTOGRAM = {1: ("count", VARINT, False), 2: ("sum", FIXED64, False), 3: ("bucket", BYTES, True),
             5: ("schema", VARINT, False), 6: ("zero_threshold", FIXED64, False),
             7: ("zero_count", VARINT, False), 9: ("negative_span", BYTES, True),
             10: ("negative_delta", BYTES, False), 12: ("positive_span", BYTES, True),
             13: ("positive_delta", BYTES, False), 16: ("exemplar", BYTES, True)}
BUCKET = {1: ("count", VARINT, False), 2: ("bound", FIXED64, False), 3: ("exemplar", BYTES, False)}
SPAN = {1: ("offset", VARINT, False), 2: ("length", VARINT, False)}
EXEMPLAR = {1: ("label", BYTES, True), 2: ("value", FIXED64, False), 3: ("timestamp", BYTES, False)}
TIMESTAMP = {1: ("seconds", VARINT, False), 2: ("nanos", VARINT, False)}


class Histogram:
    """Classic buckets by bound, native ones by sign and index, and the exemplars."""

    def __init__(self, data):
        read = message(data, HISTOGRAM)
        self.count, self.sum = read["count"], read["sum"]
        self.buckets, self.bucket_exemplars = {}, {}
        for bucket in (message(bucket, BUCKET) for bucket in read["bucket"]):
            self.buckets[bucket["bound"]] = bucket["count"]
            if "exemplar" in bucket:
                self.bucket_exemplars[bucket["bound"]] = exemplar(bucket["exemplar"])
        self.exemplars = [exemplar(one) for one in read["exemplar"]]
        self.schema = unzigzag(read["schema"]) if "schema" in read else None
        self.zero_threshold, self.zero_count = read.get("zero_threshold"), read.get("zero_count")
        self.positive = native(read["positive_span"], read.get("positive_delta", b""))
        self.negative = native(read["negative_span"], read.get("negative_delta", b""))


def unzigzag(value):
    return value >> 1 ^ -(value & 1)


def native(spans, deltas):
    """The counts of native buckets by index, without those that are empty."""
    counts, at, index, count = {}, 0, 0, 0
    for number, span in enumerate(message(span, SPAN) for span in spans):
        offset = unzigzag(span["offset"])
        if number > 0 and offset <= 0:
            raise Malformed("spans overlap or touch")
        index += offset
        for _ in range(span["length"]):
            delta, at = varint(deltas, at)
            count += unzigzag(delta)
            if count < 0:
                raise Malformed("a bucket is negative")
            if count > 0:
                counts[index] = count
            index += 1
    if at != len(deltas):
        raise Malformed("there are more buckets than in the spans")
    return counts


def exemplar(data):
    """The labels, the value and the time in seconds."""
    read = message(data, EXEMPLAR)
    time = message(read["timestamp"], TIMESTAMP)
    pairs = [message(label, LABEL) for label in read["label"]]
    labels = {pair["name"].decode("utf-8"): pair["value"].decode("utf-8") for pair in pairs}
    return labels, read["value"], time["seconds"] + time["nanos"] / 1e9


def value_of(data, kind):
    if kind == "histogram":
        return Histogram(data), None
    if kind == "summary":
        read = message(data, SUMMARY)
        pairs = [message(quantile, QUANTILE) for quantile in read["quantile"]]
        return (read["count"], read["sum"], {one["quantile"]: one["value"] for one in pairs}), None
    read = message(data, COUNTER if kind == "counter" else GAUGE)
    return read["value"], exemplar(read["exemplar"]) if "exemplar" in read else None


def metric(data, kind):
    """The labels, and the value or the histogram, and the exemplar of a counter."""
    read = message(data, METRIC)
    pairs = [message(label, LABEL) for label in read.pop("label")]
    labels = {pair["name"].decode("utf-8"): pair["value"].decode("utf-8") for pair in pairs}
    if len(labels) != len(pairs):
        raise Malformed("a label comes twice")
    if list(read) != [kind]:
        raise Malformed(f"a {kind} has {sorted(read)}")
    return tuple(sorted(labels.items())), value_of(read[kind], kind)


def decode(page):
    """By family name: type, help, unit, and series by their labels; see value_of()."""
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
        families[name] = (kind, read.get("help", b"").decode("utf-8"),
                          read.get("unit", b"").decode("utf-8"), series)
    return families
