"""libprom and libpromhttp, built with -DSEXTANT_COMPAT_PROM=ON and installed: programs that are written
for prometheus-client-c compile, link and are scraped. tests/compat/programs/ has the programs."""
import http.client
import os
import re
import shutil
import subprocess
import threading
import unittest

from prometheus_client.parser import text_string_to_metric_families

from system import BUILD, DEADLINE_SECONDS, SOURCE, promtool_check, samples

FOLDER = os.path.join(BUILD, "tests", "libprom")
LIBRARY = os.path.join(FOLDER, "library")
PREFIX = os.path.join(FOLDER, "root")
PROGRAMS = os.path.join(SOURCE, "tests", "compat", "programs")
HEADERS = {"prom.h", "prom_alloc.h", "prom_collector.h", "prom_collector_registry.h", "prom_counter.h", "prom_gauge.h",
           "prom_histogram.h", "prom_histogram_buckets.h", "prom_linked_list.h", "prom_map.h", "prom_metric.h",
           "prom_metric_sample.h", "prom_metric_sample_histogram.h", "prom_sextant.h", "promhttp.h"}

# What prometheus-client-c 0.1.3 declares, and the symbols that it exports besides.
API = """prom_collector_new prom_collector_process_new prom_collector_destroy prom_collector_free_generic
prom_collector_destroy_generic prom_collector_add_metric prom_collector_set_collect_fn
PROM_COLLECTOR_REGISTRY_DEFAULT prom_collector_registry_default_init prom_collector_registry_new
prom_collector_registry_destroy prom_collector_registry_enable_process_metrics
prom_collector_registry_must_register_metric prom_collector_registry_register_metric
prom_collector_registry_register_collector prom_collector_registry_bridge
prom_collector_registry_validate_metric_name prom_counter_new prom_counter_destroy prom_counter_inc prom_counter_add
prom_gauge_new prom_gauge_destroy prom_gauge_inc prom_gauge_dec prom_gauge_add prom_gauge_sub prom_gauge_set
prom_histogram_new prom_histogram_destroy prom_histogram_observe prom_histogram_buckets_new
prom_histogram_default_buckets prom_histogram_buckets_linear prom_histogram_buckets_exponential
prom_histogram_buckets_destroy prom_histogram_buckets_count prom_metric_sample_from_labels
prom_metric_sample_histogram_from_labels prom_metric_sample_add prom_metric_sample_sub prom_metric_sample_set
prom_metric_sample_histogram_observe prom_map_new prom_map_get prom_map_set prom_map_delete prom_map_destroy
prom_map_size prom_map_set_free_value_fn prom_linked_list_new prom_linked_list_purge prom_linked_list_destroy
prom_linked_list_append prom_linked_list_push prom_linked_list_pop prom_linked_list_first prom_linked_list_last
prom_linked_list_remove prom_linked_list_compare prom_linked_list_size prom_linked_list_set_free_fn
prom_linked_list_set_compare_fn prom_linked_list_no_op_free""".split()


def run(*command):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode != 0:
        raise AssertionError(f"{' '.join(command)}\n{done.stdout}")
    return done.stdout


def install(prefix, compat):
    run("cmake", "-S", SOURCE, "-B", LIBRARY, "-G", "Ninja", "-DSEXTANT_APP=OFF", "-DSEXTANT_TESTS=OFF",
        "-DSEXTANT_EXAMPLES=OFF", "-DCMAKE_BUILD_TYPE=Debug", f"-DSEXTANT_COMPAT_PROM={compat}",
        f"-DCMAKE_INSTALL_PREFIX={prefix}")
    run("cmake", "--build", LIBRARY, "--target", "libraries", "sextant-cli")  # as `make install`
    run("cmake", "--install", LIBRARY)


def setUpModule():
    shutil.rmtree(FOLDER, ignore_errors=True)
    os.makedirs(FOLDER)
    install(PREFIX, "ON")


def libraries(prefix=PREFIX):
    for folder, _, files in os.walk(prefix):
        if "libsextant-metrics.a" in files:
            return folder
    raise AssertionError(f"there is no library in {prefix}")


def symbols(path):
    return {line.split()[-1] for line in run("nm", "-D", "--defined-only", path).splitlines()}


def build(name, *libs, compiler="cc", is_static=False):
    """The path of a program, compiled as a program for prometheus-client-c is."""
    path = os.path.join(FOLDER, f"{name}{'_static' if is_static else ''}_{compiler}")
    include = os.path.join(PREFIX, "include")
    source = os.path.join(PROGRAMS, f"{name}.c")
    with open(source, encoding="utf-8") as file:
        is_server = re.search(r"#include <(promhttp|microhttpd)\.h>", file.read())
    flags = ["-std=gnu11", "-Wall", "-Werror", "-I", include, "-o", path, source]
    if is_static:
        links = [os.path.join(libraries(), f"lib{lib}.a") for lib in (*libs, "sextant-metrics")]
        links += ["-lmicrohttpd"] if is_server else []
        run(compiler, *flags, *links, "-pthread", "-lm")
    else:
        run(compiler, *flags, "-L", libraries(), f"-Wl,-rpath,{libraries()}", *(f"-l{lib}" for lib in libs),
            *(["-lmicrohttpd"] if is_server else []), "-pthread")
    return path


def needs_microhttpd():
    """Skips a test of libpromhttp where libmicrohttpd is not installed, and libpromhttp was left out."""
    if subprocess.run(["pkg-config", "--exists", "libmicrohttpd"], check=False).returncode != 0:
        raise unittest.SkipTest("libmicrohttpd is not installed (Debian: libmicrohttpd-dev)")


def compilers():
    return [name for name in ("gcc", "clang") if shutil.which(name)]


def counts(page, name):
    """The samples of a counter without _total, which the parser appends to its name."""
    assert re.search(rf"^{name}[ {{]", page, re.MULTILINE), name
    return samples(page, f"{name}_total")


def pages_of(path):
    """The pages that a program prints, each with "----" after it."""
    done = subprocess.run([path], stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=True)
    return done.stdout.decode("utf-8").split("----\n")[:-1]


class Installed(unittest.TestCase):
    def test_the_api_is_there_by_its_names_and_nothing_else(self):
        folder = libraries()
        self.assertEqual(symbols(os.path.join(folder, "libprom.so")), {*API, "prom_collector_registry_sextant"})
        include = os.path.join(PREFIX, "include")
        self.assertEqual({name for name in os.listdir(include) if name.startswith("prom")}, HEADERS)
        needs_microhttpd()
        for name in ("libprom", "libpromhttp"):
            self.assertTrue(os.path.exists(os.path.join(folder, f"{name}.a")))
            dynamic = run("readelf", "-d", os.path.join(folder, f"{name}.so"))
            self.assertRegex(dynamic, rf"SONAME.*\[{name}\.so\]")
        self.assertEqual(symbols(os.path.join(folder, "libpromhttp.so")),
                         {"promhttp_set_active_collector_registry", "promhttp_start_daemon", "PROM_ACTIVE_REGISTRY"})

    def test_the_signatures_are_those_of_prometheus_client_c(self):
        needs_microhttpd()
        for compiler in compilers():
            subprocess.run([build("signatures", "promhttp", "prom", compiler=compiler)], check=True)

    def test_each_header_compiles_alone_in_c_and_in_cxx(self):
        needs_microhttpd()
        for header in sorted(HEADERS):
            for compiler, language in (("cc", "c"), ("c++", "c++")):
                path = os.path.join(FOLDER, "header." + ("c" if language == "c" else "cc"))
                with open(path, "w", encoding="ascii") as file:
                    file.write(f"#include <{header}>\n#include <{header}>\n")
                run(compiler, "-Wall", "-Wextra", "-Werror", "-fsyntax-only", "-I", os.path.join(PREFIX, "include"),
                    path)

    def test_find_package_has_the_libraries(self):
        needs_microhttpd()
        consumer = os.path.join(FOLDER, "consumer")
        os.makedirs(consumer, exist_ok=True)
        with open(os.path.join(consumer, "CMakeLists.txt"), "w", encoding="ascii") as file:
            file.write(f"""cmake_minimum_required(VERSION 3.18)
project(consumer LANGUAGES C)
find_package(Sextant 0.1 REQUIRED COMPONENTS metrics)
foreach(suffix "" -static)
    add_executable(core${{suffix}} {PROGRAMS}/core.c)
    target_link_libraries(core${{suffix}} PRIVATE Sextant::prom${{suffix}})
    add_executable(relay${{suffix}} {PROGRAMS}/relay.c)
    target_link_libraries(relay${{suffix}} PRIVATE Sextant::promhttp${{suffix}} microhttpd Threads::Threads)
endforeach()
""")
        build_folder = os.path.join(consumer, "build")
        run("cmake", "-S", consumer, "-B", build_folder, "-G", "Ninja", f"-DCMAKE_PREFIX_PATH={PREFIX}")
        run("cmake", "--build", build_folder)
        for name in ("core", "core-static"):
            self.assertEqual(len(pages_of(os.path.join(build_folder, name))), 3)


class NotRequested(unittest.TestCase):
    def test_nothing_is_installed_without_the_option(self):
        prefix = os.path.join(FOLDER, "without")
        install(prefix, "OFF")
        names = [name for _, _, files in os.walk(prefix) for name in files]
        self.assertIn("libsextant-metrics.a", names)
        self.assertEqual([name for name in names if name.startswith(("prom", "libprom"))], [])


class Core(unittest.TestCase):
    """Initialised, finalised, and initialised again."""

    def check(self, pages):
        self.assertEqual(len(pages), 3)
        for number, page in enumerate(pages):
            self.assertEqual(promtool_check_errors(page), "")
            value = number + 3
            self.assertEqual(counts(page, "fivegs_amffunction_rm_reginitreq"), {(): 2 + value})
            self.assertEqual(samples(page, "ran_ue"), {(): value - 1})
            slice_label = "" if number == 1 else "1-ffffff"
            self.assertEqual(samples(page, "fivegs_upffunction_upf_sessionnbr"),
                             {(("plmnid", "00101"), ("snssai", slice_label)): value - 1})
            self.assertEqual(counts(page, "fivegs_ep_n3_gtp_indatapktn3upf"), {(("qfi", "00101"),): 2 + value})
            bounds = {"linear": ["1", "2", "3"], "exponential": ["1", "2", "4"], "variable": ["0.5", "1", "10"]}
            for name, expected in bounds.items():
                labels = (("cause", "00101"),) if name == "linear" else ()
                buckets = samples(page, f"fivegs_{name}_bucket")
                self.assertEqual([dict(key)["le"] for key in buckets], [*expected, "+Inf"])
                for key, count in buckets.items():
                    self.assertEqual(count, sum(v <= float(dict(key)["le"]) for v in (2, value)))
                self.assertEqual(samples(page, f"fivegs_{name}_count"), {labels: 2})
                self.assertEqual(samples(page, f"fivegs_{name}_sum"), {labels: 2 + value})
            self.assertIn((), samples(page, "process_open_fds"))

    def test_shared(self):
        for compiler in compilers():
            self.check(pages_of(build("core", "prom", compiler=compiler)))

    def test_static(self):
        self.check(pages_of(build("core", "prom", is_static=True)))

    def test_a_program_that_is_linked_already_starts(self):
        """It was linked with another library of the same soname and symbols."""
        other = os.path.join(FOLDER, "other")
        os.makedirs(other, exist_ok=True)
        with open(os.path.join(other, "prom.c"), "w", encoding="ascii") as file:
            variables = {"PROM_COLLECTOR_REGISTRY_DEFAULT", "prom_histogram_default_buckets"}
            for name in API:
                file.write(f"void *{name};\n" if name in variables else f"void {name}(void);void {name}(void) {{}}\n")
        run("cc", "-shared", "-fPIC", "-fno-builtin", "-Wl,-soname,libprom.so", "-o",
            os.path.join(other, "libprom.so"), os.path.join(other, "prom.c"))
        path = os.path.join(other, "core")
        run("cc", "-std=gnu11", "-I", os.path.join(PREFIX, "include"), "-o", path, os.path.join(PROGRAMS, "core.c"),
            "-L", other, "-lprom")
        done = subprocess.run([path], env={**os.environ, "LD_LIBRARY_PATH": libraries()}, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, check=True)
        self.check(done.stdout.decode("utf-8").split("----\n")[:-1])


def promtool_check_errors(page):
    """What promtool says, except for names of the programs that the guidelines would not choose."""
    said = promtool_check(page)
    advice = 'counter metrics should have "_total" suffix'
    return "\n".join(line for line in said.splitlines() if advice not in line)


class Pooler(unittest.TestCase):
    """Several registries with the same metrics, collect functions, and fork after all was made."""

    QUERIES = 3000

    def expected(self, rounds):
        """By database: threads 0 to 3 serve the databases 0, 1, 2 and 0."""
        return {"main": 2 * self.QUERIES * rounds, "a \"quoted\\\"\nname": self.QUERIES * rounds,
                "\ufffd\ufffd": self.QUERIES * rounds}

    def by_database(self, page, name, read=samples):
        return {dict(labels)["database"]: value for labels, value in read(page, name).items()}

    def check(self, pages):
        child, parent, default = pages
        for page in pages:
            self.assertEqual(promtool_check_errors(page), "")
        for page in (child, parent):
            self.assertEqual(self.by_database(page, "pool_queries", counts), self.expected(2))
            self.assertEqual(self.by_database(page, "pool_query_seconds_count"), self.expected(2))
            self.assertEqual(set(self.by_database(page, "pool_clients").values()), {0})
            self.assertEqual(samples(page, "pool_scrapes"), {(): 1})
            self.assertNotIn("process_open_fds", page)
        self.assertEqual(self.by_database(default, "pool_queries", counts), self.expected(2))
        self.assertNotIn("pool_clients", default)
        self.assertIn("process_open_fds", default)

    def test_shared_and_static(self):
        self.check(pages_of(build("pooler", "prom")))
        self.check(pages_of(build("pooler", "prom", is_static=True)))


class Served:
    """A program that serves its page, until its input ends."""

    def __init__(self, *command):
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.port = int(self.process.stdout.readline())

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        status = self.process.wait(DEADLINE_SECONDS)
        self.process.stdout.close()
        assert status == 0, status

    def command(self, letter):
        self.process.stdin.write(letter)
        self.process.stdin.flush()
        assert self.process.stdout.readline() == "done\n"

    def request(self, path, method="GET", body=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=DEADLINE_SECONDS)
        try:
            connection.request(method, path, body)
            response = connection.getresponse()
            return response.status, response.getheader("Content-Type"), response.getheader("Content-Length"), \
                response.read()
        finally:
            connection.close()


class RelayServed(unittest.TestCase):
    """Many threads, and one or two labels, chosen when the program starts."""

    THREADS, SESSIONS = 6, 5000

    def expected(self, labels, amount):
        found = {}
        for number in range(self.THREADS):
            key = (("realm", "example.org" if number % 2 == 0 else ""), ("user", f"user{number}"))[:labels]
            found[key] = found.get(key, 0) + self.SESSIONS * amount
        return found

    def check(self, path, labels):
        with Served(path, str(labels)) as relay:
            before = 0
            for _ in range(5):  # beside the updates
                status, kind, _, body = relay.request("/metrics")
                self.assertEqual((status, kind), (200, "text/plain; version=0.0.4; charset=utf-8"))
                page = body.decode("utf-8")
                total = sum(samples(page, "turn_traffic_rcvp_total").values())  # see counts(); may be none yet
                self.assertGreaterEqual(total, before)
                before = total
            self.assertEqual(relay.process.stdout.readline(), "done\n")
            page = relay.request("/metrics")[3].decode("utf-8")
            self.assertEqual(promtool_check_errors(page), "")
            self.assertEqual(counts(page, "turn_traffic_rcvp"), self.expected(labels, 3))
            self.assertEqual(counts(page, "turn_traffic_sentb"), self.expected(labels, 100))
            self.assertEqual(samples(page, "turn_total_allocations"), {(("type", "UDP"),): 0})
            names = {family.name for family in text_string_to_metric_families(page)}
            self.assertLessEqual({"process_cpu_seconds", "process_open_fds"}, names)

    def setUp(self):
        needs_microhttpd()

    def test_one_label_and_two(self):
        path = build("relay", "promhttp", "prom")
        self.check(path, 1)
        self.check(path, 2)
        self.check(build("relay", "promhttp", "prom", is_static=True), 2)

    def test_what_is_answered_besides(self):
        with Served(build("relay", "promhttp", "prom"), "1") as relay:
            self.assertEqual(relay.process.stdout.readline(), "done\n")
            self.assertEqual(relay.request("/")[::3], (200, b"OK\n"))
            self.assertEqual(relay.request("/health")[::3], (400, b"Bad Request\n"))
            self.assertEqual(relay.request("/metrics/")[::3], (400, b"Bad Request\n"))
            for method in ("POST", "PUT", "DELETE", "OPTIONS"):
                status, _, _, body = relay.request("/metrics", method, b"x" if method in ("POST", "PUT") else None)
                self.assertEqual((status, body), (400, b"Invalid HTTP Method\n"))
            status, kind, length, body = relay.request("/metrics", "HEAD")
            self.assertEqual((status, kind, body), (200, "text/plain; version=0.0.4; charset=utf-8", b""))
            self.assertGreater(int(length), 1000)
            self.assertEqual(relay.request("/nowhere", "HEAD")[0], 400)

    def test_the_active_registry_is_served(self):
        with Served(build("relay", "promhttp", "prom"), "1") as relay:
            self.assertEqual(relay.process.stdout.readline(), "done\n")
            relay.command("d")
            self.assertEqual(relay.request("/metrics")[0], 500)
            self.assertEqual(relay.request("/")[0], 200)
            relay.command("a")
            status, _, _, body = relay.request("/metrics")
            self.assertEqual((status, samples(body.decode("utf-8"), "active")), (200, {(): 0}))
            self.assertNotIn(b"turn_", body)


class GatewayServed(unittest.TestCase):
    """A program whose own HTTP server answers with the page, several of them at the same time."""

    CLIENTS, ROUNDS = 6, 50

    def ask(self, gateway, seen, failures):
        try:
            for _ in range(self.ROUNDS):
                for path, status in (("/orders", 200), ("/nowhere", 404), ("/metrics", 200)):
                    got, _, _, body = gateway.request(path)
                    if got != status:
                        failures.append((path, got))
                seen.append(body)
        except Exception as failure:  # pylint: disable=broad-except
            failures.append(failure)

    def check(self, path):
        with Served(path) as gateway:
            seen, failures = [], []
            threads = [threading.Thread(target=self.ask, args=(gateway, seen, failures)) for _ in range(self.CLIENTS)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            self.assertEqual(failures, [])
            page = gateway.request("/metrics")[3].decode("utf-8")
        self.assertEqual(promtool_check_errors(page), "")
        total = self.CLIENTS * self.ROUNDS
        self.assertEqual(samples(page, "gateway_responses_total"), {
            (("path", path), ("code", code)): total
            for path, code in (("/orders", "200"), ("other", "404"), ("/metrics", "200"))})
        self.assertEqual(samples(page, "gateway_response_bytes_count"), {(): 3 * total})
        # Each page is whole, and has what its client had counted before.
        self.assertEqual(len(seen), total)
        for body in seen:
            counted = samples(body.decode("utf-8"), "gateway_responses_total")
            self.assertGreaterEqual(counted[(("path", "/orders"), ("code", "200"))], 1)
            self.assertIn("process_open_fds", body.decode("utf-8"))

    def test_shared_and_static(self):
        needs_microhttpd()
        self.check(build("gateway", "prom"))
        self.check(build("gateway", "prom", is_static=True))


if __name__ == "__main__":
    unittest.main(verbosity=2)
