/* A sender, and its receivers. */
#include "native.h"

static void unlend(void *peer, pf_loan *loan) { pf_sender_unlend(peer, loan); }
static int fd(const void *peer) { return pf_sender_fd(peer); }
static void hang_up(void *peer) { pf_sender_hang_up(peer); }
static void close_sender(void *peer) { pf_sender_close(peer); }

static int arm(void *peer, unsigned changes) {
  (void)changes;
  return pf_sender_arm(peer);
}

static bool peek(const void *peer) {
  (void)peer;
  return false;
}

static const struct kind kind = {
  .unlend = unlend, .arm = arm, .peek = peek, .fd = fd, .hang_up = hang_up, .close = close_sender
};

static PyObject *sender_open(End *self, PyObject *arguments) {
  const char *endpoint;
  Py_ssize_t pool_bytes;
  pf_sender_options options = {0};
  if (!PyArg_ParseTuple(arguments, "snII", &endpoint, &pool_bytes, &options.history, &options.most_receivers)) return NULL;
  if (self->peer != NULL) return raise_named("InvalidArgument", "it was opened before");
  options.pool_bytes = (size_t)pool_bytes;
  pf_sender *sender = NULL;
  const int result = pf_sender_open(&sender, endpoint, &options);
  if (result != PF_OK) return raise_result(result);
  if (!start_end(self, &kind, sender)) return NULL;
  Py_RETURN_NONE;
}

static PyObject *sender_lend(End *self, PyObject *length) {
  size_t wanted;
  if (!read_length(length, &wanted) || !is_usable(self)) return NULL;
  pf_loan loan;
  return lent(self, pf_sender_lend(self->peer, wanted, &loan, 0), &loan);
}

static PyObject *sender_send(End *self, PyObject *loan) {
  return is_sendable(self, loan) ? done(pf_sender_send(self->peer, &((Loan *)loan)->loan, 0)) : NULL;
}

static PyObject *sender_has_receivers(End *self, PyObject *count) {
  const unsigned long wanted = PyLong_AsUnsignedLong(count);
  if ((wanted == (unsigned long)-1 && PyErr_Occurred()) || !is_usable(self)) return NULL;
  return done(pf_sender_await_receivers(self->peer, wanted > UINT32_MAX ? UINT32_MAX : (uint32_t)wanted, 0));
}

static PyObject *sender_is_flushed(End *self, PyObject *nothing) {
  (void)nothing;
  return is_usable(self) ? done(pf_sender_flush(self->peer, 0)) : NULL;
}

static PyObject *sender_receivers(End *self, PyObject *nothing) {
  (void)nothing;
  pf_receiver_info infos[64];
  if (!is_usable(self)) return NULL;
  /* Who has come or gone is seen by whoever looks. */
  const int looked = pf_sender_arm(self->peer);
  if (looked < 0) return raise_result(looked);
  const uint32_t count = pf_sender_receivers(self->peer, infos, 64);
  PyObject *list = PyList_New(count);
  for (uint32_t index = 0; list != NULL && index < count; index++) {
    const pf_receiver_info *info = &infos[index];
    PyObject *each = Py_BuildValue("(IiIII)", info->id, info->pid, (unsigned)info->policy, info->behind, info->dropped);
    if (each == NULL) Py_CLEAR(list);
    else PyList_SET_ITEM(list, index, each);
  }
  return list;
}

static PyMethodDef sender_methods[] = {
  {"_open", (PyCFunction)sender_open, METH_VARARGS, "Listens: endpoint, bytes of the pool, history, most receivers."},
  {"_lend", (PyCFunction)sender_lend, METH_O, "A loan; None if there is no room."},
  {"_send", (PyCFunction)sender_send, METH_O, "Sends a loan; False if a receiver has no room, or nobody is there."},
  {"_has_receivers", (PyCFunction)sender_has_receivers, METH_O, "Whether there are so many receivers."},
  {"_is_flushed", (PyCFunction)sender_is_flushed, METH_NOARGS, "Whether the receivers have returned everything."},
  {"_receivers", (PyCFunction)sender_receivers, METH_NOARGS, "Id, process, policy, behind and dropped of each."},
  {0}
};

PyTypeObject SenderType = {
  PyVarObject_HEAD_INIT(NULL, 0)
  .tp_name = "pageferry._native.Sender",
  .tp_basicsize = sizeof(End),
  .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE,
  .tp_base = &EndType,
  .tp_methods = sender_methods
};
