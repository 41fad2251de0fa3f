/*
 * A program for musl's loader that is nothing but an entry: it opens an addon, with every symbol bound at once, and
 * looks for what Node calls. Where there is no Node for musl, that is what can be tried.
 *
 * Its functions of Node-API and libuv, which the addon takes from the program, are made by try-prebuilds.mjs.
 */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>

#include "node-functions.h"

#if defined(__x86_64__)
__attribute__((force_align_arg_pointer))
#endif
void probe(void) {
  void* addon = dlopen(getenv("PAGEFERRY_LINUX_NAPI_ADDON"), RTLD_NOW);
  if (addon == NULL) {
    printf("%s\n", dlerror());
    exit(1);
  }
  int (*version)(void) = (int (*)(void))dlsym(addon, "node_api_module_get_api_version_v1");
  if (version == NULL || version() != 8 || dlsym(addon, "napi_register_module_v1") == NULL) {
    printf("it is not for Node-API 8\n");
    exit(1);
  }
  exit(0);
}
