// One of two programs of different users: `program MODULE EXPORT TASK`. Becomes the user of its task, then sends to
// whoever comes, or connects; and tells what has come of it.
import type { Transport } from '@pageferry/core';
import type { OtherUserTask } from '../other-users.js';

const [module = '', name = '', text = ''] = process.argv.slice(2);
const { role, endpoint, allow, uid, gid, groups }: OtherUserTask = JSON.parse(text);
process.setgroups?.([...groups]);
process.setgid?.(gid);
process.setuid?.(uid);

/** Plays a role up to what is told of it. */
async function play(transport: Transport): Promise<string> {
  const options = { endpoint, allow };
  const limit = { timeout: 10_000 };
  if (role === 'send') {
    const sender = await transport.createSender(options);
    sender.on('join', () => void sender.send(Buffer.from('from the sender')));
    return 'listening';
  }
  if (role === 'listen') {
    const listener = await transport.listen(options);
    listener.on('join', (channel) => void channel.send(Buffer.from('from the listener')));
    return 'listening';
  }
  const open = role === 'receive' ? 'createReceiver' : 'connect';
  const receiver = await transport[open]({ ...options, ...limit });
  const delivery = await receiver.receive(limit);
  return delivery?.copy().toString() ?? 'the end';
}

process.once('disconnect', () => process.exit());
try {
  process.send?.(await play((await import(module))[name]));
} catch (error) {
  process.send?.((error as { code?: unknown }).code ?? String(error));
}
