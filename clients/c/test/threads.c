// Threads that each use a peer of their own, at once and in one process: what ThreadSanitizer is to look at.
//
//   threads FOLDER
//
// A sender with a receiver of each policy, and a listener with channels that ask. Prints what each has seen.
#include "../pageferry.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

enum { MESSAGES = 2000, QUESTIONS = 500, ASKERS = 3 };

static char frames[80], questions[80];

static const void *broken(const char *what, int result) {
  fprintf(stderr, "%s: %s\n", what, pf_text(result));
  return what;
}

// Whether each byte is what the sender of number `tag` has filled it with.
static bool is_whole(const pf_message *message) {
  const uint8_t *bytes = (const uint8_t *)message->data;
  for (size_t index = 0; index < message->length; index++)
    if (bytes[index] != (uint8_t)message->tag) return false;
  return true;
}

static void *send_frames(void *nothing) {
  (void)nothing;
  pf_sender *sender;
  pf_loan loan;
  int result = pf_sender_open(&sender, frames, NULL);
  if (result == PF_OK) result = pf_sender_await_receivers(sender, 3, -1);
  for (uint32_t number = 0; result == PF_OK && number < MESSAGES; number++) {
    result = pf_sender_lend(sender, number % 5000, &loan, -1);
    if (result != PF_OK) break;
    memset(loan.data, (uint8_t)number, loan.length);
    loan.tag = number;
    result = pf_sender_send(sender, &loan, -1);
  }
  if (result == PF_OK) result = pf_sender_flush(sender, -1);
  pf_sender_close(sender);
  return (void *)(result == PF_OK ? NULL : broken("sender", result));
}

static void *receive_frames(void *with) {
  const pf_receiver_options options = {.policy = *(enum pf_policy *)with, .timeout = -1};
  pf_receiver *receiver;
  pf_message message;
  uint32_t count = 0;
  int result = pf_receiver_open(&receiver, frames, &options);
  while (result == PF_OK && (result = pf_receiver_receive(receiver, &message, -1)) == PF_OK) {
    if (!is_whole(&message)) return (void *)broken("a message", PF_E_MISBEHAVED);
    count++;
    pf_receiver_release(receiver, &message);
  }
  if (result == PF_END) count += pf_receiver_dropped(receiver);
  pf_receiver_close(receiver);
  if (result != PF_END) return (void *)broken("receiver", result);
  return (void *)(count == MESSAGES ? NULL : broken("messages are missing", result));
}

static void *serve(void *with) {
  pf_channel *channel = (pf_channel *)with;
  pf_message question;
  int result;
  while ((result = pf_channel_receive(channel, &question, -1)) == PF_OK) {
    pf_loan answer;
    result = pf_channel_lend(channel, question.length, &answer, -1);
    if (result != PF_OK) break;
    if (question.length > 0) memcpy(answer.data, question.data, question.length);
    answer.tag = question.tag;
    result = pf_channel_respond(channel, &question, &answer, -1);
    pf_channel_release(channel, &question);
    if (result != PF_OK) break;
  }
  pf_channel_close(channel);
  return (void *)(result == PF_END ? NULL : broken("a server", result));
}

static void *listen_for_questions(void *nothing) {
  (void)nothing;
  pf_listener *listener;
  pthread_t servers[ASKERS];
  const void *failed = NULL;
  int result = pf_listener_open(&listener, questions, NULL);
  for (int index = 0; result == PF_OK && index < ASKERS; index++) {
    pf_channel *channel;
    result = pf_listener_accept(listener, &channel, -1);
    if (result == PF_OK) pthread_create(&servers[index], NULL, serve, channel);
  }
  // What was accepted outlives the listener.
  pf_listener_close(listener);
  if (result != PF_OK) return (void *)broken("listener", result);
  for (int index = 0; index < ASKERS; index++) {
    void *said;
    pthread_join(servers[index], &said);
    if (said != NULL) failed = said;
  }
  return (void *)failed;
}

static void *ask(void *nothing) {
  (void)nothing;
  pf_channel *channel;
  pf_loan loan;
  pf_message answer;
  int result = pf_channel_connect(&channel, questions, NULL);
  for (uint32_t number = 0; result == PF_OK && number < QUESTIONS; number++) {
    result = pf_channel_lend(channel, number * 7, &loan, -1);
    if (result != PF_OK) break;
    memset(loan.data, (uint8_t)number, loan.length);
    loan.tag = number;
    result = pf_channel_request(channel, &loan, &answer, -1);
    if (result == PF_OK && (answer.length != number * 7 || !is_whole(&answer))) result = PF_E_MISBEHAVED;
    pf_channel_release(channel, &answer);
  }
  pf_channel_close(channel);
  return (void *)(result == PF_OK ? NULL : broken("asker", result));
}

int main(int count, char **arguments) {
  static enum pf_policy policies[] = {PF_WAIT, PF_DROP_NEWEST, PF_DROP_OLDEST};
  enum { THREADS = 5 + ASKERS };
  pthread_t threads[THREADS];
  unsigned started = 0;
  bool has_failed = false;
  if (count != 2) return fprintf(stderr, "usage: threads FOLDER\n"), 2;
  snprintf(frames, sizeof frames, "%s/frames", arguments[1]);
  snprintf(questions, sizeof questions, "%s/questions", arguments[1]);
  pthread_create(&threads[started++], NULL, send_frames, NULL);
  for (unsigned index = 0; index < 3; index++) pthread_create(&threads[started++], NULL, receive_frames, &policies[index]);
  pthread_create(&threads[started++], NULL, listen_for_questions, NULL);
  while (started < THREADS) pthread_create(&threads[started++], NULL, ask, NULL);
  for (unsigned index = 0; index < started; index++) {
    void *said;
    pthread_join(threads[index], &said);
    if (said != NULL) has_failed = true;
  }
  puts(has_failed ? "failed" : "done");
  return has_failed ? 1 : 0;
}
