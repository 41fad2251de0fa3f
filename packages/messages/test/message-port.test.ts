import { type MessagePortLike, toMessagePort } from '@pageferry/messages';
import { sharedMmap } from '@pageferry/shared-mmap';
import { expectNothingLeft, temporaryFolder } from '@pageferry/testkit';
import { createBirpc } from 'birpc';
import { type Endpoint, expose, wrap } from 'comlink';
import nodeEndpoint from 'comlink/dist/esm/node-adapter.mjs';
import { describe, expect, test } from 'vitest';
import { openPorts } from './support/transports.js';

const { fresh } = temporaryFolder();

/** What the other side offers. */
const api = {
  sum: (numbers: Float64Array) => numbers.reduce((sum, each) => sum + each, 0),
  fail: () => {
    throw new RangeError('no');
  },
};

async function openAdapters() {
  const ports = await openPorts(sharedMmap, fresh());
  return {
    here: toMessagePort(ports.here),
    there: toMessagePort(ports.there),
    [Symbol.asyncDispose]: () => ports[Symbol.asyncDispose](),
  };
}

describe('a port in the shape of a MessagePort', () => {
  expectNothingLeft();

  test.each([
    ['with its adapter for Node', (port: MessagePortLike) => nodeEndpoint(port)],
    ['directly', (port: MessagePortLike) => port as Endpoint],
  ])('is one for comlink, %s', async (_, endpointOf) => {
    await using adapters = await openAdapters();
    expose(api, endpointOf(adapters.there));
    const remote = wrap<typeof api>(endpointOf(adapters.here));
    expect(await remote.sum(Float64Array.of(1, 2, 3.5))).toBe(6.5);
    await expect(remote.fail()).rejects.toMatchObject({ message: 'no' });
  });

  test('is one for birpc', async () => {
    await using adapters = await openAdapters();
    const { here, there } = adapters;
    const options = (port: MessagePortLike) => ({
      post: (data: unknown) => port.postMessage(data),
      on: (listener: (data: unknown) => void) => void port.on('message', listener),
    });
    createBirpc(api, options(there));
    const remote = createBirpc<typeof api>({}, options(here));
    expect(await remote.sum(Float64Array.of(1, 2))).toBe(3);
    await expect(remote.fail()).rejects.toMatchObject({ message: 'no' });
  });

  test('sends what a value was when it was posted, in order, and all of it before it closes', async () => {
    await using adapters = await openAdapters();
    const { here, there } = adapters;
    const got: unknown[] = [];
    const closed = new Promise<void>((resolve) => there.on('close', () => resolve()));
    there.onmessage = ({ data }) => got.push(data);
    const bytes = Uint8Array.of(1);
    for (let number = 1; number <= 3; number++) {
      bytes[0] = number;
      here.postMessage(bytes);
    }
    bytes[0] = 9;
    here.close();
    await closed;
    expect(got).toEqual([Uint8Array.of(1), Uint8Array.of(2), Uint8Array.of(3)]);
  });

  test('calls each listener until that is taken back', async () => {
    await using adapters = await openAdapters();
    const { here, there } = adapters;
    const got: string[] = [];
    const asObject = { handleEvent: ({ data }: { data: unknown }) => void got.push(`o${data}`) };
    const asFunction = ({ data }: { data: unknown }) => void got.push(`f${data}`);
    there.addEventListener('message', asObject);
    there.addEventListener('message', asFunction);
    there.start();
    here.postMessage(1);
    await expect.poll(() => got).toEqual(['o1', 'f1']);
    there.removeEventListener('message', asObject);
    here.postMessage(2);
    await expect.poll(() => got).toEqual(['o1', 'f1', 'f2']);
    there.removeEventListener('message', asFunction);
    there.onmessage = ({ data }) => got.push(`p${data}`);
    there.onmessage = ({ data }) => got.push(`q${data}`);
    here.postMessage(3);
    await expect.poll(() => got).toEqual(['o1', 'f1', 'f2', 'q3']);
    expect(there.onmessage).toBeTypeOf('function');
    expect(here.unref().ref()).toBe(here);
  });
});
