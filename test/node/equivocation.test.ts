import * as assert from 'uvu/assert';
import { unwrap } from '../../crypto/result.ts';
import { signEndorsement } from '../../crypto/statement.ts';
import { suite } from '../harness.ts';
import { hostWorld } from '../simulated-hosts.ts';

const test = suite('node/equivocation');

test('who signs two endorsements under one seq is trusted by nobody, on every host, also one that comes later', async (context) => {
  const world = await hostWorld(context, { count: 3 });
  const [first, second, third] = [world.at(0), world.at(1), world.at(2)];
  const liar = await world.hire(0, 'liar');
  const observer = await world.hire(1, 'observer');
  const nbf = Math.floor(first.host.parts.clock.now() / 1000);
  const words = await Promise.all([100, 900].map((weight) => signEndorsement(liar.signer, {
    sub: observer.did, scope: 'general', seq: 1, nbf, exp: nbf + 86_400, weight, why: '',
  })));
  const score = (index: number): number => world.at(index).host.trust.score(observer.did, liar.did).score;
  await world.until('the liar is known', () => second.host.identity.known(liar.did) !== undefined || score(1) > 0);
  assert.ok(score(1) > 0, 'before');
  const [word = '', other = ''] = words.map((signed) => unwrap(signed));
  await world.get(first.host.statements.publish(word));
  await world.finish(third.host.statements.publish(other));
  const proof = (index: number): string | undefined => world.at(index).host.statement_store.equivocation(liar.did)?.hash;
  await world.until('the proof is everywhere', () => [0, 1, 2].every((index) => proof(index) !== undefined));
  await world.pass(70_000);
  assert.is(new Set([0, 1, 2].map(proof)).size, 1, 'of several reports all keep the same');
  const judged = second.host.trust.score(observer.did, liar.did);
  assert.is(judged.score, 0);
  assert.match(judged.items[0]?.text ?? '', /contradict each other/);
  assert.is(judged.items[0]?.statement, proof(1));
  const late = await world.add('late');
  await world.connect(late, second);
  await world.until('the one who comes late knows it', () => late.host.statement_store.equivocation(liar.did) !== undefined);
  assert.is(late.host.trust.score(observer.did, liar.did).score, 0);
  await world.until('it has compared all', () => late.host.statements.completeAsOf() > 0);
});

test.run();
