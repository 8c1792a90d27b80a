/* llhttp_execute.c: chooses one of the two builds of llhttp, with SSE4.2 or without; see
 * cmake/llhttp.cmake. */
#include <llhttp.h>

#ifdef SX_LLHTTP_SSE42

/* The name of llhttp__internal_execute in the build with SSE4.2. */
int sx__sse42_llhttp__internal_execute(llhttp__internal_t *state, const char *begin,
                                       const char *end);

/* Called by llhttp_execute. */
int sx__llhttp_execute(llhttp__internal_t *state, const char *begin, const char *end);

int sx__llhttp_execute(llhttp__internal_t *state, const char *begin, const char *end)
{
    return __builtin_cpu_supports("sse4.2") ? sx__sse42_llhttp__internal_execute(state, begin, end)
                                            : llhttp__internal_execute(state, begin, end);
}

#else

typedef int sx_one_build;

#endif
