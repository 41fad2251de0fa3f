/** Whether the Node that runs the tests has node:ffi: 26.9 and later do. */
export const NODE_FFI_IS_HERE: boolean = process.getBuiltinModule('node:ffi') !== undefined;
