import { closeSync, fstatSync, openSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import type { Delivery, Receiver, Sender } from '@pageferry/core';
import { describe, expect, test } from 'vitest';
import { describeChannels } from '../harness/channel-stage.js';
import { expectFailure } from '../harness/expectations.js';
import { type Stage, useStage } from '../harness/stage.js';
import type { Subject } from '../registration.js';

/** Descriptors travel with exactly one message, and are closed by whoever has them last. */
export function describeDescriptors(subject: Subject): void {
  const { maxDescriptors } = subject.transport.capabilities;
  describe.runIf(maxDescriptors === 0)('descriptors', () => describeRefused(useStage(subject)));
  describe.runIf(maxDescriptors > 0)('descriptors', () => {
    const stage = useStage(subject);
    describePassed(stage);
    describeOwned(stage);
    describeMistakes(stage);
  });
  describe.runIf(maxDescriptors > 0 && subject.processes)('descriptors beyond a death', () => {
    describeKilled(useStage(subject));
  });
  describeChannels(
    'descriptors over channels',
    subject,
    (stage) => {
      test('go both ways, with messages, questions and answers', async () => {
        const listener = await stage.listener();
        const one = await stage.channel(listener.endpoint);
        const two = await listener.accept();
        const path = fileWith(stage, 'over a channel');
        for (const [from, to] of [
          [one, two],
          [two, one],
        ] as const) {
          const before = openDescriptors();
          await using file = open(path);
          expect(await from.sendDescriptors([file], { bytes: Buffer.from('name') })).toBe('sent');
          expect(await contentsOf(await to.receive())).toEqual(['name', 'over a channel']);
          const question = await from.loan(2);
          const asking = from.request(question.attach(file));
          const asked = await to.receive();
          const answer = await to.loan(1);
          for (const came of asked?.takeDescriptors() ?? []) {
            answer.attach(came).attach(file);
            came.close();
          }
          await asked?.respond(answer);
          asked?.release();
          const [, ...answered] = await contentsOf(await asking);
          expect(answered).toEqual(['over a channel', 'over a channel']);
          file.close();
          await stage.until(() => openDescriptors() === before);
        }
      });

      test('are asked with again, where the one who was asked is lost', async () => {
        const listener = await stage.listener();
        const channels = [
          await stage.channel(listener.endpoint),
          await stage.channel(listener.endpoint),
        ];
        await listener.waitForChannels(2);
        const before = openDescriptors();
        await using file = open(fileWith(stage, 'again'));
        const anyone = listener.anyChannel();
        const question = await anyone.loan(1);
        question.attach(file);
        file.close();
        const asking = anyone.request(question, { onLost: () => true });
        const asked = channels.map((channel) => channel.receive().catch(() => undefined));
        const first = await Promise.race(asked);
        expect(first && filesOf(first)).toEqual(['again']);
        // Not released: that would be an answer of a kind.
        await first?.channel.destroy();
        const [second] = (await Promise.all(asked)).filter((each) => each !== first);
        expect(second?.descriptors).toBe(1);
        await second?.respond(Buffer.from('answer'));
        expect((await contentsOf(second))[1]).toBe('again');
        expect(await contentsOf(await asking)).toEqual(['answer']);
        await stage.until(() => openDescriptors() <= before);
      });

      test('are closed with a channel that nobody reads', async () => {
        const listener = await stage.listener();
        const before = openDescriptors();
        const one = await stage.channel(listener.endpoint);
        const two = await listener.accept();
        const fds = Array(3).fill(openSync('/dev/null', 'r'));
        expect(await one.sendDescriptors(fds)).toBe('sent');
        expect(await two.sendDescriptors(fds)).toBe('sent');
        closeSync(fds[0]);
        // One was received, and the other one not.
        expect((await two.receive())?.descriptors).toBe(3);
        await one.close();
        await two.close();
        await stage.until(() => openDescriptors() <= before);
      });
    },
    maxDescriptors > 0,
  );
}

function describePassed(stage: Stage): void {
  test('arrive in another process with their message, in the order in which they were attached', async () => {
    const { sender, receiver } = await stage.outgoing();
    const paths = ['one', 'two', 'three'].map((text) => fileWith(stage, text));
    const files = paths.map(open);
    const loan = await sender.loan(10);
    for (const file of files) expect(loan.attach(file)).toBe(loan);
    for (const file of files) file.close();
    expect(await loan.send()).toBe('sent');
    const expected = { sequence: 0, byteLength: 10, files: ['one', 'two', 'three'] };
    expect(await receiver.receiveDescriptors()).toEqual(expected);
  });

  test('come from another process, which has closed them', async () => {
    const { sender, receiver } = await stage.incoming();
    expect(await sender.sendDescriptors(['a', 'b'].map((text) => fileWith(stage, text)))).toBe(
      'sent',
    );
    expect(await contentsOf(await receiver.receive())).toEqual(['', 'a', 'b']);
  });

  test('belong to exactly one message', async () => {
    const { sender, receiver } = await pairHere(stage);
    const files = Array.from({ length: 4 }, (_, number) => open(fileWith(stage, `${number}`)));
    for (let number = 0; number < 200; number++) {
      const own = files.slice(0, number % 5);
      const bytes = Buffer.alloc(number);
      expect(await sender.sendDescriptors(own, { bytes, tag: number })).toBe('sent');
      if (number % 3 === 0) await sender.send(bytes);
      const delivery = await receiver.receive();
      expect([delivery?.tag, delivery?.byteLength]).toEqual([number, number]);
      expect((await contentsOf(delivery)).slice(1)).toEqual(own.map((_, index) => `${index}`));
      if (number % 3 === 0) expect(await contentsOf(await receiver.receive())).toHaveLength(1);
    }
    for (const file of files) file.close();
  });

  test('as many as the transport says, and of any kind', async () => {
    const { sender, receiver } = await pairHere(stage);
    const { maxDescriptors } = stage.capabilities;
    await using directory = open('/');
    await using device = open('/dev/zero');
    const before = openDescriptors();
    const fds = Array.from({ length: maxDescriptors }, (_, at) => (at % 2 ? directory : device));
    expect(await sender.sendDescriptors(fds)).toBe('sent');
    const delivery = await receiver.receive();
    expect(delivery?.descriptors).toBe(maxDescriptors);
    const taken = delivery?.takeDescriptors() ?? [];
    expect(taken.map(({ fd }) => fstatSync(fd).isDirectory())).toEqual(
      fds.map((each) => each === directory),
    );
    expect(new Set(taken.map(({ fd }) => fd)).size).toBe(maxDescriptors);
    for (const each of taken) each.close();
    delivery?.release();
    expect(openDescriptors()).toBe(before);
  });

  test.runIf(stage.capabilities.maxReceivers > 1)('each receiver gets its own', async () => {
    const { sender, receiver: first } = await stage.outgoing();
    const second = await stage.remoteReceiver(sender.endpoint);
    const third = await stage.receiver(sender.endpoint);
    await sender.waitForReceivers(3);
    await using file = open(fileWith(stage, 'for all'));
    expect(await sender.sendDescriptors([file, file])).toBe('sent');
    const files = ['for all', 'for all'];
    expect((await first.receiveDescriptors()).files).toEqual(files);
    expect((await second.receiveDescriptors()).files).toEqual(files);
    expect(await contentsOf(await third.receive())).toEqual(['', ...files]);
  });

  test('a sender waits for a receiver that takes nothing, and nothing is lost', async () => {
    const { sender, receiver } = await pairHere(stage);
    await using file = open(fileWith(stage, 'waits'));
    const before = openDescriptors();
    let sent = 0;
    for (; ; sent++) {
      const loan = await sender.loan(1);
      loan.attach(file);
      if (loan.trySend() === 'sent') continue;
      expect(loan.owned).toBe(true);
      loan.release();
      break;
    }
    expect(sent).toBeGreaterThan(1);
    const waiting = sender.sendDescriptors([file]);
    for (let number = 0; number <= sent; number++) {
      expect((await contentsOf(await receiver.receive())).at(-1)).toBe('waits');
    }
    expect(await waiting).toBe('sent');
    await sender.flush();
    await stage.until(() => openDescriptors() === before);
  });
}

function describeKilled(stage: Stage): void {
  test('of a sender that was killed come with what it has sent', async () => {
    const { sender, receiver } = await stage.incoming();
    await sender.sendDescriptors([fileWith(stage, 'before its death')]);
    await sender.peer.end();
    expect(await contentsOf(await receiver.receive())).toEqual(['', 'before its death']);
    await expectFailure(() => receiver.receive(), 'PEER_DIED');
  });

  test('that a killed receiver had are nobody’s', async () => {
    const sender = await stage.sender();
    await using file = open('/dev/null');
    const before = openDescriptors();
    const peer = await stage.peer(true);
    await stage.remoteReceiver(sender.endpoint, {}, peer);
    await sender.waitForReceivers();
    for (let count = 0; count < 3; count++) await sender.sendDescriptors([file, file]);
    await peer.end();
    await stage.until(() => sender.receivers.length === 0);
    await sender.flush();
    expect(sender.stats().bytesOut).toBe(0);
    await stage.until(() => openDescriptors() <= before);
  });
}

function describeOwned(stage: Stage): void {
  test('of a loan that is not sent are closed with it', async () => {
    const sender = await stage.sender();
    await using file = open('/dev/null');
    const before = openDescriptors();
    const loan = await sender.loan(1);
    loan.attach(file).attach(file.fd);
    expect(openDescriptors()).toBe(before + 2);
    expect(await loan.send()).toBe('no-receiver');
    expect(openDescriptors()).toBe(before + 2);
    loan.release();
    expect(openDescriptors()).toBe(before);
    expect(await sender.sendDescriptors([file])).toBe('no-receiver');
    expect(openDescriptors()).toBe(before);
    (await sender.loan(1)).attach(file);
    await sender.destroy();
    await stage.until(() => openDescriptors() < before);
    expect(fstatSync(file.fd).isCharacterDevice()).toBe(true);
  });

  test('that nobody takes are closed with the last release', async () => {
    const { sender, receiver } = await pairHere(stage);
    await using file = open('/dev/null');
    const before = openDescriptors();
    await sender.sendDescriptors([file, file]);
    const delivery = await receiver.receive();
    delivery?.retain().release();
    expect([delivery?.descriptors, openDescriptors()]).toEqual([2, before + 2]);
    delivery?.release();
    expect([delivery?.descriptors, openDescriptors()]).toEqual([0, before]);
    await expectFailure(() => delivery?.takeDescriptors(), 'DELIVERY_RELEASED');
  });

  test('are taken once, and outlive delivery, receiver and sender', async () => {
    const { sender, receiver } = await pairHere(stage);
    await using file = open(fileWith(stage, 'outlives'));
    await sender.sendDescriptors([file]);
    const delivery = await receiver.receive();
    const taken = delivery?.takeDescriptors() ?? [];
    expect([delivery?.descriptors, delivery?.takeDescriptors()]).toEqual([0, []]);
    delivery?.release();
    await receiver.close();
    await sender.close();
    expect(taken.map(({ fd }) => readFileSync(fd, 'utf8'))).toEqual(['outlives']);
    for (const each of taken) {
      expect(each.open).toBe(true);
      closeSync(each.release());
      expect(each.open).toBe(false);
      await expectFailure(() => each.fd, 'CLOSED');
    }
  });

  test('of what is held, and of what waits, are closed with the receiver', async () => {
    const sender = await stage.sender();
    await using file = open('/dev/null');
    const before = openDescriptors();
    const receiver = await stage.receiver(sender.endpoint);
    await sender.waitForReceivers();
    for (let count = 0; count < 3; count++) await sender.sendDescriptors([file, file]);
    const held = await receiver.receive();
    expect(held?.descriptors).toBe(2);
    await receiver.close();
    expect(held?.released).toBe(true);
    await expectFailure(() => held?.takeDescriptors(), 'DELIVERY_RELEASED');
    await stage.until(() => sender.receivers.length === 0 && openDescriptors() <= before);
  });

  test('that a message had are not those of the next one in the same memory', async () => {
    const { sender, receiver } = await pairHere(stage);
    await using file = open('/dev/null');
    for (let round = 0; round < 20; round++) {
      await sender.sendDescriptors([file], { bytes: Buffer.alloc(100) });
      expect((await contentsOf(await receiver.receive())).length).toBe(2);
      await sender.flush();
      await sender.send(Buffer.alloc(100));
      using plain = await receiver.receive();
      expect([plain?.descriptors, plain?.takeDescriptors()]).toEqual([0, []]);
    }
  });
}

function describeMistakes(stage: Stage): void {
  test('what cannot be attached is refused, and the loan is as it was', async () => {
    const { sender, receiver } = await pairHere(stage);
    const { maxDescriptors } = stage.capabilities;
    await using file = open(fileWith(stage, 'kept'));
    const before = openDescriptors();
    const loan = await sender.loan(3);
    loan.attach(file);
    for (const wrong of [-1, 1.5, 'x', null, undefined, {}, { fd: -1 }]) {
      await expectFailure(() => loan.attach(wrong as never), 'INVALID_ARGUMENT');
      await expectFailure(() => sender.sendDescriptors([file, wrong as never]), 'INVALID_ARGUMENT');
    }
    await expectFailure(() => sender.sendDescriptors(file as never), 'INVALID_ARGUMENT');
    await expectFailure(() => sender.sendDescriptors(new Array(1)), 'INVALID_ARGUMENT');
    await expectFailure(() => sender.sendDescriptors([file], null as never), 'INVALID_ARGUMENT');
    const tooMany = Array(maxDescriptors + 1).fill(file);
    await expectFailure(() => sender.sendDescriptors(tooMany), 'INVALID_ARGUMENT');
    const closed = await expectFailure(() => loan.attach(2 ** 30), 'SYSTEM_CALL_FAILED');
    expect(closed.errnoName).toBe('EBADF');
    await expectFailure(() => sender.sendDescriptors([file, 2 ** 30]), 'SYSTEM_CALL_FAILED');
    expect(openDescriptors()).toBe(before + 1);
    expect(await loan.send()).toBe('sent');
    expect((await contentsOf(await receiver.receive())).slice(1)).toEqual(['kept']);
    await expectFailure(() => loan.attach(file), 'LOAN_NOT_OWNED');
    await sender.close();
    await expectFailure(() => sender.sendDescriptors([file]), 'CLOSED');
  });
}

function describeRefused(stage: Stage): void {
  test('are refused by a transport that passes none', async () => {
    const sender = await stage.sender();
    using loan = await sender.loan(1);
    await expectFailure(() => loan.attach(0), 'NOT_SUPPORTED');
    await expectFailure(() => sender.sendDescriptors([0]), 'NOT_SUPPORTED');
    expect(loan.owned).toBe(true);
  });

  test('are none of a message, and can be taken', async () => {
    const { sender, receiver } = await pairHere(stage);
    await sender.send(Buffer.from('bytes'));
    using delivery = await receiver.receive();
    expect([delivery?.descriptors, delivery?.takeDescriptors()]).toEqual([0, []]);
  });
}

async function pairHere(
  stage: Stage,
): Promise<{ readonly sender: Sender; readonly receiver: Receiver }> {
  const sender = await stage.sender();
  const receiver = await stage.receiver(sender.endpoint);
  await sender.waitForReceivers();
  return { sender, receiver };
}

function openDescriptors(): number {
  return readdirSync('/proc/self/fd').length;
}

function fileWith(stage: Stage, text: string): string {
  const path = stage.path('file');
  writeFileSync(path, text);
  return path;
}

/** Something open, which is closed at the end of its block at the latest. */
function open(path: string): { readonly fd: number; close(): void } & AsyncDisposable {
  const fd = openSync(path, 'r');
  let isOpen = true;
  const close = (): void => {
    if (isOpen) closeSync(fd);
    isOpen = false;
  };
  return { fd, close, [Symbol.asyncDispose]: async () => close() };
}

/** The bytes of a message, and what is in the files that came with it; all of it is given back. */
async function contentsOf(delivery: Delivery | undefined): Promise<readonly string[]> {
  if (delivery === undefined) return [];
  const contents = [delivery.copy().toString('latin1'), ...filesOf(delivery)];
  delivery.release();
  return contents;
}

/** What is in the files that a delivery brings, empty for what is no file. They are taken, and closed. */
function filesOf(delivery: Delivery): readonly string[] {
  const taken = delivery.takeDescriptors();
  const files = taken.map(({ fd }) => {
    const isFile = fstatSync(fd).isFile();
    // Duplicates share how far the file was read.
    return isFile ? readFileSync(`/proc/self/fd/${fd}`, 'utf8') : '';
  });
  for (const each of taken) each.close();
  return files;
}
