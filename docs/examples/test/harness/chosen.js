import { chosenTransport } from './transports.js';

export const sharedMmap = chosenTransport();
