import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import * as assert from 'uvu/assert';
import { suite, type TestContext } from './harness.ts';
import { TcpProxy } from './tcp-proxy.ts';

const test = suite('tcp-proxy');

/** A proxy before a server that sends everything back. */
async function echoBehind(context: TestContext): Promise<{ readonly proxy: TcpProxy; client(): Socket }> {
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.pipe(socket);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const proxy = await TcpProxy.listen({ host: '127.0.0.1', port: typeof address === 'object' && address !== null ? address.port : 0 });
  context.after(() => void server.close());
  context.after(() => proxy.close());
  return { proxy, client: () => connect({ host: '127.0.0.1', port: proxy.port }).setEncoding('utf8').on('error', () => undefined) };
}

async function said(socket: Socket): Promise<string> {
  const [text]: unknown[] = await once(socket, 'data');
  return String(text);
}

test('bytes pass both ways in order, later where the link is slow', async (context) => {
  const { proxy, client } = await echoBehind(context);
  const socket = client();
  socket.write('hello');
  assert.is(await said(socket), 'hello');
  proxy.delay(60);
  const since = performance.now();
  socket.write('later');
  assert.is(await said(socket), 'later');
  assert.ok(performance.now() - since >= 110, 'there and back');
});

test('a stalled link passes nothing and tells nobody; healed it goes on where it stopped', async (context) => {
  const { proxy, client } = await echoBehind(context);
  const socket = client();
  socket.write('one');
  await said(socket);
  proxy.stall();
  let heard = '';
  socket.on('data', (text: string) => { heard += text; });
  const late = client();
  late.write('late');
  socket.write('two');
  await sleep(100);
  assert.equal([heard, socket.destroyed, late.destroyed, proxy.connections], ['', false, false, 2]);
  const on_late = said(late);
  proxy.heal();
  assert.is(await on_late, 'late');
  assert.is(heard, 'two');
});

test('a cut link resets what there is and refuses what comes, until it is healed', async (context) => {
  const { proxy, client } = await echoBehind(context);
  const resetOf = async (socket: Socket): Promise<string> => {
    const [error]: unknown[] = await once(socket, 'error');
    return error instanceof Error && 'code' in error ? String(error.code) : '';
  };
  const socket = client();
  socket.write('x');
  await said(socket);
  const reset = resetOf(socket);
  proxy.cut();
  assert.is(await reset, 'ECONNRESET');
  const refused = client();
  const again = resetOf(refused);
  refused.write('x');
  assert.match(await again, /ECONNRESET|EPIPE/);
  assert.is(proxy.connections, 0);
  proxy.heal();
  const healed = client();
  healed.write('back');
  assert.is(await said(healed), 'back');
});

test.run();
