// The protocol by hand, without the client: what peers that break it are made of.
#ifndef RAW_H
#define RAW_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef _Atomic(uint32_t) word;

enum { CONTROL_WORDS = 1024 + 1024 * 12, RING_WORDS = 1024 + 1024 * 8, POOL = 1 << 20 };
enum { AT_PUBLISHED = 32, AT_FINISHED = 34, AT_PASSED = 35, AT_CUT_OFF = 36, AT_RETURNED = 64, AT_CURSOR = 65, AT_TAKEN = 66 };
enum { ENTRIES = 1024, RETURNS = 1024 + 1024 * 8 };

// Ends the program if that is not so.
void check(bool is_so, const char *what);
// A memfd of so many bytes, mapped if `memory` is not NULL, with these seals of fcntl(2).
int make_memory(size_t bytes, int seals, void **memory);
// SHRINK, GROW and SEAL.
int size_seals(void);
int make_bell(void);
int listen_at(const char *path);
int connect_to(const char *path);
// A record of the handshake: kind 1 hello, 2 welcome.
size_t make_record(uint8_t *record, uint16_t kind, const char *mechanism, const uint32_t *words, size_t count);
// Whether the record was sent.
bool send_raw(int socket, const void *bytes, size_t length, const int *fds, size_t count);
// As recv(2), without waiting; what comes with it is in `fds`, which has room for 16, and counted.
long receive_raw(int socket, void *bytes, size_t room, int *fds, size_t *count);
void close_all(const int *fds, size_t count);
int open_descriptors(void);
// The header of a part of control memory.
void write_header(word *words);
// The next of a sequence of numbers that a seed begins.
uint32_t next_random(uint64_t *state);

#endif
