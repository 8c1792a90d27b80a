/* fake_service.c: a service for the tests of src/http and src/server. See fake_service.h. */
#include "fake_service.h"
#include "clock.h"
#include "run_options.h"
#include "server.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define BIG_BYTES ((size_t)8 << 20) /* more than the buffers of a socket have room for */
#define BIG_RECORDED_BYTES ((size_t)64 << 10)

/* Called with the mutex locked. */
static void tell(struct fake_service *fake, const char *format, ...)
{
    if (!fake->records) {
        return;
    }
    char line[512];
    va_list args;
    va_start(args, format);
    const int size = vsnprintf(line, sizeof line, format, args);
    va_end(args);
    const size_t added = size < (int)sizeof line ? (size_t)size : sizeof line - 1;
    char *story = realloc(fake->story, fake->story_size + added + 1);
    if (story == NULL) {
        abort();
    }
    memcpy(story + fake->story_size, line, added + 1);
    fake->story = story;
    fake->story_size += added;
}

static bool is(struct sx_str text, const char *word)
{
    return text.size == strlen(word) && memcmp(text.data, word, text.size) == 0;
}

static struct sx_str text_of(const char *text)
{
    return (struct sx_str){text, strlen(text)};
}

static void sleep_us(long us)
{
    nanosleep(&(struct timespec){.tv_nsec = us * 1000}, NULL);
}

static void wait_for_release(struct fake_service *fake)
{
    pthread_mutex_lock(&fake->mutex);
    while (!fake->is_released) {
        pthread_cond_wait(&fake->released, &fake->mutex);
    }
    pthread_mutex_unlock(&fake->mutex);
}

static void count_in(struct fake_service *fake, unsigned *now, unsigned *most, int more)
{
    pthread_mutex_lock(&fake->mutex);
    *now += (unsigned)more;
    *most = *now > *most ? *now : *most;
    pthread_mutex_unlock(&fake->mutex);
}

static void observe(struct fake_service *fake, bool blocks, bool dozes)
{
    if (!blocks && !dozes) {
        return;
    }
    count_in(fake, &fake->in_observer, &fake->most_in_observer, 1);
    if (dozes) {
        sleep_us(500);
    } else {
        wait_for_release(fake);
    }
    count_in(fake, &fake->in_observer, &fake->most_in_observer, -1);
}

static void on_begin(void *app, struct sx__exchange *exchange)
{
    struct fake_service *fake = app;
    const struct sx_record *record = &exchange->record;
    observe(fake, is(record->target, "/block-begin"), is(record->target, "/doze-begin"));
    pthread_mutex_lock(&fake->mutex);
    fake->begins++;
    fake->header_count = exchange->header_count;
    tell(fake, "begin [%.*s] [%.*s]", (int)record->method.size, record->method.data,
         (int)record->target.size, record->target.data);
    for (size_t i = 0; i < exchange->header_count; i++) {
        const struct sx__header *header = &exchange->headers[i];
        tell(fake, " [%.*s]=[%.*s]", (int)header->name.size, header->name.data,
             (int)header->value.size, header->value.data);
    }
    tell(fake, "\n");
    pthread_mutex_unlock(&fake->mutex);
    /* Overwrites the bytes that a service may overwrite; this must have no effect on the
     * connection. */
    exchange->is_admin = is(record->target, "/admin") || is(record->target, "/admin/block");
    exchange->skips_body = is(record->target, "/early");
    memset(exchange->path_space, 0x5a, record->target.size + 2);
    memset(exchange->app_state.bytes, 0x5a, sizeof exchange->app_state);
    ((char *)(uintptr_t)record->method.data)[record->method.size] = '\0';
    ((char *)(uintptr_t)record->target.data)[record->target.size] = '\0';
    for (size_t i = 0; i < exchange->header_count; i++) {
        const struct sx__header *header = &exchange->headers[i];
        ((char *)(uintptr_t)header->name.data)[header->name.size] = '\0';
        ((char *)(uintptr_t)header->value.data)[header->value.size] = '\0';
    }
}

/* Returns the status of a target like "/status/404". */
static int status_in(struct sx_str target)
{
    static const char prefix[] = "/status/";
    if (target.size < sizeof prefix + 2 || memcmp(target.data, prefix, sizeof prefix - 1) != 0) {
        return 200;
    }
    int status = 0;
    for (size_t i = sizeof prefix - 1; i < sizeof prefix + 2; i++) {
        status = status * 10 + (target.data[i] - '0');
    }
    return status;
}

/* A stream is stored in the state of its exchange. */
struct stream {
    struct fake_service *fake;
    unsigned asked;
    unsigned pieces; /* the number of pieces; 0: endless */
    bool pauses;     /* pauses before each piece */
    int end;         /* the status that ends the stream */
};

static int produce(void *context, char *space, size_t size, unsigned *wait_ms)
{
    struct stream *stream = context;
    const unsigned asked = stream->asked++;
    if (stream->pauses && asked % 2 == 0) {
        *wait_ms = 1;
        return SX_EAGAIN;
    }
    const unsigned piece = stream->pauses ? asked / 2 : asked;
    if (stream->pieces > 0 && piece == stream->pieces) {
        return stream->end;
    }
    const size_t piece_size = stream->pieces > 0 && piece % 2 == 0 ? 5 : size;
    memset(space, 'a' + (int)(piece % 26), piece_size);
    pthread_mutex_lock(&stream->fake->mutex);
    stream->fake->produced++;
    pthread_mutex_unlock(&stream->fake->mutex);
    return (int)piece_size;
}

/* Blocks, and produces nothing until its client is gone. */
static int produce_late(void *context, char *space, size_t size, unsigned *wait_ms)
{
    struct fake_service *fake = context;
    (void)wait_ms;
    pthread_mutex_lock(&fake->mutex);
    fake->produced++;
    pthread_mutex_unlock(&fake->mutex);
    bool has_client = true;
    for (unsigned tries = 0; tries < 10000 && has_client; tries++) {
        sleep_us(1000);
        has_client = sx__stream_has_client();
    }
    pthread_mutex_lock(&fake->mutex);
    fake->learned += has_client ? 0 : 1;
    pthread_mutex_unlock(&fake->mutex);
    memset(space, 'l', size);
    return (int)size;
}

/* Never pauses, and blocks before each piece. */
static int produce_slowly(void *context, char *space, size_t size, unsigned *wait_ms)
{
    struct fake_service *fake = context;
    (void)wait_ms;
    sleep_us(2000);
    memset(space, 's', size);
    pthread_mutex_lock(&fake->mutex);
    fake->produced++;
    tell(fake, "produce\n");
    pthread_mutex_unlock(&fake->mutex);
    return 5;
}

static int produce_nothing(void *context, char *space, size_t size, unsigned *wait_ms)
{
    struct fake_service *fake = context;
    memset(space, 0, size);
    *wait_ms = 60000;
    pthread_mutex_lock(&fake->mutex);
    fake->produced++;
    pthread_mutex_unlock(&fake->mutex);
    return SX_EAGAIN;
}

static void answer_stream(struct fake_service *fake, struct sx__exchange *exchange)
{
    struct stream *stream = (struct stream *)(void *)exchange->app_state.bytes;
    const struct sx_str target = exchange->record.target;
    *stream = (struct stream){.fake = fake,
                              .pieces = is(target, "/stream/endless") ? 0 : 4,
                              .pauses = is(target, "/stream/pausing"),
                              .end = is(target, "/stream/failing") ? SX_ESYSTEM : 0};
    sx_produce_fn *other = is(target, "/stream/waiting") ? produce_nothing
                           : is(target, "/stream/late")  ? produce_late
                           : is(target, "/stream/slow")  ? produce_slowly
                                                         : NULL;
    exchange->response.produce = other == NULL ? produce : other;
    exchange->response.produce_context = other == NULL ? stream : (void *)fake;
}

static void answer(struct fake_service *fake, struct sx__exchange *exchange)
{
    const struct sx_str target = exchange->record.target;
    exchange->response = (struct sx__response){
        .status = status_in(target),
        .content_type = text_of("text/plain"),
        .body = text_of("hello"),
    };
    if (target.size > 7 && memcmp(target.data, "/stream", 7) == 0) {
        answer_stream(fake, exchange);
    } else if (is(target, "/file") || is(target, "/file/short")) {
        /* The file of /file/short is only half as long as its size says. */
        exchange->response.file = (struct sx__file_part){
            true, fileno(fake->file), 10, fake->big_size * (is(target, "/file") ? 1 : 2)};
    } else if (is(target, "/echo")) {
        exchange->response.body = exchange->body;
    } else if (is(target, "/big") || is(target, "/block/big")) {
        exchange->response.body = (struct sx_str){fake->big, fake->big_size};
    } else if (is(target, "/headers")) {
        exchange->response.header_lines = text_of("X-One: 1\r\nX-Two: 2\r\n");
    } else if (is(target, "/long-headers")) {
        memcpy(fake->big, "X-Long: ", 8);
        memcpy(fake->big + 4000, "\r\n", 2);
        exchange->response.header_lines = (struct sx_str){fake->big, 4002};
    } else if (is(target, "/bare")) {
        exchange->response.content_type = (struct sx_str){NULL, 0};
        exchange->response.body = (struct sx_str){NULL, 0};
    }
}

static void on_handle(void *app, struct sx__exchange *exchange, void *frame)
{
    struct fake_service *fake = app;
    memset(frame, 0x5a, 64);
    pthread_mutex_lock(&fake->mutex);
    fake->handles++;
    fake->in_handler++;
    fake->most_in_handler =
        fake->in_handler > fake->most_in_handler ? fake->in_handler : fake->most_in_handler;
    tell(fake, "handle %zu [%.*s]\n", exchange->body.size,
         exchange->body.size < 200 ? (int)exchange->body.size : 200, exchange->body.data);
    if (fake->records && exchange->header_count != fake->header_count) {
        tell(fake, "now %zu headers\n", exchange->header_count);
    }
    pthread_mutex_unlock(&fake->mutex);
    const struct sx_str target = exchange->record.target;
    if (is(target, "/block") || is(target, "/block/big") || is(target, "/admin/block")) {
        wait_for_release(fake);
    } else if (is(target, "/sleep")) {
        sleep_us(5000);
    } else if (is(target, "/nap")) {
        sleep_us(900);
    } else if (is(target, "/doze")) {
        sleep_us(500);
    }
    answer(fake, exchange);
    pthread_mutex_lock(&fake->mutex);
    fake->in_handler--;
    pthread_mutex_unlock(&fake->mutex);
}

static void on_refuse(void *app, struct sx__exchange *exchange, int status, const char *message)
{
    struct fake_service *fake = app;
    pthread_mutex_lock(&fake->mutex);
    fake->refusals++;
    fake->refused_status = status;
    tell(fake, "refuse %d %s\n", status, message);
    pthread_mutex_unlock(&fake->mutex);
    exchange->response = (struct sx__response){
        .status = status, .content_type = text_of("text/plain"), .body = text_of(message)};
}

static void on_end(void *app, struct sx__exchange *exchange, enum sx_outcome outcome)
{
    struct fake_service *fake = app;
    observe(fake, is(exchange->record.target, "/block-end"),
            is(exchange->record.target, "/doze-end"));
    pthread_mutex_lock(&fake->mutex);
    fake->ends++;
    fake->outcomes[outcome]++;
    fake->started_ns = exchange->record.started_ns;
    fake->ended_ns = exchange->record.ended_ns;
    fake->request_body_bytes = exchange->record.request_body_bytes;
    fake->response_body_bytes = exchange->record.response_body_bytes;
    tell(fake, "end %d in %llu out %llu\n", (int)outcome,
         (unsigned long long)exchange->record.request_body_bytes,
         (unsigned long long)exchange->record.response_body_bytes);
    pthread_mutex_unlock(&fake->mutex);
}

static void on_rejected(void *app, enum sx_reason reason)
{
    struct fake_service *fake = app;
    pthread_mutex_lock(&fake->mutex);
    fake->rejections[reason]++;
    tell(fake, "rejected %d\n", (int)reason);
    pthread_mutex_unlock(&fake->mutex);
}

static void on_log(void *app, enum sx_log_level level, const char *message)
{
    (void)level;
    struct fake_service *fake = app;
    pthread_mutex_lock(&fake->mutex);
    fake->logs++;
    snprintf(fake->last_log, sizeof fake->last_log, "%s", message);
    pthread_mutex_unlock(&fake->mutex);
}

void fake_service_init(struct fake_service *fake, bool records)
{
    *fake = (struct fake_service){.records = records,
                                  .big_size = records ? BIG_RECORDED_BYTES : BIG_BYTES};
    pthread_mutex_init(&fake->mutex, NULL);
    pthread_cond_init(&fake->released, NULL);
    fake->big = malloc(fake->big_size);
    if (fake->big == NULL) {
        abort();
    }
    for (size_t i = 0; i < fake->big_size; i++) {
        fake->big[i] = (char)('a' + i % 26);
    }
}

void fake_service_make_file(struct fake_service *fake)
{
    fake->file = tmpfile();
    if (fake->file == NULL || fwrite("0123456789", 10, 1, fake->file) != 1 ||
        fwrite(fake->big, fake->big_size, 1, fake->file) != 1 || fflush(fake->file) != 0) {
        abort();
    }
}

void fake_service_clean_up(struct fake_service *fake)
{
    if (fake->file != NULL) {
        fclose(fake->file);
    }
    free(fake->big);
    free(fake->story);
    pthread_cond_destroy(&fake->released);
    pthread_mutex_destroy(&fake->mutex);
}

struct sx__service fake_service_get(struct fake_service *fake)
{
    return (struct sx__service){
        .app = fake,
        .frame_bytes = 64,
        .begin = on_begin,
        .handle = on_handle,
        .refuse = on_refuse,
        .end = on_end,
        .rejected = on_rejected,
        .log = on_log,
    };
}

void fake_service_release(struct fake_service *fake)
{
    pthread_mutex_lock(&fake->mutex);
    fake->is_released = true;
    pthread_cond_broadcast(&fake->released);
    pthread_mutex_unlock(&fake->mutex);
}

unsigned fake_service_read(struct fake_service *fake, const unsigned *counter)
{
    pthread_mutex_lock(&fake->mutex);
    const unsigned value = *counter;
    pthread_mutex_unlock(&fake->mutex);
    return value;
}

bool fake_service_wait(struct fake_service *fake, const unsigned *counter, unsigned count)
{
    for (unsigned tries = 0; tries < 10000; tries++) {
        pthread_mutex_lock(&fake->mutex);
        const bool reached = *counter >= count;
        pthread_mutex_unlock(&fake->mutex);
        if (reached) {
            return true;
        }
        sleep_us(1000);
    }
    return false;
}

unsigned fake_service_rejected(struct fake_service *fake)
{
    pthread_mutex_lock(&fake->mutex);
    unsigned sum = 0;
    for (size_t i = 0; i < SX_REASONS; i++) {
        sum += fake->rejections[i];
    }
    pthread_mutex_unlock(&fake->mutex);
    return sum;
}

int fake_service_connect(struct sx__inprocess **inprocess, const struct sx__service *service)
{
    static const struct sx__inprocess_clock clock = {sx__clock_now_ns, sx__clock_date};
    struct sx_run_options defaults;
    const int status = sx__run_options_resolve(&defaults, NULL);
    return status < 0 ? status : sx__inprocess_new(inprocess, service, &defaults, &clock);
}
