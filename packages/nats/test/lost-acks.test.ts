import { hasNatsServer } from '@pageferry/testkit';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { Engine } from '../dist/engine/engine.js';
import { Ground, message, until } from './support/server.js';

/** Nobody looks for a peer before that is over, in milliseconds: not in this test. */
const PATIENCE = 120_000;
const COUNT = 20;

/** In a cluster the server that an acknowledgement is for can die, and both sides keep their connections to others. */
describe.skipIf(!hasNatsServer)('acknowledgements that were lost', { timeout: 60_000 }, () => {
  const ground = new Ground();
  afterEach(() => vi.restoreAllMocks());

  /** Loses them until that is ended. */
  function loseAcks(): () => void {
    const { publish } = Engine.prototype;
    const spy = vi.spyOn(Engine.prototype, 'publish').mockImplementation(function (
      this: Engine,
      ...words
    ) {
      if (`${words[1]}` !== '+ACK') publish.apply(this, words);
    });
    return () => spy.mockRestore();
  }

  async function pair() {
    const transport = ground.transport({ patience: PATIENCE });
    const endpoint = ground.endpoint();
    const sender = await ground.sender(endpoint, {}, transport);
    const receiver = await ground.receiver(endpoint, {}, transport);
    await sender.waitForReceivers();
    return { sender, receiver };
  }

  test('are said once more, without a connection that ends', async () => {
    const { sender, receiver } = await pair();
    const find = loseAcks();
    for (let number = 0; number < COUNT; number++) await sender.send(message(number, 1000));
    for (let number = 0; number < COUNT; number++) (await receiver.receive())?.release();
    find();
    await sender.flush({ timeout: 20_000 });
    expect(sender.stats().bytesOut).toBe(0);
    expect(sender.receivers).toMatchObject([{ messagesBehind: 0 }]);
  });

  test('are said once more beside a message that is held', async () => {
    const { sender, receiver } = await pair();
    const find = loseAcks();
    for (let number = 0; number < COUNT; number++) await sender.send(message(number, 1000));
    const held = await receiver.receive();
    for (let number = 1; number < COUNT; number++) (await receiver.receive())?.release();
    find();
    await until(() => sender.receivers[0]?.messagesBehind === 1);
    held?.release();
    await sender.flush();
  });
});
