/**
 * Has a sender and a receiver exchange a message, and wait for what does not come.
 *
 * @param {import('@pageferry/core').Transport} transport
 * @param {string} endpoint
 */
export async function exchange(transport, endpoint) {
  const sender = await transport.createSender({ endpoint });
  const receiver = await transport.createReceiver({ endpoint, timeout: 10_000 });
  await sender.waitForReceivers(1, { timeout: 10_000 });

  const receiving = receiver.receive(); // Waits.
  const loan = await sender.loan(5);
  loan.bytes.set(Buffer.from('hello'));
  const outcome = await loan.send();
  const first = await receiving;
  const text = first?.copy().toString();
  first?.release();

  await sender.send(new Uint8Array([1, 2, 3]));
  const [second] = await receiver.receiveMany(10);
  const bytes = [...(second?.bytes ?? [])];
  second?.release();
  await sender.flush();

  const codeOf = (/** @type {{ code?: string }} */ error) => error.code;
  const limited = await receiver.receive({ timeout: 20 }).catch(codeOf);
  const controller = new AbortController();
  const waiting = receiver.receive({ signal: controller.signal }).catch(codeOf);
  controller.abort();
  const aborted = await waiting;

  await sender.close();
  const end = await receiver.receive();
  await receiver.close();
  return { outcome, text, bytes, limited, aborted, end };
}

export const EXPECTED = {
  outcome: 'sent',
  text: 'hello',
  bytes: [1, 2, 3],
  limited: 'TIMEOUT',
  aborted: 'ABORTED',
  end: undefined,
};
