/* The messages of a receiver or a channel, one after the other. */
#include "native.h"

typedef struct {
  PyObject_HEAD
  End *end;
  Message *last; /* Released when the next one is asked for. */
} Iterator;

PyObject *new_iterator(PyObject *end) {
  Iterator *self = PyObject_New(Iterator, &IteratorType);
  if (self == NULL) return NULL;
  self->end = (End *)Py_NewRef(end);
  self->last = NULL;
  return (PyObject *)self;
}

/* Whoever leaves the loop has the last message. */
static void iterator_dealloc(Iterator *self) {
  Py_XDECREF(self->last);
  Py_DECREF(self->end);
  PyObject_Free(self);
}

static PyObject *iterator_next(Iterator *self) {
  if (self->last != NULL) release_message(self->last);
  Py_CLEAR(self->last);
  /* What a channel takes off its queue may be an answer that a thread waits for: `receive` tells it. */
  const bool is_receiver = PyObject_TypeCheck((PyObject *)self->end, &ReceiverType);
  if (is_receiver && is_usable(self->end)) (void)spin(self->end);
  if (PyErr_Occurred()) return NULL;
  PyObject *next = is_receiver ? end_take(self->end, NULL) : Py_NewRef(Py_None);
  if (next == Py_None) {
    Py_DECREF(next);
    next = PyObject_CallMethod((PyObject *)self->end, "receive", NULL);
  }
  if (next == NULL) return NULL;
  if (next == Py_None || next == end_of_messages) {
    Py_DECREF(next);
    return NULL;
  }
  if (PyObject_TypeCheck(next, &MessageType)) self->last = (Message *)Py_NewRef(next);
  return next;
}

PyTypeObject IteratorType = {
  PyVarObject_HEAD_INIT(NULL, 0)
  .tp_name = "pageferry._native.Iterator",
  .tp_basicsize = sizeof(Iterator),
  .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION,
  .tp_dealloc = (destructor)iterator_dealloc,
  .tp_iter = PyObject_SelfIter,
  .tp_iternext = (iternextfunc)iterator_next
};
