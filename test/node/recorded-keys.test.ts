import * as assert from 'uvu/assert';
import { logOrigin, witnessName } from '../../crypto/checkpoint.ts';
import { namedKey, recordedKey } from '../../node/recorded-keys.ts';
import { suite } from '../harness.ts';
import { keyNamed, person, start_s } from '../people.ts';

const test = suite('node/recorded-keys');

test('a record gives the keys of logs and witnesses by their names, also those that are in use no more', async () => {
  const { record } = await person('a host', { kind: 'node' });
  const [log, old_log, witness, old_witness] = ['log', 'old log', 'witness', 'old witness'].map((name) => keyNamed(name).public_key);
  if (log === undefined || old_log === undefined || witness === undefined || old_witness === undefined) throw new Error('four keys');
  const { did } = record;
  const until = start_s * 1000;
  const host = {
    ...record,
    document: {
      ...record.document,
      methods: [{ id: 'l', key: log, uses: ['log' as const] }, { id: 'w', key: witness, uses: ['witness' as const] }],
      retired: [{ id: 'l-0', key: old_log, uses: ['log' as const], until }, { id: 'w-0', key: old_witness, uses: ['witness' as const], until }],
    },
  };
  for (const key of [log, old_log]) assert.ok(namedKey(host, 'log', logOrigin(did, key))?.startsWith(`${logOrigin(did, key)}+`));
  for (const key of [witness, old_witness]) assert.ok(namedKey(host, 'witness', witnessName(did, key))?.startsWith(`${witnessName(did, key)}+`));
  assert.is(namedKey(host, 'log', logOrigin(did, witness)), undefined, 'the key of the witness is none of a log');
  assert.is(namedKey(host, 'witness', witnessName('did:mesh:bother', witness)), undefined, 'nor that of another host');
  assert.equal([recordedKey(host, 'log'), recordedKey(host, 'witness')], [namedKey(host, 'log', logOrigin(did, log)), namedKey(host, 'witness', witnessName(did, witness))]);
});

test.run();
