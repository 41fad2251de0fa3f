import { ipcConnect, ipcListen } from './ipc.js';
import { advanced } from './ipc-codec.js';

/** `child.send` with the serialization `advanced`. */
export const receivers = { serialization: 'advanced' as const };
export const listen = ipcListen(advanced);
export const connect = ipcConnect(advanced);
