"""The layers of CMakeLists.txt: a file includes what the table allows for its folder, and no more."""
import fnmatch
import os
import re
import sys

SOURCE = os.environ["SX_SOURCE"]
BUILD = os.environ["SX_BUILD"]
LEFT_OUT = {"compat/promhttp"}  # where libmicrohttpd is not installed
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.MULTILINE)


def read_layers():
    """From layers.txt, which CMake writes: name -> (public headers, folders, forbidden headers)."""
    with open(os.path.join(BUILD, "layers.txt")) as file:
        rows = [line.rstrip("\n").split("|") for line in file]
    return {row[0]: [[item for item in cell.split(";") if item] for cell in row[1:]]
            for row in rows}


def includes_of(text):
    return INCLUDE.findall(text)


def read(*path):
    with open(os.path.join(SOURCE, *path)) as file:
        return file.read()


def violations(folder, text, rules, exists=lambda *path: os.path.exists(os.path.join(SOURCE, *path))):
    """What `text`, a file of `folder`, includes against the rules."""
    headers, sees, forbidden = rules
    for kind, name in includes_of(text):
        if name.startswith("sextant/"):
            if name[len("sextant/"):-len(".h")] not in headers:
                yield f"<{name}>, a public header that the layer may not see"
        elif kind == '"' and not any(exists(place, name) for place in [folder] + sees):
            yield f'"{name}", which is in no folder that the layer may see'
        elif kind == "<" and any(fnmatch.fnmatch(name, pattern) for pattern in forbidden):
            yield f"<{name}>, a forbidden system header"


def test_a_forbidden_include_is_found(layers):
    rules = [["status"], ["src/text"], ["sys/socket.h", "openssl/*"]]
    allowed = '#include <sextant/status.h>\n#include <string.h>\n#include "own.h"\n#include "seen.h"\n'
    there = {("made_up", "own.h"), ("src/text", "seen.h"), ("src/app", "request.h")}

    def found(text):
        return list(violations("made_up", text, rules, lambda *path: path in there))

    assert found(allowed) == []
    for line in ("#include <sextant/app.h>", '#include "sextant/app.h"', "#  include <sys/socket.h>",
                 "#include <openssl/ssl.h>", '#include "request.h"', '#include "../app/request.h"'):
        assert len(found(allowed + line + "\n")) == 1, line


def test_no_file_includes_what_its_layer_may_not(layers):
    wrong = [f"{folder}/{name}: {what}"
             for folder, rules in layers.items()
             for name in sorted(os.listdir(os.path.join(SOURCE, folder)))
             if name.endswith((".c", ".h"))
             for what in violations(folder, read(folder, name), rules)]
    assert not wrong, "\n".join(wrong)


def test_public_headers_bring_no_others(layers):
    for folder, (headers, _, _) in layers.items():
        for header in headers:
            for _, name in includes_of(read("include/sextant", header + ".h")):
                if name.startswith("sextant/"):
                    assert name[len("sextant/"):-len(".h")] in headers, \
                        f"{folder} may see {header}.h, but not {name}, which that includes"


def test_every_folder_is_a_layer(layers):
    folders = {os.path.relpath(folder, SOURCE)
               for root in ("src", "compat") for folder, _, files in os.walk(os.path.join(SOURCE, root))
               if any(name.endswith((".c", ".h")) for name in files) and not folder.endswith("/include")}
    folders -= LEFT_OUT - set(layers)
    assert folders == set(layers), folders ^ set(layers)


def test_the_protocol_needs_no_system(layers):
    assert {"sys/socket.h", "pthread.h", "time.h", "openssl/*"} <= set(layers["src/http"][2])


if __name__ == "__main__":
    layers = read_layers()
    for name, test in list(globals().items()):
        if name.startswith("test_"):
            test(layers)
            print(name)
    sys.exit(0)
