// Round trips over a channel, each side asleep while it waits.
//
//   round-trips ask ENDPOINT COUNT BYTES   asks the listener there, and prints the microseconds that a round trip takes
//   round-trips serve ENDPOINT             listens, and answers one program that asks
#define _GNU_SOURCE
#include <pageferry.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec * 1e6 + (double)time.tv_nsec / 1e3;
}

static int failed(int result) {
  fprintf(stderr, "round-trips: %s\n", pf_text(result));
  return 1;
}

static int ask_once(pf_channel *channel, size_t length) {
  pf_loan loan;
  pf_message answer;
  int result = pf_channel_lend(channel, length, &loan, -1);
  if (result != PF_OK) return result;
  if (length > 0) memset(loan.data, 1, 1);
  result = pf_channel_request(channel, &loan, &answer, -1);
  pf_channel_release(channel, &answer);
  return result;
}

/* It sleeps at once. */
static const pf_channel_options asleep = {.timeout = -1, .poll_microseconds = -1};

static int ask(const char *endpoint, int count, size_t length) {
  pf_channel *channel;
  int result = pf_channel_connect(&channel, endpoint, &asleep);
  for (int warm_up = 0; result == PF_OK && warm_up < count / 5; warm_up++) result = ask_once(channel, length);
  const double begin = now();
  for (int asked = 0; result == PF_OK && asked < count; asked++) result = ask_once(channel, length);
  const double end = now();
  if (result != PF_OK) return failed(result);
  printf("%.3f\n", (end - begin) / count);
  pf_channel_close(channel);
  return 0;
}

static int serve(const char *endpoint) {
  pf_listener *listener;
  pf_channel *channel = NULL;
  pf_message question;
  int result = pf_listener_open(&listener, endpoint, &asleep);
  if (result == PF_OK) result = pf_listener_accept(listener, &channel, -1);
  while (result == PF_OK && (result = pf_channel_receive(channel, &question, -1)) == PF_OK) {
    pf_loan loan;
    result = pf_channel_lend(channel, question.length, &loan, -1);
    if (result != PF_OK) break;
    if (question.length > 0) memcpy(loan.data, question.data, 1);
    result = pf_channel_respond(channel, &question, &loan, -1);
    pf_channel_release(channel, &question);
  }
  pf_channel_close(channel);
  pf_listener_close(listener);
  return result == PF_END ? 0 : failed(result);
}

int main(int count, char **arguments) {
  if (count == 5 && strcmp(arguments[1], "ask") == 0) {
    return ask(arguments[2], atoi(arguments[3]), (size_t)atoi(arguments[4]));
  }
  if (count == 3 && strcmp(arguments[1], "serve") == 0) return serve(arguments[2]);
  fputs("usage: round-trips ask ENDPOINT COUNT BYTES | serve ENDPOINT\n", stderr);
  return 2;
}
