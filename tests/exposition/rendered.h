/* rendered.h: a registry and a page that it is rendered to, new for each test. */
#ifndef TEST_EXPOSITION_RENDERED_H
#define TEST_EXPOSITION_RENDERED_H

#include <sextant/exposition.h>

extern struct sx_registry *registry;
extern struct sx_page page;

int set_up(void **state);
int tear_down(void **state);

#endif
