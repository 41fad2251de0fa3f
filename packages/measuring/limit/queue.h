// A queue of one producer and one consumer in shared memory.
//
// Both indices only grow, and wrap around; each is written by one side and lies on cache lines of its
// own: 128 bytes, as processors fetch lines in pairs. Either side keeps a copy of the other's index,
// and looks at the real one only when the copy says that there is nothing to do.
#pragma once

#include <stdalign.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

enum { QUEUE_ENTRIES = 4096, CACHE_LINES = 128 };

struct entry {
  uint32_t slot;
  uint32_t length;
};

struct queue {
  alignas(CACHE_LINES) _Atomic uint32_t tail;  // What was pushed; the producer's.
  alignas(CACHE_LINES) _Atomic uint32_t head;  // What was popped; the consumer's.
  alignas(CACHE_LINES) _Atomic uint32_t parked;  // Set by a consumer that goes to sleep.
  alignas(CACHE_LINES) struct entry entries[QUEUE_ENTRIES];
};

struct producer {
  struct queue *queue;
  bool consumer_may_sleep;
  uint32_t tail;
  uint32_t known_head;
};

struct consumer {
  struct queue *queue;
  uint32_t head;
  uint32_t known_tail;
};

static inline bool push(struct producer *self, struct entry entry) {
  struct queue *queue = self->queue;
  if (self->tail - self->known_head == QUEUE_ENTRIES) {
    self->known_head = atomic_load_explicit(&queue->head, memory_order_acquire);
    if (self->tail - self->known_head == QUEUE_ENTRIES) return false;
  }
  queue->entries[self->tail % QUEUE_ENTRIES] = entry;
  if (!self->consumer_may_sleep) {
    atomic_store_explicit(&queue->tail, ++self->tail, memory_order_release);
    return true;
  }
  // A consumer that goes to sleep sets `parked` and then looks at `tail` once more. So that one of the
  // two sees the other, both sides store before they load: that takes a fence.
  atomic_store(&queue->tail, ++self->tail);
  if (atomic_load(&queue->parked)) abort();  // Whoever polls never sets it.
  return true;
}

static inline bool pop(struct consumer *self, struct entry *entry) {
  struct queue *queue = self->queue;
  if (self->head == self->known_tail) {
    self->known_tail = atomic_load_explicit(&queue->tail, memory_order_acquire);
    if (self->head == self->known_tail) return false;
  }
  *entry = queue->entries[self->head % QUEUE_ENTRIES];
  atomic_store_explicit(&queue->head, ++self->head, memory_order_release);
  return true;
}
