/* A plugin with thread-local data at a fixed address. */
__thread char fixed[BYTES] __attribute__((tls_model("initial-exec")));

char *get_fixed(void);
char *get_fixed(void)
{
    return fixed;
}
