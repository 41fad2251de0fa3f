/** The transport's name, in the handshake as in the API. */
export const NAME = 'socket';
