/* pageferry._native: the client in C for Python. Nothing here waits but `_open`, where it looks for the other side, and `_wait`. */
#include "native.h"

PyObject *end_of_messages;

static struct PyModuleDef definition = {
  PyModuleDef_HEAD_INIT,
  .m_name = "pageferry._native",
  .m_doc = "What receivers, senders and channels do without waiting. The classes of pageferry stand above it.",
  .m_size = -1
};

static int fill(PyObject *module) {
  PyTypeObject *const types[] = {&EndType, &ReceiverType, &SenderType, &ChannelType, &ListenerType, &MessageType, &LoanType, &IteratorType};
  for (size_t index = 0; index < sizeof types / sizeof *types; index++)
    if (PyType_Ready(types[index]) < 0) return -1;
  if (PyModule_AddObjectRef(module, "Receiver", (PyObject *)&ReceiverType) < 0) return -1;
  if (PyModule_AddObjectRef(module, "Sender", (PyObject *)&SenderType) < 0) return -1;
  if (PyModule_AddObjectRef(module, "Channel", (PyObject *)&ChannelType) < 0) return -1;
  if (PyModule_AddObjectRef(module, "Listener", (PyObject *)&ListenerType) < 0) return -1;
  if (PyModule_AddObjectRef(module, "Message", (PyObject *)&MessageType) < 0) return -1;
  if (PyModule_AddObjectRef(module, "Loan", (PyObject *)&LoanType) < 0) return -1;
  end_of_messages = PyObject_CallNoArgs((PyObject *)&PyBaseObject_Type);
  if (end_of_messages == NULL || PyModule_AddObjectRef(module, "END", end_of_messages) < 0) return -1;
  if (PyModule_AddIntConstant(module, "MESSAGES", PF_MESSAGES) < 0) return -1;
  if (PyModule_AddIntConstant(module, "ANSWERS", PF_ANSWERS) < 0) return -1;
  return PyModule_AddIntConstant(module, "ROOM", PF_ROOM);
}

PyMODINIT_FUNC PyInit__native(void) {
  PyObject *module = PyModule_Create(&definition);
  if (module != NULL && fill(module) < 0) Py_CLEAR(module);
  return module;
}
