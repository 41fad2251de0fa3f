// How fast a payload can leave its receiver: out of a pipe into a file or a socket.
//
//   destination_limit splice|read-write to-file|to-o-direct|to-tcp|to-unix BYTES MILLISECONDS FOLDER
//
// A parent vmsplices messages into a pipe of 1 MiB; a child moves them on, by splice(2) or by
// read(2) and write(2); another child drains the socket. Prints one JSON object.
#include "common.h"

#include <arpa/inet.h>
#include <sys/socket.h>

enum { PIECE = 1 << 18, FILE_BYTES = 1 << 25 };

// Both ends of a connection over loopback.
static void tcp_pair(int ends[2]) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
  socklen_t length = sizeof address;
  int listener = socket(AF_INET, SOCK_STREAM, 0);
  if (bind(listener, (struct sockaddr *)&address, length) < 0 || listen(listener, 1) < 0) fail("listen");
  getsockname(listener, (struct sockaddr *)&address, &length);
  ends[0] = socket(AF_INET, SOCK_STREAM, 0);
  if (connect(ends[0], (struct sockaddr *)&address, length) < 0) fail("connect");
  ends[1] = accept(listener, NULL, NULL);
  if (ends[1] < 0) fail("accept");
  close(listener);
}

// Opens the destination; a socket's other end is drained by a child.
static int open_destination(const char *kind, const char *folder) {
  if (strcmp(kind, "to-file") == 0 || strcmp(kind, "to-o-direct") == 0) {
    char path[4096];
    snprintf(path, sizeof path, "%s/limit-XXXXXX", folder);
    int fd = mkostemp(path, strcmp(kind, "to-o-direct") == 0 ? O_DIRECT : 0);
    if (fd < 0) fail("mkostemp");
    unlink(path);
    return fd;
  }
  int ends[2];
  if (strcmp(kind, "to-tcp") == 0) tcp_pair(ends);
  else if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) < 0) fail("socketpair");
  if (start_child() == 0) {
    close(ends[0]);
    char *memory = message_memory(PIECE);
    while (read(ends[1], memory, PIECE) > 0) {
    }
    _exit(0);
  }
  close(ends[1]);
  return ends[0];
}

// Fills a piece as far as the pipe has bytes: direct I/O wants whole blocks.
static size_t read_piece(int pipe, char *memory) {
  size_t got = 0;
  while (got < PIECE) {
    ssize_t count = read(pipe, memory + got, PIECE - got);
    if (count < 0) fail("read");
    if (count == 0) break;
    got += (size_t)count;
  }
  return got;
}

static void move_all(int pipe, int destination, int by_splice, int is_file) {
  char *memory = message_memory(PIECE);
  for (size_t moved = 0;;) {
    ssize_t count = by_splice ? splice(pipe, NULL, destination, NULL, PIECE, 0) : (ssize_t)read_piece(pipe, memory);
    if (count < 0) fail("splice");
    if (count == 0) return;
    for (ssize_t written = 0; !by_splice && written < count;) {
      ssize_t part = write(destination, memory + written, (size_t)(count - written));
      if (part < 0) fail("write");
      written += part;
    }
    moved += (size_t)count;
    // A file is written over and over within a length: it shall not grow, nor fill the disk.
    if (is_file && moved % FILE_BYTES == 0) lseek(destination, 0, SEEK_SET);
  }
}

static unsigned long send_for(int pipe, size_t bytes, long long end) {
  size_t buffers = PIPE_BYTES / bytes + 2;
  char *memory = message_memory(bytes * buffers);
  unsigned long message = 0;
  // Whole pieces, so that the last one is as long as direct I/O wants it.
  for (; now() < end || message * bytes % PIECE != 0; message++) {
    vmsplice_message(pipe, memory + message % buffers * bytes, bytes, bytes);
  }
  return message;
}

int main(int argc, char **argv) {
  size_t bytes = argc == 6 ? strtoull(argv[3], NULL, 10) : 0;
  if (bytes == 0) return 2;
  int is_file = strstr(argv[2], "tcp") == NULL && strstr(argv[2], "unix") == NULL;
  int ends[2];
  // First, because whoever drains it must not hold an end of the pipe.
  int destination = open_destination(argv[2], argv[5]);
  create_pipe(ends);
  pid_t mover = start_child();
  if (mover == 0) {
    close(ends[1]);
    move_all(ends[0], destination, strcmp(argv[1], "splice") == 0, is_file);
    _exit(0);
  }
  close(ends[0]);
  close(destination);
  long long start = now();
  unsigned long messages = send_for(ends[1], bytes, start + atoll(argv[4]) * 1000000);
  close(ends[1]);
  int status;
  waitpid(mover, &status, 0);
  long long took = now() - start;
  if ((status | wait_for_children()) != 0) return 1;
  printf("{\"messages\":%lu,\"nanoseconds\":%lld", messages, took);
  print_usage();
  return 0;
}
