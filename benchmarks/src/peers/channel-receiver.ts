import { connect } from 'node:net';
import { ABSENT, type ChannelWorkload } from '../shared/workload.js';
import { asBuffer, peerWorkload } from './workload-peer.js';

// Counts the bytes that come over one of Node's own channels, and says when it has all of them.
const { channel, endpoint, messageBytes, count, warmUp, scan } = peerWorkload<ChannelWorkload>();
const milestones = [messageBytes * warmUp, messageBytes * (warmUp + count)];
let received = 0;

if (channel === 'advanced') {
  process.on('message', (message) => take(asBuffer(message as Uint8Array)));
  process.send?.('ready');
} else if (channel === 'stdio') {
  process.stdin.on('data', take).on('end', () => process.disconnect?.());
  process.send?.('ready');
} else {
  const socket = connect(endpoint, () => process.send?.('ready'));
  socket.on('data', take).on('end', () => process.disconnect?.());
}

function take(bytes: Buffer): void {
  if (scan && bytes.includes(ABSENT)) throw new Error('the bytes are not what was sent');
  received += bytes.length;
  if (milestones.includes(received)) process.send?.('all here');
}
