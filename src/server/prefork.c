/* prefork.c: supervises worker processes. See prefork.h.
 *
 * The supervisor and each worker have a pair of connected sockets. The worker sends a byte when it
 * serves. The supervisor sends a byte to stop it, and the end of the supervisor closes the socket,
 * which stops it, too. The kernel says that a worker has ended (pidfd_open), because process ids
 * are used again.
 *
 * A reload kills the successor that an older reload has started, as that may hang. But one that
 * accepts clients must not be killed. So both decide by one flag in shared memory: a worker sets it
 * before it accepts, the supervisor before it kills, and who comes second does not do so.
 */
#define _GNU_SOURCE /* SYS_pidfd_open, MAP_ANONYMOUS */
#include "prefork.h"
#include "certificate_reload.h"
#include "clock.h"
#include "server_types.h"
#include "wakeup.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define MS ((uint64_t)1000000)
#define SHORT_LIFE_NS (200 * MS) /* a worker that ends sooner is taken to be unable to serve */
#define DELAY_NS (100 * MS)      /* until the third try; doubled for each further one, */
#define DELAY_MAX_NS (5000 * MS) /* up to this */
#define PATIENCE_NS (5000 * MS)  /* beyond stop_timeout_ms, before a worker is killed */
#define TEXT_BYTES 128           /* of a log line about a worker */
#define WAIT_MAX_MS 60000
#define WAIT_MIN_MS 1000
#define PROCESSES_PER_PLACE 3 /* that serves, its successor, and its predecessor */

/* What the supervisor sends: to stop a worker, and to ask whether it answers. */
enum { ALL_STOP, REPLACED, ASKED };
/* What a worker sends: that it serves, the status for which it cannot, that it has closed its
 * listening sockets, and its answer. */
enum { READY = 0, STATUS_MAX = 127, LEFT, ANSWER };

enum role {
    NONE,
    SERVING,   /* the worker of its place, also while it starts */
    SUCCESSOR, /* starts, and will then serve in place of another */
    STOPPING,
};

struct process {
    enum role role;
    unsigned place;
    pid_t pid;
    int pid_fd;
    int control_fd;
    bool is_ready;
    bool has_left;       /* it accepts no more connections */
    bool has_answered;   /* since it was last asked */
    bool has_spoken;     /* it sends nothing more */
    bool is_killed;      /* by the supervisor */
    nfds_t poll_index;   /* of its pid_fd, with that of control_fd behind it unless it has spoken */
    unsigned generation; /* the number of reloads before it was started */
    uint64_t since_ns;   /* when it was started; if it stops, when it was told to */
};

/* Where one worker serves at a time. */
struct place {
    unsigned failures;   /* workers that died young, one after the other */
    uint64_t restart_ns; /* not before */
};

struct supervisor {
    struct sx__server *server;
    const struct sx__prefork_calls *calls;
    unsigned count;
    struct place *places;
    struct process *processes;
    struct pollfd *polls;
    struct sx__spread *spread; /* the line of a process has its index in `processes` */
    atomic_bool *decided;      /* [process_space], shared with the workers */
    unsigned process_space;
    unsigned generation;
    unsigned done_generation; /* of the last reload whose certificates were read, or that failed */
    struct sx__upgrade upgrade;
    uint64_t asked_ns; /* when the workers were last asked */
    bool is_reloading;
    bool is_yielding; /* no worker accepts, because a new program is about to */
    bool is_stopping;
    bool has_served; /* at least one worker */
    int status;      /* why the first workers could not start */
};

static unsigned spread_line(const struct supervisor *supervisor, const struct process *process)
{
    return (unsigned)(process - supervisor->processes);
}

static void bury_spread_line(const struct supervisor *supervisor, const struct process *process)
{
    const unsigned line = spread_line(supervisor, process);
    sx__spread_bury(supervisor->spread, sx__spread_get_line(supervisor->spread, line));
}

static void log_line(const struct supervisor *supervisor, enum sx_log_level level,
                     const struct process *process, const char *text)
{
    sx__server_log(supervisor->server, level, "worker %u (process %ld) %s", process->place + 1,
                   (long)process->pid, text);
}

static void tell(const struct supervisor *supervisor, const struct process *process,
                 enum sx_worker_event event)
{
    const struct sx_worker worker = {.place = process->place + 1, .pid = process->pid};
    supervisor->calls->changed(supervisor->calls->context, &worker, event);
}

static void say(int control_fd, unsigned char what)
{
    (void)!send(control_fd, &what, 1, MSG_NOSIGNAL | MSG_DONTWAIT);
}

/* How long after it was told to stop a worker is ended. */
static uint64_t patience_ns(const struct sx__server *server)
{
    return server->protocol.options.stop_timeout_ms * MS + PATIENCE_NS;
}

/* ---- a worker ---- */

/* Runs until the process ends. Without a supervisor, nobody else would end a worker that hangs. */
static void *await_stop(void *argument)
{
    const struct sx__prefork_worker *worker = argument;
    char byte;
    ssize_t size;
    do {
        size = read(worker->control_fd, &byte, 1);
        if (size == 1 && byte == ASKED) {
            atomic_store(&worker->server->is_asked, true);
            sx__wakeup_monitor(worker->server);
        } else if (size == 1 && byte == REPLACED) {
            sx__server_leave(worker->server);
        } else if (size >= 0) {
            sx__server_stop(worker->server);
        }
    } while (size > 0 || (size < 0 && errno == EINTR));
    const uint64_t end_ns = sx__clock_now_ns() + patience_ns(worker->server);
    while (sx__clock_now_ns() < end_ns) {
        (void)poll(NULL, 0, 100);
    }
    _exit(1);
}

int sx__prefork_serve(const struct sx__prefork_worker *worker)
{
    int status =
        worker->reads_certificates ? sx__reload_now(worker->server, worker->server->monitor_fd) : 0;
    while (status == 0 && atomic_exchange(worker->is_decided, true)) {
        (void)pause(); /* until SIGKILL comes */
    }
    if (status == 0) {
        status = sx__server_start(worker->server);
    }
    if (status < 0) {
        return status;
    }
    say(worker->control_fd, READY);
    return sx__server_serve(worker->server);
}

void sx__prefork_has_left(struct sx__server *server)
{
    if (server->control_fd >= 0) {
        say(server->control_fd, LEFT);
    }
}

void sx__prefork_answer(struct sx__server *server)
{
    if (server->control_fd >= 0 && atomic_exchange(&server->is_asked, false)) {
        say(server->control_fd, ANSWER);
    }
}

/* Returns a status. */
static int run_worker(struct supervisor *supervisor, const struct sx__prefork_worker *worker)
{
    pthread_t thread;
    const int status = sx__server_forked(supervisor->server);
    if (status < 0) {
        return status;
    }
    if (sx__server_start_thread(&thread, await_stop, (void *)(uintptr_t)worker) != 0) {
        return SX_ESYSTEM;
    }
    pthread_detach(thread);
    return supervisor->calls->run(supervisor->calls->context, worker);
}

static atomic_bool *decided(const struct supervisor *supervisor, const struct process *process)
{
    return &supervisor->decided[process - supervisor->processes];
}

/* In the new process. Only exit status and output of it are of use to others; what the program
 * registered with atexit() belongs to the supervisor. */
static _Noreturn void become_worker(struct supervisor *supervisor, int control_fd,
                                    const struct process *process)
{
    for (unsigned i = 0; i < supervisor->process_space; i++) {
        if (supervisor->processes[i].role != NONE) {
            close(supervisor->processes[i].control_fd);
            close(supervisor->processes[i].pid_fd);
        }
    }
    sx__upgrade_forget(&supervisor->upgrade);
    const struct sx__prefork_worker worker = {.server = supervisor->server,
                                              .control_fd = control_fd,
                                              .reads_certificates = process->generation !=
                                                                    supervisor->done_generation,
                                              .is_decided = decided(supervisor, process)};
    supervisor->server->control_fd = control_fd;
    const int status = run_worker(supervisor, &worker);
    if (status < 0) {
        say(control_fd, (unsigned char)-status);
    }
    if (status != SX_ETIMEOUT) { /* otherwise an abandoned handler may hold a stream's lock */
        (void)fflush(NULL);
    }
    _exit(status < 0 ? 1 : 0);
}

/* ---- starting and stopping ---- */

static struct process *free_process(struct supervisor *supervisor)
{
    struct process *process = supervisor->processes;
    while (process->role != NONE) {
        process++; /* there is one: a place has at most PROCESSES_PER_PLACE */
    }
    return process;
}

/* After upgrades that have failed, former workers may still be stopping. */
static bool is_full(const struct supervisor *supervisor, unsigned place)
{
    unsigned count = 0;
    for (unsigned i = 0; i < supervisor->process_space; i++) {
        const struct process *process = &supervisor->processes[i];
        count += process->role != NONE && process->place == place;
    }
    return count == PROCESSES_PER_PLACE;
}

static struct process *find(struct supervisor *supervisor, unsigned place, enum role role)
{
    for (unsigned i = 0; i < supervisor->process_space; i++) {
        struct process *process = &supervisor->processes[i];
        if (process->role == role && process->place == place) {
            return process;
        }
    }
    return NULL;
}

/* Delays the next worker of a place that dies young again. */
static uint64_t note_failure(struct place *place, uint64_t now_ns)
{
    const unsigned failures = place->failures++;
    uint64_t delay_ns = failures == 0 ? 0 : DELAY_NS;
    for (unsigned i = 1; i < failures && delay_ns < DELAY_MAX_NS; i++) {
        delay_ns *= 2;
    }
    delay_ns = delay_ns < DELAY_MAX_NS ? delay_ns : DELAY_MAX_NS;
    place->restart_ns = now_ns + delay_ns;
    return delay_ns;
}

/* Returns 0 or an errno. */
static int fork_worker(struct supervisor *supervisor, struct process *process)
{
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0) {
        return errno;
    }
    atomic_store(decided(supervisor, process), false);
    (void)fflush(NULL); /* or the worker would write it again */
    process->pid = fork();
    if (process->pid == 0) {
        close(pair[0]);
        sx__server_set_spread(supervisor->server, supervisor->spread,
                              spread_line(supervisor, process));
        become_worker(supervisor, pair[1], process);
    }
    int error = process->pid < 0 ? errno : 0;
    close(pair[1]);
    if (error == 0) {
        process->pid_fd = (int)syscall(SYS_pidfd_open, process->pid, 0);
        error = process->pid_fd < 0 ? errno : 0;
        if (error != 0) {
            (void)kill(process->pid, SIGKILL); /* it is not reaped yet, so the id is still its */
            (void)waitpid(process->pid, NULL, 0);
            bury_spread_line(supervisor, process);
        }
    }
    if (error != 0) {
        close(pair[0]);
    }
    process->control_fd = pair[0];
    return error;
}

static void give_up_reload(struct supervisor *supervisor, unsigned generation)
{
    sx__server_log(supervisor->server, SX_LOG_ERROR,
                   "the reload has failed: a new worker does not start; the others go on");
    for (unsigned i = 0; i < supervisor->process_space; i++) {
        struct process *process = &supervisor->processes[i];
        process->generation = process->generation < generation ? generation : process->generation;
    }
    supervisor->done_generation = generation;
}

static void start(struct supervisor *supervisor, unsigned place, enum role role)
{
    struct process *process = free_process(supervisor);
    const uint64_t now_ns = sx__clock_now_ns();
    *process = (struct process){.place = place, .since_ns = now_ns};
    process->generation = role == SUCCESSOR ? supervisor->generation : supervisor->done_generation;
    if (process->generation != supervisor->done_generation) {
        sx__reload_prepare(supervisor->server);
    }
    const int error = fork_worker(supervisor, process);
    if (error == 0) {
        process->role = role;
        tell(supervisor, process, SX_WORKER_STARTED);
        return;
    }
    sx__server_log(supervisor->server, SX_LOG_ERROR, "cannot start a worker: %s", strerror(error));
    if (role == SUCCESSOR) {
        give_up_reload(supervisor, process->generation);
    } else {
        (void)note_failure(&supervisor->places[place], now_ns);
    }
    if (!supervisor->has_served) {
        supervisor->status = SX_ESYSTEM;
    }
}

static void stop(struct process *process, char byte)
{
    (void)!send(process->control_fd, &byte, 1, MSG_NOSIGNAL | MSG_DONTWAIT);
    process->role = STOPPING;
    process->since_ns = sx__clock_now_ns();
}

static void stop_workers(struct supervisor *supervisor, char byte)
{
    for (unsigned i = 0; i < supervisor->process_space; i++) {
        if (supervisor->processes[i].role == SERVING ||
            supervisor->processes[i].role == SUCCESSOR) {
            stop(&supervisor->processes[i], byte);
        }
    }
}

static void stop_all(struct supervisor *supervisor)
{
    supervisor->is_stopping = true;
    sx__upgrade_cancel(&supervisor->upgrade);
    sx__server_tell(supervisor->server, SX__EVENT_STOPS, 0);
    sx__listeners_leave(supervisor->server); /* or clients would wait for nobody */
    stop_workers(supervisor, ALL_STOP);
}

/* ---- reloading ---- */

/* Starts the next successor, unless one is starting. */
static void replace_next(struct supervisor *supervisor)
{
    struct process *oldest = NULL;
    for (unsigned i = 0; i < supervisor->process_space; i++) {
        struct process *process = &supervisor->processes[i];
        if (process->role == SUCCESSOR) {
            return;
        }
        if (process->role == SERVING && process->is_ready &&
            process->generation != supervisor->generation &&
            find(supervisor, process->place, STOPPING) == NULL) {
            oldest = process;
        }
    }
    if (oldest != NULL) {
        start(supervisor, oldest->place, SUCCESSOR);
    }
}

static void kill_process(const struct process *process)
{
    (void)syscall(SYS_pidfd_send_signal, process->pid_fd, SIGKILL, NULL, 0);
}

/* A newer request to reload ends what an older one has begun, which may hang. A successor that
 * accepts clients is replaced later, as any worker. */
static void kill_successors(struct supervisor *supervisor)
{
    for (unsigned i = 0; i < supervisor->process_space; i++) {
        if (supervisor->processes[i].role == SUCCESSOR &&
            !atomic_exchange(&supervisor->decided[i], true)) {
            kill_process(&supervisor->processes[i]);
        }
    }
}

/* ---- what happens to workers ---- */

static void serve_instead(struct supervisor *supervisor, struct process *successor)
{
    struct process *former = find(supervisor, successor->place, SERVING);
    if (former != NULL) {
        stop(former, REPLACED);
    }
    successor->role = SERVING;
}

/* Reads a byte that the worker has sent. Returns whether there may be more. */
static bool receive(struct supervisor *supervisor, struct process *process)
{
    unsigned char byte = 0;
    const ssize_t size = recv(process->control_fd, &byte, 1, MSG_DONTWAIT);
    if (size != 1) {
        process->has_spoken = size == 0 || errno != EAGAIN;
        return false;
    }
    process->is_ready |= byte == READY;
    process->has_left |= byte == LEFT;
    process->has_answered |= byte == ANSWER;
    if (byte != READY && byte <= STATUS_MAX && !supervisor->has_served) {
        supervisor->status = -(int)byte;
    }
    return true;
}

static void serves_first(struct supervisor *supervisor)
{
    supervisor->has_served = true;
    sx__former_end(supervisor->server);
}

static void greet(struct supervisor *supervisor, struct process *process)
{
    const bool was_ready = process->is_ready;
    (void)receive(supervisor, process);
    if (was_ready || !process->is_ready) {
        return;
    }
    process->has_answered = true;
    if (!supervisor->has_served) {
        serves_first(supervisor);
    }
    if (process->generation != supervisor->done_generation) {
        /* The worker has just read them, so this does not wait for a file system. */
        supervisor->done_generation = process->generation;
        (void)sx__reload_now(supervisor->server, supervisor->server->monitor_fd);
    }
    if (process->role == SUCCESSOR) {
        serve_instead(supervisor, process);
    }
}

static enum sx_worker_event event_of(const struct process *process, int how)
{
    return WIFSIGNALED(how)            ? SX_WORKER_KILLED
           : process->role == STOPPING ? SX_WORKER_STOPPED
                                       : SX_WORKER_EXITED;
}

/* Returns the length. */
static int describe(char *text, size_t size, int how)
{
    return WIFSIGNALED(how) ? snprintf(text, size, "was killed by signal %d (%s)", WTERMSIG(how),
                                       strsignal(WTERMSIG(how)))
                            : snprintf(text, size, "exited with status %d", WEXITSTATUS(how));
}

/* A worker that serves has ended by itself. */
static void mourn(struct supervisor *supervisor, const struct process *process, int how)
{
    const uint64_t now_ns = sx__clock_now_ns();
    struct place *place = &supervisor->places[process->place];
    char text[TEXT_BYTES];
    if (process->is_ready && now_ns - process->since_ns >= SHORT_LIFE_NS) {
        place->failures = 0;
    }
    const unsigned delay_ms = (unsigned)(note_failure(place, now_ns) / MS);
    const int size = describe(text, sizeof text, how);
    if (delay_ms > 0) {
        snprintf(text + size, sizeof text - (size_t)size, "; the next one starts in %u ms",
                 delay_ms);
    }
    log_line(supervisor, SX_LOG_ERROR, process, text);
}

/* Returns what waitpid() would, but does not reap the process. */
static int how_it_ended(pid_t pid)
{
    siginfo_t info = {.si_code = CLD_EXITED};
    if (waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT) < 0) {
        return 0; /* the program ignores SIGCHLD, so the kernel has reaped it */
    }
    return info.si_code == CLD_EXITED ? info.si_status << 8 : info.si_status;
}

static void bury(struct supervisor *supervisor, struct process *process)
{
    while (!process->has_spoken && receive(supervisor, process)) {
    }
    supervisor->has_served |= process->is_ready;
    const int how = how_it_ended(process->pid);
    tell(supervisor, process, event_of(process, how));
    (void)waitpid(process->pid, NULL, 0);
    close(process->control_fd);
    close(process->pid_fd);
    bury_spread_line(supervisor, process);
    const enum role role = process->role;
    if (role == SERVING) {
        mourn(supervisor, process, how);
    } else if (role == SUCCESSOR || WIFSIGNALED(how)) {
        char text[TEXT_BYTES];
        const int size = describe(text, sizeof text, how);
        snprintf(text + size, sizeof text - (size_t)size, " while it %s",
                 role == SUCCESSOR ? "started" : "stopped");
        log_line(supervisor, SX_LOG_ERROR, process, text);
    }
    process->role = NONE;
    if (role == SUCCESSOR) {
        give_up_reload(supervisor, process->generation);
    }
    const bool is_late =
        process->is_killed || (process->is_ready && WIFEXITED(how) && WEXITSTATUS(how) != 0);
    if (supervisor->is_stopping && supervisor->status == 0 && role == STOPPING && is_late) {
        supervisor->status = SX_ETIMEOUT;
    }
}

/* ---- upgrading ---- */

static void try_upgrade(struct supervisor *supervisor, bool passes)
{
    const struct sx__program *program = supervisor->calls->program;
    const int error = sx__upgrade_start(&supervisor->upgrade, supervisor->server, program, passes);
    if (error != 0) {
        sx__server_log(supervisor->server, SX_LOG_ERROR, "cannot start the new program: %s",
                       strerror(error));
    }
}

static void begin_upgrade(struct supervisor *supervisor)
{
    const struct sx__program *program = supervisor->calls->program;
    if (program == NULL) {
        sx__server_log(supervisor->server, SX_LOG_ERROR,
                       "there is no upgrade: it is not known how the program was started");
    } else if (supervisor->upgrade.pid > 0) {
        sx__server_log(supervisor->server, SX_LOG_ERROR,
                       "an upgrade is running already; this request is ignored");
    } else {
        try_upgrade(supervisor, program->passed_count > 0);
    }
}

/* Without what is passed on, it must not serve at the same time as this one. */
static void fail_upgrade(struct supervisor *supervisor, bool passed)
{
    supervisor->is_yielding = false; /* so that workers are started again */
    if (passed) {
        sx__server_log(supervisor->server, SX_LOG_INFO,
                       "the new program is started without what it could not take over");
        try_upgrade(supervisor, false);
        return;
    }
    sx__server_log(supervisor->server, SX_LOG_ERROR,
                   "the upgrade has failed; this program goes on");
}

/* The files of Unix sockets belong to the new program. */
static void succeed(struct supervisor *supervisor, pid_t process)
{
    sx__server_log(supervisor->server, SX_LOG_INFO,
                   "the new program (process %ld) serves; this one stops", (long)process);
    supervisor->is_stopping = true;
    sx__server_tell(supervisor->server, SX__EVENT_UPGRADED, process);
    sx__listeners_forked(supervisor->server);
    sx__listeners_leave(supervisor->server);
    stop_workers(supervisor, REPLACED);
}

static bool accepts(const struct supervisor *supervisor)
{
    bool any = false;
    for (unsigned i = 0; i < supervisor->process_space; i++) {
        any |= supervisor->processes[i].role != NONE && !supervisor->processes[i].has_left;
    }
    return any;
}

static void follow_upgrade(struct supervisor *supervisor)
{
    const pid_t process = supervisor->upgrade.pid;
    const bool passed = supervisor->upgrade.passes;
    if (process <= 0 || supervisor->is_stopping) {
        return;
    }
    switch (sx__upgrade_check(&supervisor->upgrade, supervisor->server)) {
    case SX__UPGRADE_WAITS:
        supervisor->is_yielding = true;
        stop_workers(supervisor, REPLACED);
        break;
    case SX__UPGRADE_SERVES:
        succeed(supervisor, process);
        return;
    case SX__UPGRADE_FAILED:
        fail_upgrade(supervisor, passed);
        return;
    case SX__UPGRADE_NONE:
        break;
    }
    if (supervisor->is_yielding && !accepts(supervisor)) {
        sx__upgrade_let_serve(&supervisor->upgrade);
    }
}

/* ---- the watcher ---- */

static bool do_all_answer(const struct supervisor *supervisor)
{
    bool any = false;
    for (unsigned i = 0; i < supervisor->process_space; i++) {
        const struct process *process = &supervisor->processes[i];
        if (process->role == SERVING && process->is_ready) {
            any = true;
            if (!process->has_answered) {
                return false;
            }
        }
    }
    return any || supervisor->is_stopping || supervisor->is_yielding;
}

/* Tells the watcher whether all workers answer, and asks them again. Returns when to do so next. */
static uint64_t ask_workers(struct supervisor *supervisor, uint64_t now_ns)
{
    const struct sx__watcher *watcher = supervisor->server->watcher;
    if (watcher == NULL || watcher->answer_ns == 0) {
        return UINT64_MAX;
    }
    if (now_ns - supervisor->asked_ns < watcher->answer_ns) {
        return supervisor->asked_ns + watcher->answer_ns;
    }
    supervisor->asked_ns = now_ns;
    if (do_all_answer(supervisor)) {
        sx__server_tell(supervisor->server, SX__EVENT_ANSWERS, 0);
    }
    for (unsigned i = 0; i < supervisor->process_space; i++) {
        struct process *process = &supervisor->processes[i];
        if (process->role == SERVING && process->is_ready) {
            process->has_answered = false;
            say(process->control_fd, ASKED);
        }
    }
    return now_ns + watcher->answer_ns;
}

/* Whether no worker is left that was to be replaced. */
static void check_reload(struct supervisor *supervisor)
{
    bool goes_on = false;
    for (unsigned i = 0; i < supervisor->process_space; i++) {
        const struct process *process = &supervisor->processes[i];
        goes_on |= process->role == SUCCESSOR ||
                   (process->role == SERVING && process->generation != supervisor->generation &&
                    !supervisor->is_stopping);
    }
    if (supervisor->is_reloading && !goes_on) {
        supervisor->is_reloading = false;
        if (!supervisor->is_stopping) {
            sx__server_tell(supervisor->server, SX__EVENT_RELOADED, 0);
        }
    }
}

/* ---- the loop ---- */

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* Does what is due. Returns when something else will be. */
static uint64_t act(struct supervisor *supervisor)
{
    const uint64_t now_ns = sx__clock_now_ns();
    const uint64_t patience = patience_ns(supervisor->server);
    const bool starts = !supervisor->is_stopping && !supervisor->is_yielding;
    uint64_t next_ns = ask_workers(supervisor, now_ns);
    if (supervisor->upgrade.pid > 0) {
        next_ns = earlier(next_ns, sx__upgrade_get_end_ns(&supervisor->upgrade));
    }
    for (unsigned i = 0; i < supervisor->count && starts; i++) {
        if (find(supervisor, i, SERVING) != NULL || is_full(supervisor, i)) {
            continue;
        }
        if (supervisor->places[i].restart_ns <= now_ns) {
            start(supervisor, i, SERVING);
        }
        if (supervisor->places[i].restart_ns > now_ns) {
            next_ns = earlier(next_ns, supervisor->places[i].restart_ns);
        }
    }
    if (starts) {
        replace_next(supervisor);
    }
    check_reload(supervisor);
    for (unsigned i = 0; i < supervisor->process_space; i++) {
        struct process *process = &supervisor->processes[i];
        if (process->role != STOPPING) {
            continue;
        }
        if (now_ns - process->since_ns >= patience) {
            kill_process(process);
            process->is_killed = true;
        } else {
            next_ns = earlier(next_ns, process->since_ns + patience);
        }
    }
    return next_ns;
}

static int wait_ms(uint64_t next_ns)
{
    const uint64_t now_ns = sx__clock_now_ns();
    if (next_ns == UINT64_MAX) {
        return -1;
    }
    const uint64_t ms = next_ns <= now_ns ? 0 : (next_ns - now_ns) / MS + 1;
    return ms < WAIT_MAX_MS ? (int)ms : WAIT_MAX_MS;
}

/* Waits for an event of a worker, or for sx__server_stop or sx__server_reload. Returns whether
 * there are events. */
static bool await(struct supervisor *supervisor, uint64_t next_ns)
{
    struct pollfd *polls = supervisor->polls;
    nfds_t count = 0;
    const bool upgrades = supervisor->upgrade.pid > 0;
    polls[count++] = (struct pollfd){.fd = supervisor->server->monitor_fd, .events = POLLIN};
    if (upgrades) {
        polls[count++] = (struct pollfd){.fd = supervisor->upgrade.fd, .events = POLLIN};
        polls[count++] = (struct pollfd){.fd = supervisor->upgrade.pid_fd, .events = POLLIN};
    }
    for (unsigned i = 0; i < supervisor->process_space; i++) {
        struct process *process = &supervisor->processes[i];
        if (process->role != NONE) {
            process->poll_index = count;
            polls[count++] = (struct pollfd){.fd = process->pid_fd, .events = POLLIN};
        }
        if (process->role != NONE && !process->has_spoken) {
            polls[count++] = (struct pollfd){.fd = process->control_fd, .events = POLLIN};
        }
    }
    const int ready = poll(polls, count, wait_ms(next_ns));
    if (ready < 0 && errno != EINTR) { /* more workers than the process may have descriptors */
        sx__server_log(supervisor->server, SX_LOG_ERROR, "cannot watch the workers: %s",
                       strerror(errno));
        (void)poll(NULL, 0, WAIT_MIN_MS);
    }
    if (ready <= 0) {
        return false;
    }
    if (polls[0].revents != 0) {
        uint64_t wakeups;
        (void)!read(supervisor->server->monitor_fd, &wakeups, sizeof wakeups);
    }
    return true;
}

static void handle_events(struct supervisor *supervisor)
{
    const struct pollfd *polls = supervisor->polls;
    for (unsigned i = 0; i < supervisor->process_space; i++) {
        struct process *process = &supervisor->processes[i];
        if (process->role == NONE) {
            continue;
        }
        if (polls[process->poll_index].revents != 0) {
            bury(supervisor, process);
        } else if (!process->has_spoken && polls[process->poll_index + 1].revents != 0) {
            greet(supervisor, process);
        }
    }
}

static bool has_workers(const struct supervisor *supervisor)
{
    bool has = false;
    for (unsigned i = 0; i < supervisor->process_space; i++) {
        has |= supervisor->processes[i].role != NONE;
    }
    return has;
}

static void take_requests(struct supervisor *supervisor)
{
    struct sx__server *server = supervisor->server;
    if ((atomic_load(&server->is_stop_requested) || supervisor->status < 0) &&
        !supervisor->is_stopping) {
        stop_all(supervisor);
    }
    if (atomic_exchange(&server->is_reload_requested, false) && !supervisor->is_stopping) {
        sx__server_tell(server, SX__EVENT_RELOADS, 0);
        supervisor->is_reloading = true;
        supervisor->generation++;
        kill_successors(supervisor);
    }
    if (atomic_exchange(&server->is_upgrade_requested, false) && !supervisor->is_stopping) {
        begin_upgrade(supervisor);
    }
}

/* Requests come before events: Ctrl-C ends the workers, too, and they were then told to. */
static void supervise(struct supervisor *supervisor)
{
    do {
        const uint64_t next_ns = act(supervisor);
        const bool has_events = await(supervisor, next_ns);
        take_requests(supervisor);
        if (has_events) {
            handle_events(supervisor);
            take_requests(supervisor); /* a worker may have said that it cannot start */
        }
        follow_upgrade(supervisor);
    } while (!supervisor->is_stopping || has_workers(supervisor));
}

int sx__prefork_run(struct sx__server *server, unsigned count,
                    const struct sx__prefork_calls *calls)
{
    const unsigned space = count * PROCESSES_PER_PLACE;
    struct supervisor supervisor = {
        .server = server,
        .calls = calls,
        .count = count,
        .process_space = space,
        .places = calloc(count, sizeof *supervisor.places),
        .processes = calloc(space, sizeof *supervisor.processes),
        .polls = calloc(3 + 2 * (size_t)space, sizeof *supervisor.polls),
        .spread = sx__spread_new(space),
        .decided = mmap(NULL, space * sizeof *supervisor.decided, PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS, -1, 0),
    };
    int status = SX_ENOMEM;
    if (supervisor.places != NULL && supervisor.processes != NULL && supervisor.polls != NULL &&
        supervisor.spread != NULL && supervisor.decided != MAP_FAILED) {
        sx__former_wait(server);
        if (!atomic_load(&server->is_stop_requested)) {
            supervise(&supervisor);
        }
        status = supervisor.status;
    }
    free(supervisor.places);
    free(supervisor.processes);
    free(supervisor.polls);
    sx__spread_destroy(supervisor.spread);
    if (supervisor.decided != MAP_FAILED) {
        (void)munmap((void *)supervisor.decided, space * sizeof *supervisor.decided);
    }
    return status;
}
