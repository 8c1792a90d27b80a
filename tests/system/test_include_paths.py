"""Private headers: their names are unique where they are seen, and they do not need each other in circles.

- No two private headers that a file can see have the same name, or the order of include paths would
  decide which one it gets.
- No private header has the name of a public one.
- No private headers include each other in a circle.
- No files need each other in a circle: a header also needs what the .c file of its name includes.
"""
import collections
import json
import os
import re
import shlex
import unittest

SOURCE = os.environ.get("SX_SOURCE", os.getcwd())
BUILD = os.environ.get("SX_BUILD", os.path.join(SOURCE, "build"))
PRIVATE = os.path.join(SOURCE, "src")
PUBLIC = os.path.join(SOURCE, "include", "sextant")
# Folders whose .c files share one aggregate struct, so that their files need each other.
EXEMPT = {"app", "http", "server"}


def is_exempt(path):
    """Whether a header, as a path in src/, is one of those folders'."""
    return path.split(os.sep)[0] in EXEMPT


def files(ending):
    """The files of src/ that end so, as paths in src/."""
    return sorted(os.path.relpath(os.path.join(folder, name), PRIVATE)
                  for folder, _, names in os.walk(PRIVATE)
                  for name in names if name.endswith(ending))


def include_paths():
    """For each different list of private folders that files are compiled with: one such file."""
    found = {}
    with open(os.path.join(BUILD, "compile_commands.json"), encoding="utf-8") as commands:
        for command in json.load(commands):
            options = shlex.split(command["command"])
            folders = [option[2:] for option in options if option.startswith("-I")]
            private = [os.path.relpath(folder, PRIVATE) for folder in folders
                       if os.path.abspath(folder).startswith(PRIVATE + os.sep)]
            found.setdefault(tuple(private), os.path.relpath(command["file"], SOURCE))
    return {folders: file for folders, file in found.items() if folders}


def included(path):
    """The names of the private headers that a file of src/ includes."""
    with open(os.path.join(PRIVATE, path), encoding="utf-8") as lines:
        return re.findall(r'^#include "([^"]+\.h)"', lines.read(), re.MULTILINE)


def needs(endings):
    """For each private header, the private headers that its files with these endings include."""
    headers = files(".h")
    seen = collections.defaultdict(set)
    for folders in include_paths():
        for folder in folders:
            seen[folder].update(folders)

    def find(name, folder):
        for other in [folder, *sorted(seen[folder])]:
            if os.path.join(other, name) in headers:
                return os.path.join(other, name)
        return None

    graph = {header: set() for header in headers}
    for path in [path for ending in endings for path in files(ending) if path[:-1] + "h" in headers]:
        node = path[:-1] + "h"
        found = {find(name, os.path.dirname(path)) for name in included(path)}
        graph[node] |= found - {None, node}
    return graph


def circles(graph):
    """The sets of headers that need each other."""
    def reachable(start):
        found, todo = set(), list(graph[start])
        while todo:
            node = todo.pop()
            if node not in found:
                found.add(node)
                todo += graph[node]
        return found

    reached = {node: reachable(node) for node in graph}
    return sorted({tuple(sorted({node} | {other for other in reached[node] if node in reached[other]}))
                   for node in graph if node in reached[node]})


class IncludePaths(unittest.TestCase):
    def test_no_two_private_headers_on_one_path_share_a_name(self):
        paths = include_paths()
        self.assertTrue(paths)
        shared = set()
        for folders in paths:
            of_name = collections.defaultdict(set)
            for folder in folders:
                for name in os.listdir(os.path.join(PRIVATE, folder)):
                    if name.endswith(".h"):
                        of_name[name].add(folder)
            shared |= {tuple(os.path.join(folder, name) for folder in sorted(where))
                       for name, where in of_name.items() if len(where) > 1}
        self.assertEqual([paths for paths in sorted(shared)], [])

    def test_no_private_header_has_the_name_of_a_public_one(self):
        public = set(os.listdir(PUBLIC))
        self.assertEqual([path for path in files(".h")
                          if os.path.basename(path) in public], [])

    def test_private_headers_do_not_include_each_other_in_circles(self):
        graph = needs([".h"])
        self.assertTrue(any(graph.values()))
        self.assertEqual(circles(graph), [])

    def test_files_do_not_need_each_other_in_circles(self):
        graph = needs([".h", ".c"])
        self.assertTrue(any(graph.values()))
        self.assertEqual([circle for circle in circles(graph) if not all(map(is_exempt, circle))], [])


if __name__ == "__main__":
    unittest.main()
