/* stays_loaded.c: linked into the shared library only; see thread_exit.c. */
extern const char sx__stays_loaded __attribute__((visibility("hidden")));
const char sx__stays_loaded = 1;
