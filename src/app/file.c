/* Files as results: opened when the handler asks for them, and decided upon when the request is
 * known. RFC 9110, 13 (conditional requests) and 14 (ranges). */
#define _GNU_SOURCE /* O_PATH */
#include "file.h"

#include "http_date.h"
#include "result_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#define NS_PER_S 1000000000u
#define ETAG_BYTES 40

/* Its first second; a date of HTTP has no earlier one. */
#define YEAR_1 ((time_t)-62135596800)

/* ---- opening ---- */

static const struct {
    const char *extension;
    const char *media_type;
} media_types[] = {
    {"css", "text/css; charset=utf-8"},
    {"csv", "text/csv; charset=utf-8"},
    {"gif", "image/gif"},
    {"gz", "application/gzip"},
    {"htm", "text/html; charset=utf-8"},
    {"html", "text/html; charset=utf-8"},
    {"ico", "image/vnd.microsoft.icon"},
    {"jpeg", "image/jpeg"},
    {"jpg", "image/jpeg"},
    {"js", "text/javascript; charset=utf-8"},
    {"json", "application/json"},
    {"md", "text/markdown; charset=utf-8"},
    {"mjs", "text/javascript; charset=utf-8"},
    {"mp3", "audio/mpeg"},
    {"mp4", "video/mp4"},
    {"pdf", "application/pdf"},
    {"png", "image/png"},
    {"svg", "image/svg+xml"},
    {"txt", "text/plain; charset=utf-8"},
    {"wasm", "application/wasm"},
    {"webm", "video/webm"},
    {"webp", "image/webp"},
    {"woff2", "font/woff2"},
    {"xml", "application/xml"},
    {"zip", "application/zip"},
};

static const char *media_type_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    const char *dot = strrchr(slash == NULL ? path : slash, '.');
    for (size_t i = 0; dot != NULL && i < sizeof media_types / sizeof *media_types; i++) {
        if (strcasecmp(dot + 1, media_types[i].extension) == 0) {
            return media_types[i].media_type;
        }
    }
    return "application/octet-stream";
}

/* Out of descriptors, or a broken disk, are internal errors; all else is not there for the
 * client. */
static struct sx_result cannot_open(const char *path, int error)
{
    static const int server_errors[] = {EMFILE, ENFILE, ENOMEM, EIO};
    for (size_t i = 0; i < sizeof server_errors / sizeof *server_errors; i++) {
        if (error == server_errors[i]) {
            return sx__internal_error("%s: %s", path, strerror(error));
        }
    }
    return sx_fail(404, "not found");
}

/* The result of an open file, which it takes; below 0: it is -errno. */
static struct sx_result result_of(int fd, const char *path)
{
    if (fd < 0) {
        return cannot_open(path, -fd);
    }
    struct stat stat;
    struct sx__source *source = NULL;
    struct sx_result result;
    if (fstat(fd, &stat) < 0 || !S_ISREG(stat.st_mode)) {
        result = sx_fail(404, "not found");
        goto finish;
    }
    source = malloc(sizeof *source);
    if (source == NULL) {
        result = sx__internal_error("sx_file: out of memory");
        goto finish;
    }
    *source = (struct sx__source){
        .fd = fd,
        .size = (uint64_t)stat.st_size,
        .modified = stat.st_mtim,
    };
    result = (struct sx_result){
        .status = 200, .content_type = media_type_of(path), .has_own_type = true, .source = source};
    fd = -1;
finish:
    if (fd >= 0) {
        close(fd);
    }
    return result;
}

/* Not blocking: a FIFO would be waited for. */
#define OPEN_FILE (O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)
#define OPEN_FOLDER (O_PATH | O_DIRECTORY | O_CLOEXEC)

struct sx_result sx_file(const char *path)
{
    if (path == NULL) {
        return sx__internal_error("sx_file: the path is NULL");
    }
    const int fd = open(path, OPEN_FILE);
    return result_of(fd < 0 ? -errno : fd, path);
}

/* Opens the next segment of a path beneath `folder`, which it closes; gives the descriptor, or
 * -errno. */
static int descend(int folder, const char *segment, size_t size, bool is_last)
{
    char name[256];
    int fd = -ENOENT;
    if (size > 0 && size < sizeof name && segment[0] != '.') {
        memcpy(name, segment, size);
        name[size] = '\0';
        fd = openat(folder, name, (is_last ? OPEN_FILE : OPEN_FOLDER) | O_NOFOLLOW);
        fd = fd < 0 ? -errno : fd;
    }
    close(folder);
    return fd;
}

struct sx_result sx_file_beneath(const char *folder, const char *path)
{
    if (folder == NULL || path == NULL) {
        return sx__internal_error("sx_file_beneath: the folder or the path is NULL");
    }
    int fd = open(folder, OPEN_FOLDER);
    if (fd < 0) {
        return sx__internal_error("%s: %s", folder, strerror(errno));
    }
    const char *at = path;
    for (bool is_last = false; fd >= 0 && !is_last;) {
        const size_t size = strcspn(at, "/");
        is_last = at[size] == '\0';
        fd = descend(fd, at, size, is_last);
        at += size + 1;
    }
    return result_of(fd, path);
}

/* ---- conditions ---- */

/* Whether a list of entity tags has this one. A strong comparison (If-Match, If-Range) never
 * matches a weak tag; ours are strong. RFC 9110 8.8.3.2. */
static bool list_has(const char *list, const char *etag, bool strong)
{
    if (strcmp(list, "*") == 0) {
        return true;
    }
    const size_t size = strlen(etag);
    for (const char *at = strchr(list, '"'); at != NULL; at = strchr(at, '"')) {
        const bool is_weak = at - list >= 2 && at[-1] == '/' && at[-2] == 'W';
        if (strncmp(at, etag, size) == 0 && !(strong && is_weak)) {
            return true;
        }
        at = strchr(at + 1, '"');
        if (at == NULL) {
            break;
        }
        at++;
    }
    return false;
}

struct validators {
    char etag[ETAG_BYTES];
    char modified[SX__DATE_BYTES + 1];
    time_t modified_s;
};

/* RFC 9110 8.8.2.1: "If the last modification time is derived from implementation-specific metadata
 * that evaluates to some time in the future, according to the origin server's clock, then the
 * origin server MUST replace that value with the message origination date." */
static void find_validators(struct validators *validators, const struct sx__source *source)
{
    const uint64_t modified_ns =
        (uint64_t)source->modified.tv_sec * NS_PER_S + (uint64_t)source->modified.tv_nsec;
    snprintf(validators->etag, sizeof validators->etag, "\"%llx-%llx\"",
             (unsigned long long)modified_ns, (unsigned long long)source->size);
    const time_t now = time(NULL);
    const time_t modified_s = source->modified.tv_sec < now ? source->modified.tv_sec : now;
    validators->modified_s = modified_s > YEAR_1 ? modified_s : YEAR_1;
    sx__date_write(validators->modified, validators->modified_s);
}

static bool not_modified_since(const char *date, const struct validators *validators)
{
    time_t since;
    return sx__date_parse(&since, date) == 0 && validators->modified_s <= since;
}

/* RFC 9110 13.2.2, in its order; 200: no condition speaks against it. */
static int evaluate(const struct sx_request *request, const struct validators *validators)
{
    const char *if_match = sx_request_get_header_list(request, "If-Match");
    const char *if_unmodified = sx_request_get_header(request, "If-Unmodified-Since");
    const char *if_none_match = sx_request_get_header_list(request, "If-None-Match");
    const char *if_modified = sx_request_get_header(request, "If-Modified-Since");
    time_t since;
    if (if_match != NULL) {
        if (!list_has(if_match, validators->etag, true)) {
            return 412;
        }
    } else if (if_unmodified != NULL && sx__date_parse(&since, if_unmodified) == 0 &&
               validators->modified_s > since) {
        return 412;
    }
    if (if_none_match != NULL) {
        return list_has(if_none_match, validators->etag, false) ? 304 : 200;
    }
    return if_modified != NULL && not_modified_since(if_modified, validators) ? 304 : 200;
}

/* ---- ranges ---- */

/* Digits up to something else; false: there are none, or too many. */
static bool read_number(uint64_t *number, const char **at)
{
    const char *begin = *at;
    uint64_t value = 0;
    for (; **at >= '0' && **at <= '9' && *at - begin < 19; (*at)++) {
        value = value * 10 + (uint64_t)(**at - '0');
    }
    *number = value;
    return *at > begin && !(**at >= '0' && **at <= '9');
}

/* Makes the source a part of itself by "bytes=FIRST-LAST"; gives the status. What is malformed, of
 * another unit or of several ranges is ignored, as RFC 9110 14.2 allows. */
static int take_range(struct sx__source *source, const char *range)
{
    const uint64_t size = source->size;
    uint64_t first = 0;
    uint64_t last = UINT64_MAX;
    if (strncasecmp(range, "bytes=", 6) != 0) {
        return 200;
    }
    const char *at = range + 6;
    const bool has_first = read_number(&first, &at);
    if ((!has_first && at != range + 6) || *at++ != '-') {
        return 200;
    }
    const char *last_text = at;
    const bool has_last = read_number(&last, &at);
    if (*at != '\0' || (!has_last && (at != last_text || !has_first)) ||
        (has_first && has_last && last < first)) {
        return 200;
    }
    if (!has_first) { /* the last so many */
        if (last == 0 || size == 0) {
            return 416;
        }
        first = last < size ? size - last : 0;
        last = size - 1;
    }
    if (first >= size) {
        return 416;
    }
    last = has_last && last < size ? last : size - 1;
    source->offset = first;
    source->size = last - first + 1;
    return 206;
}

/* RFC 9110 13.1.5: a range is for those only who have this very file. A date does not tell: the
 * file may have changed twice in its second. Who has got the entity tag sends that. */
static bool range_applies(const struct sx_request *request, const struct validators *validators)
{
    const char *if_range = sx_request_get_header(request, "If-Range");
    return if_range == NULL || strcmp(if_range, validators->etag) == 0;
}

/* ---- the answer ---- */

static struct sx_result answer_range(struct sx__source *source, const char *range,
                                     struct sx_result result)
{
    const unsigned long long size = source->size;
    char text[80];
    switch (take_range(source, range)) {
    case 206:
        snprintf(text, sizeof text, "bytes %llu-%llu/%llu", (unsigned long long)source->offset,
                 (unsigned long long)(source->offset + source->size - 1), size);
        return sx_with_header(sx_with_status(result, 206), "Content-Range", text);
    case 416:
        snprintf(text, sizeof text, "bytes */%llu", size);
        sx_result_clean_up(&result);
        return sx_with_header(sx_fail(416, "the file has no such range"), "Content-Range", text);
    default:
        return result;
    }
}

struct sx_result sx__file_answer(const struct sx_request *request, struct sx_result result)
{
    struct sx__source *source = result.source;
    const enum sx_method method = request->exchange->record.method_id;
    if (source == NULL || source->fd < 0 || result.status != 200) {
        return result;
    }
    struct validators validators = {0};
    find_validators(&validators, source);
    result = sx_with_header(result, "ETag", validators.etag);
    result = sx_with_header(result, "Last-Modified", validators.modified);
    result = sx_with_header(result, "Accept-Ranges", "bytes");
    if (result.cause != NULL || (method != SX_METHOD_GET && method != SX_METHOD_HEAD)) {
        return result;
    }
    const int status = evaluate(request, &validators);
    if (status == 412) {
        sx_result_clean_up(&result);
        return sx_fail(412, "the file is another one by now");
    }
    if (status == 304) {
        return sx_with_status(result, 304);
    }
    const char *range = sx_request_get_header(request, "Range");
    /* RFC 9110 14.2: "A server MUST ignore a Range header field received with a request method that
     * is unrecognized or for which range handling is not defined": only GET has it. */
    if (range != NULL && method == SX_METHOD_GET && range_applies(request, &validators)) {
        return answer_range(source, range, result);
    }
    return result;
}
