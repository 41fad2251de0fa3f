/* A receiver. */
#include "native.h"

static int receive(void *peer, pf_message *message) { return pf_receiver_receive(peer, message, 0); }
static void release(void *peer, pf_message *message) { pf_receiver_release(peer, message); }
static int fd(const void *peer) { return pf_receiver_fd(peer); }
static bool peek(const void *peer) { return pf_receiver_peek(peer); }
static void hang_up(void *peer) { pf_receiver_hang_up(peer); }
static void close_receiver(void *peer) { pf_receiver_close(peer); }

static int arm(void *peer, unsigned changes) {
  (void)changes;
  return pf_receiver_arm(peer);
}

static const struct kind kind = {
  .receive = receive, .release = release, .arm = arm, .peek = peek, .fd = fd, .hang_up = hang_up, .close = close_receiver
};

static PyObject *receiver_open(End *self, PyObject *arguments) {
  const char *endpoint;
  PyObject *seconds, *stop;
  pf_receiver_options options = {.stop = stop_searching};
  if (!PyArg_ParseTuple(arguments, "siIOO", &endpoint, &options.policy, &options.depth, &seconds, &stop)) return NULL;
  if (!read_timeout(seconds, &options.timeout)) return NULL;
  if (self->peer != NULL) return raise_named("InvalidArgument", "it was opened before");
  options.stop_with = stop;
  pf_receiver *receiver = NULL;
  int result;
  Py_BEGIN_ALLOW_THREADS
  result = pf_receiver_open(&receiver, endpoint, &options);
  Py_END_ALLOW_THREADS
  if (PyErr_Occurred()) {
    pf_receiver_close(receiver);
    return NULL;
  }
  if (result != PF_OK) return raise_result(result);
  if (!start_end(self, &kind, receiver)) return NULL;
  Py_RETURN_NONE;
}

static PyObject *receiver_dropped(End *self, void *nothing) {
  (void)nothing;
  if (self->peer == NULL) return PyLong_FromLong(0);
  return PyLong_FromUnsignedLong(pf_receiver_dropped(self->peer));
}

static PyMethodDef receiver_methods[] = {
  {"_open", (PyCFunction)receiver_open, METH_VARARGS, "Connects: endpoint, policy, depth, seconds, stop."},
  {"_take", (PyCFunction)end_take, METH_NOARGS, "The next message; None if none is here, END if none will come."},
  {0}
};

static PyGetSetDef receiver_getters[] = {
  {"dropped", (getter)receiver_dropped, NULL, "How many messages were dropped for this receiver, modulo 2^32.", NULL},
  {0}
};

PyTypeObject ReceiverType = {
  PyVarObject_HEAD_INIT(NULL, 0)
  .tp_name = "pageferry._native.Receiver",
  .tp_basicsize = sizeof(End),
  .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE,
  .tp_base = &EndType,
  .tp_methods = receiver_methods,
  .tp_getset = receiver_getters,
  .tp_iter = new_iterator
};
