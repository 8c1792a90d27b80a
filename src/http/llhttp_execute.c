/* llhttp_execute.c: which of the two builds of llhttp does the work; see cmake/llhttp.cmake. */
#include <llhttp.h>

#ifdef SX_LLHTTP_SSE42

/* llhttp__internal_execute, as it is called where llhttp.c is compiled with SSE4.2. */
int sx__sse42_llhttp__internal_execute(llhttp__internal_t *state, const char *begin,
                                       const char *end);

/* What llhttp_execute calls. */
int sx__llhttp_execute(llhttp__internal_t *state, const char *begin, const char *end);

int sx__llhttp_execute(llhttp__internal_t *state, const char *begin, const char *end)
{
    return __builtin_cpu_supports("sse4.2") ? sx__sse42_llhttp__internal_execute(state, begin, end)
                                            : llhttp__internal_execute(state, begin, end);
}

#else

typedef int sx_one_build;

#endif
