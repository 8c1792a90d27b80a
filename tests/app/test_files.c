/* sx_file and sx_file_beneath: what a client gets of a folder, and what it does not. */
#include "fixture.h"
#include "http_date.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static struct fixture fixture;
/* In memory, where there is such a file system: it keeps times from before 1901. */
static char folder[] = "/dev/shm/sextant-files-XXXXXX";
static char path[600];

static const char *in_folder(const char *name)
{
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static struct sx_result beneath(const char *rest)
{
    char public[200];
    snprintf(public, sizeof public, "%s/public", folder);
    return sx_file_beneath(public, rest);
}
SX_BIND(beneath, (path, str, rest));

static struct sx_result by_query(const char *name)
{
    return beneath(name);
}
SX_BIND(by_query, (query, str, name));

static struct sx_result secret(void)
{
    return sx_file(in_folder("secret.txt"));
}
SX_BIND(secret);

/* It becomes shorter while it is sent. */
static struct sx_result shrinking(int64_t size)
{
    const struct sx_result result = sx_file(in_folder("shrinking"));
    assert_int_equal(truncate(path, size), 0);
    return result;
}
SX_BIND(shrinking, (query, i64, size));

static struct sx_result nothing(void)
{
    return sx_file(folder);
}
SX_BIND(nothing);

static const struct sx_route routes[] = {
    SX_GET("/static/{*rest}", beneath), SX_GET("/query", by_query), SX_GET("/secret", secret),
    SX_POST("/secret", secret),         SX_GET("/folder", nothing), SX_GET("/shrinking", shrinking),
};

static void set_modified(time_t modified)
{
    const struct timespec times[2] = {{.tv_sec = modified}, {.tv_sec = modified}};
    assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
}

static void write_file(const char *name, const char *text)
{
    FILE *file = fopen(in_folder(name), "w");
    assert_non_null(file);
    fputs(text, file);
    assert_int_equal(fclose(file), 0);
    set_modified(784111777); /* Sun, 06 Nov 1994 08:49:37 GMT, the example of RFC 9110 */
}

static int make_folder(void **state)
{
    (void)state;
    if (mkdtemp(folder) == NULL) {
        strcpy(folder, "/tmp/sextant-files-XXXXXX");
        assert_non_null(mkdtemp(folder));
    }
    assert_int_equal(mkdir(in_folder("public"), 0700), 0);
    assert_int_equal(mkdir(in_folder("public/css"), 0700), 0);
    write_file("secret.txt", "the secret");
    write_file("public/letters.txt", "abcdefghijklmnopqrstuvwxyz");
    write_file("public/empty", "");
    write_file("public/.env", "PASSWORD=x");
    write_file("public/css/page.css", "p {}");
    assert_int_equal(symlink("../secret.txt", in_folder("public/link.txt")), 0);
    assert_int_equal(symlink("..", in_folder("public/up")), 0);
    assert_int_equal(mkfifo(in_folder("public/fifo"), 0600), 0);
    fixture_init(&fixture, (struct sx_app_options){.routes = SX_LIST(routes)});
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    fixture_clean_up(&fixture);
    static const char *const files[] = {"secret.txt",  "public/letters.txt",  "public/empty",
                                        "public/.env", "public/css/page.css", "public/link.txt",
                                        "public/up",   "public/fifo",         "shrinking"};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        unlink(in_folder(files[i]));
    }
    rmdir(in_folder("public/css"));
    rmdir(in_folder("public"));
    return rmdir(folder);
}

static int get(const char *target, const char *headers)
{
    return fixture_send(&fixture, "GET", target, headers);
}

static void test_a_file_comes_with_its_type_and_validators(void **state)
{
    (void)state;
    assert_int_equal(get("/static/letters.txt", NULL), 200);
    assert_body(&fixture, "abcdefghijklmnopqrstuvwxyz");
    assert_header(&fixture, "Content-Type", "text/plain; charset=utf-8");
    assert_header(&fixture, "Content-Length", "26");
    assert_header(&fixture, "Last-Modified", "Sun, 06 Nov 1994 08:49:37 GMT");
    assert_header(&fixture, "Accept-Ranges", "bytes");
    assert_int_equal(get("/static/css/page.css", NULL), 200);
    assert_header(&fixture, "Content-Type", "text/css; charset=utf-8");
    assert_int_equal(get("/static/empty", NULL), 200);
    assert_header(&fixture, "Content-Length", "0");
    assert_header(&fixture, "Content-Type", "application/octet-stream");
    assert_int_equal(fixture_send(&fixture, "HEAD", "/static/letters.txt", NULL), 200);
    assert_header(&fixture, "Content-Length", "26");
    assert_int_equal(fixture.reply.body.size, 0);
}

static time_t get_modified(void)
{
    char date[64];
    time_t modified;
    assert_int_equal(get("/static/odd", NULL), 200);
    assert_true(sx_reply_get_header(&fixture.reply, "Last-Modified", date, sizeof date));
    assert_int_equal(sx__date_parse(&modified, date), 0);
    return modified;
}

/* RFC 9110 8.8.2.1: "An origin server with a clock MUST NOT generate a Last-Modified date that is
 * later than the server's time of message origination (Date)." */
static void test_a_file_was_not_modified_in_the_future(void **state)
{
    (void)state;
    write_file("public/odd", "");
    const time_t now = time(NULL);
    const time_t futures[] = {now + 86400, (time_t)1 << 36, (time_t)1 << 60};
    for (size_t i = 0; i < sizeof futures / sizeof *futures; i++) {
        set_modified(futures[i]);
        assert_in_range(get_modified(), now, time(NULL));
    }
    set_modified(now - 86400);
    assert_int_equal(get_modified(), now - 86400);
    unlink(in_folder("public/odd"));
}

/* A file system may have no earlier time than 1901. */
static void test_a_file_may_be_older_than_the_clock(void **state)
{
    (void)state;
    write_file("public/odd", "");
    static const time_t pasts[] = {0, -1, -315619200, -((time_t)1 << 60)};
    for (size_t i = 0; i < sizeof pasts / sizeof *pasts; i++) {
        struct stat stat;
        set_modified(pasts[i]);
        assert_int_equal(lstat(in_folder("public/odd"), &stat), 0);
        const time_t year_1 = -62135596800;
        const time_t expected = stat.st_mtim.tv_sec < year_1 ? year_1 : stat.st_mtim.tv_sec;
        assert_int_equal(get_modified(), expected);
    }
    unlink(in_folder("public/odd"));
}

static void test_nothing_outside_of_the_folder_is_found(void **state)
{
    (void)state;
    static const char *const targets[] = {
        "/static/../secret.txt",
        "/static/%2e%2e/secret.txt",
        "/static/..%2fsecret.txt",
        "/static/css/../../secret.txt",
        "/static/link.txt",      /* a symbolic link to a file outside */
        "/static/up/secret.txt", /* and to a folder */
        "/static//etc/passwd",   /* an empty segment is not the root */
        "/static/%2fetc/passwd",
        "/static/.env",
        "/static/./.env",
        "/static/css", /* a folder */
        "/static/css/",
        "/static/fifo", /* which is not waited for */
        "/static/letters.txt/x",
        "/static/absent",
        "/query?name=../secret.txt",
        "/query?name=css/../../secret.txt",
        "/query?name=/etc/passwd",
        "/query?name=",
        "/query?name=.",
        "/query?name=..",
        "/folder",
    };
    for (size_t i = 0; i < sizeof targets / sizeof *targets; i++) {
        const int status = get(targets[i], NULL);
        if (status != 404) {
            fail_msg("%s: status %d: %s", targets[i], status, fixture.reply.body.data);
        }
    }
    /* Whoever names it in the program gets it. */
    assert_int_equal(get("/secret", NULL), 200);
    assert_body(&fixture, "the secret");
}

/* RFC 9110 13.1.2 and 13.1.3 */
static void test_a_client_that_has_the_file_is_told_so(void **state)
{
    (void)state;
    char etag[64];
    assert_int_equal(get("/static/letters.txt", NULL), 200);
    assert_true(sx_reply_get_header(&fixture.reply, "ETag", etag, sizeof etag));
    static const struct {
        const char *format;
        int status;
    } cases[] = {
        {"If-None-Match: %s\r\n", 304},
        {"If-None-Match: W/%s\r\n", 304},
        {"If-None-Match: \"a\", \"b,\", %s\r\n", 304},
        {"If-None-Match: \"a\"\r\nIf-None-Match: %s\r\n", 304},
        {"If-Match: \"a\"\r\nIf-Match: %s\r\n", 200},
        {"If-None-Match: *\r\n", 304},
        {"If-None-Match: \"a\"\r\n", 200},
        {"If-None-Match: \r\n", 200},
        {"If-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT\r\n", 304},
        {"If-Modified-Since: Sunday, 06-Nov-94 08:49:38 GMT\r\n", 304},
        {"If-Modified-Since: Sun Nov  6 08:49:36 1994\r\n", 200},
        {"If-Modified-Since: yesterday\r\n", 200},
        /* "A recipient MUST ignore If-Modified-Since if the request contains an If-None-Match" */
        {"If-None-Match: \"a\"\r\nIf-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT\r\n", 200},
        {"If-Match: %s\r\n", 200},
        {"If-Match: W/%s\r\n", 412},
        {"If-Match: \"a\"\r\n", 412},
        {"If-Unmodified-Since: Sun, 06 Nov 1994 08:49:37 GMT\r\n", 200},
        {"If-Unmodified-Since: Sun, 06 Nov 1994 08:49:36 GMT\r\n", 412},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char headers[300];
        const char *place = strstr(cases[i].format, "%s");
        const int before =
            place == NULL ? (int)strlen(cases[i].format) : (int)(place - cases[i].format);
        snprintf(headers, sizeof headers, "%.*s%s%s", before, cases[i].format,
                 place == NULL ? "" : etag, place == NULL ? "" : place + 2);
        const int status = get("/static/letters.txt", headers);
        if (status != cases[i].status) {
            fail_msg("%s: %d, not %d", headers, status, cases[i].status);
        }
        if (status == 304) {
            assert_header(&fixture, "ETag", etag);
            assert_int_equal(fixture.reply.body.size, 0);
        }
    }
}

/* RFC 9110 14.1.2 has these forms. */
static void test_a_part_of_a_file_can_be_had(void **state)
{
    (void)state;
    static const struct {
        const char *headers;
        int status;
        const char *body;
        const char *content_range;
    } cases[] = {
        {"Range: bytes=0-2\r\n", 206, "abc", "bytes 0-2/26"},
        {"Range: bytes=23-\r\n", 206, "xyz", "bytes 23-25/26"},
        {"Range: bytes=-2\r\n", 206, "yz", "bytes 24-25/26"},
        {"Range: bytes=24-1000\r\n", 206, "yz", "bytes 24-25/26"},
        {"Range: bytes=-1000\r\n", 206, "abcdefghijklmnopqrstuvwxyz", "bytes 0-25/26"},
        {"Range: bytes=26-\r\n", 416, NULL, "bytes */26"},
        {"Range: bytes=-0\r\n", 416, NULL, "bytes */26"},
        {"Range: bytes=5-4\r\n", 200, NULL, NULL},
        {"Range: bytes=-\r\n", 200, NULL, NULL},
        {"Range: bytes=\r\n", 200, NULL, NULL},
        {"Range: bytes=0-1,3-4\r\n", 200, NULL, NULL},
        {"Range: bytes=99999999999999999999-\r\n", 200, NULL, NULL},
        {"Range: letters=0-1\r\n", 200, NULL, NULL},
        /* Faults of others: CVE-2015-1635 (IIS), CVE-2017-7529 (nginx), CVE-2011-3192 (Apache). */
        {"Range: bytes=18-18446744073709551615\r\n", 200, NULL, NULL},
        {"Range: bytes=-25,-9223372036854775783\r\n", 200, NULL, NULL},
        {"Range: bytes=0-,5-0,5-1,5-2,5-3,5-4,5-5,5-6,5-7,5-8\r\n", 200, NULL, NULL},
        {"Range: bytes=0-2\r\nIf-Range: \"old\"\r\n", 200, NULL, NULL},
        /* Not a strong validator, so that RFC 9110 13.1.5 has "the condition is false". */
        {"Range: bytes=0-2\r\nIf-Range: Sun, 06 Nov 1994 08:49:37 GMT\r\n", 200, NULL, NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const int status = get("/static/letters.txt", cases[i].headers);
        if (status != cases[i].status) {
            fail_msg("%s: %d, not %d", cases[i].headers, status, cases[i].status);
        }
        if (cases[i].body != NULL) {
            assert_body(&fixture, cases[i].body);
        }
        if (cases[i].content_range != NULL) {
            assert_header(&fixture, "Content-Range", cases[i].content_range);
        }
    }
    assert_int_equal(get("/static/empty", "Range: bytes=0-\r\n"), 416);
    const struct sx_str none = {NULL, 0};
    assert_int_equal(sx_client_send(fixture.client, &fixture.reply, "HEAD", "/static/letters.txt",
                                    "Range: bytes=0-2\r\n", none),
                     SX_OK);
    assert_int_equal(fixture.reply.status, 200);
    assert_header(&fixture, "Content-Length", "26");
}

static void test_a_file_that_is_not_sent_is_closed(void **state)
{
    (void)state;
    const int before = dup(0);
    close(before);
    for (int i = 0; i < 10; i++) {
        struct sx_result result = secret();
        assert_int_equal(result.status, 200);
        sx_result_clean_up(&result);
        assert_int_equal(get("/static/letters.txt", "If-None-Match: *\r\n"), 304);
        assert_int_equal(get("/static/letters.txt", "Range: bytes=99-\r\n"), 416);
        assert_int_equal(get("/static/fifo", NULL), 404);
    }
    const int after = dup(0);
    close(after);
    assert_int_equal(after, before);
}

static void test_a_file_that_was_not_sent_whole_is_no_reply(void **state)
{
    (void)state;
    static const char *const targets[] = {"/shrinking?size=3", "/shrinking?size=0"};
    for (size_t i = 0; i < sizeof targets / sizeof *targets; i++) {
        struct sx_reply reply = {0};
        write_file("shrinking", "abcdef");
        assert_int_equal(sx_client_get(fixture.client, &reply, targets[i]), SX_EPROTO);
        assert_null(reply.memory);
    }
    write_file("shrinking", "abcdef");
    assert_int_equal(get("/shrinking?size=6", NULL), 200);
    assert_body(&fixture, "abcdef");
    assert_int_equal(fixture_send(&fixture, "HEAD", "/shrinking?size=0", NULL), 200);
    assert_header(&fixture, "Content-Length", "6");
    assert_body(&fixture, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_file_comes_with_its_type_and_validators),
        cmocka_unit_test(test_a_file_was_not_modified_in_the_future),
        cmocka_unit_test(test_a_file_may_be_older_than_the_clock),
        cmocka_unit_test(test_nothing_outside_of_the_folder_is_found),
        cmocka_unit_test(test_a_client_that_has_the_file_is_told_so),
        cmocka_unit_test(test_a_part_of_a_file_can_be_had),
        cmocka_unit_test(test_a_file_that_is_not_sent_is_closed),
        cmocka_unit_test(test_a_file_that_was_not_sent_whole_is_no_reply),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
