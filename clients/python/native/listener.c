/* A listener: where channels are connected to. */
#include "native.h"

/* It has no memory that is viewed: after the end there is nothing left of it. */
struct box {
  pf_listener *listener;
};

static int fd(const void *peer) { return pf_listener_fd(((const struct box *)peer)->listener); }

static int arm(void *peer, unsigned changes) {
  (void)peer;
  (void)changes;
  return PF_AGAIN; /* The descriptor stays readable as long as somebody waits. */
}

static bool peek(const void *peer) {
  (void)peer;
  return false;
}

static void hang_up(void *peer) {
  struct box *box = peer;
  pf_listener_close(box->listener);
  box->listener = NULL;
}

static void close_listener(void *peer) {
  hang_up(peer);
  PyMem_Free(peer);
}

static const struct kind kind = {.arm = arm, .peek = peek, .fd = fd, .hang_up = hang_up, .close = close_listener};

static PyObject *listener_open(End *self, PyObject *arguments) {
  const char *endpoint;
  Py_ssize_t pool_bytes;
  if (!PyArg_ParseTuple(arguments, "sn", &endpoint, &pool_bytes)) return NULL;
  if (self->peer != NULL) return raise_named("InvalidArgument", "it was opened before");
  struct box *box = PyMem_Malloc(sizeof *box);
  if (box == NULL) return PyErr_NoMemory();
  const pf_channel_options options = {.pool_bytes = (size_t)pool_bytes};
  const int result = pf_listener_open(&box->listener, endpoint, &options);
  if (result != PF_OK) {
    PyMem_Free(box);
    return raise_result(result);
  }
  if (!start_end(self, &kind, box)) return NULL;
  Py_RETURN_NONE;
}

static PyObject *listener_accept(End *self, PyObject *object) {
  if (!PyObject_TypeCheck(object, &ChannelType)) return raise_named("InvalidArgument", "only a channel is accepted");
  if (!is_usable(self)) return NULL;
  End *end = (End *)object;
  if (end->peer != NULL) return raise_named("InvalidArgument", "it was opened before");
  pf_channel *channel = NULL;
  const int result = pf_listener_accept(((struct box *)self->peer)->listener, &channel, 0);
  if (result == PF_END) return Py_NewRef(end_of_messages);
  if (result == PF_AGAIN) Py_RETURN_NONE;
  if (result != PF_OK) return raise_result(result);
  if (!start_end(end, &channel_kind, channel)) return NULL;
  Py_RETURN_TRUE;
}

static PyMethodDef listener_methods[] = {
  {"_open", (PyCFunction)listener_open, METH_VARARGS, "Listens: endpoint, bytes of each channel's pool."},
  {"_accept", (PyCFunction)listener_accept, METH_O, "Opens a channel with the next one; None if nobody is here, END."},
  {0}
};

PyTypeObject ListenerType = {
  PyVarObject_HEAD_INIT(NULL, 0)
  .tp_name = "pageferry._native.Listener",
  .tp_basicsize = sizeof(End),
  .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE,
  .tp_base = &EndType,
  .tp_methods = listener_methods
};
