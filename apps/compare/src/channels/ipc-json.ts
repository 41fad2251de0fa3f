import { ipcConnect, ipcListen } from './ipc.js';
import { base64 } from './ipc-codec.js';

/** `child.send` with the serialization `json`, the payload as base64. */
export const receivers = { serialization: 'json' as const };
export const listen = ipcListen(base64);
export const connect = ipcConnect(base64);
