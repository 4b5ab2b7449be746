import * as fc from 'fast-check';
import * as assert from 'uvu/assert';
import { fromUtf8, utf8 } from '../../crypto/bytes.ts';
import { canonicalJsonBytes, isCrowded } from '../../crypto/canonical.ts';
import { fail, messageOf, ok } from '../../crypto/result.ts';
import { tlog_proof_bytes_max } from '../../crypto/tlog-proof.ts';
import { checkParams, findMethod, isShallow } from '../../node/control/params.ts';
import { request_bytes_max } from '../../node/control/server.ts';
import { parseDidWeb, parseWebDocument, web_document_bytes_max } from '../../node/did-web.ts';
import { loadPolicy } from '../../node/kernel/policy/load.ts';
import { commitment, decodeDisclosure, decodeEntry, encodeDisclosure, encodeEntry, entry_bytes_max } from '../../storage/audit-entry.ts';
import { memoryFiles } from '../../storage/files.ts';
import { keystore_file, openKeystore } from '../../storage/keystore.ts';
import { suite } from '../harness.ts';
import { checkAnswer, damaged, ofText, testParser } from '../hostile-bytes.ts';
import { keyNamed, start_ms } from '../people.ts';

const test = suite('node/parsers');
const random = (length: number): Uint8Array => new Uint8Array(length).fill(7);

testParser(test, {
  name: 'control request', bytes_max: request_bytes_max, samples: [utf8('{"did":"did:mesh:b"}')],
  parse: (bytes) => {
    const text = fromUtf8(bytes);
    if (text === undefined || !isShallow(text) || isCrowded(text)) return fail('REQUEST_INVALID', 'no body');
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch (error) {
      return fail('REQUEST_INVALID', messageOf(error));
    }
    return checkParams('did.resolve', value);
  },
});

testParser(test, { name: 'name of a control method', parse: ofText(findMethod), samples: [utf8('did.resolve')], bytes_max: 4096 });

const web_did = 'did:web:agents.example.com%3A8443:scout';
const web_document = {
  '@context': ['https://www.w3.org/ns/did/v1'], id: web_did, authentication: [`${web_did}#key`], assertionMethod: ['#key'],
  verificationMethod: [{ id: `${web_did}#key`, type: 'JsonWebKey2020', controller: web_did, publicKeyJwk: { kty: 'OKP', crv: 'Ed25519', x: 'A' } }],
};

testParser(test, { name: 'did:web', parse: ofText(parseDidWeb), samples: [utf8(web_did), utf8('did:web:example.com')], bytes_max: 4096 });
testParser(test, {
  name: 'document of a did:web', parse: (bytes) => parseWebDocument(bytes, web_did), samples: [canonicalJsonBytes(web_document)], bytes_max: web_document_bytes_max,
});

const salt = new Uint8Array(32);
const payload = utf8('{"verdict":"allow"}');
const entry = encodeEntry({ kind: 'event', time_ms: start_ms, body: commitment(salt, payload) });

testParser(test, { name: 'audit entry', parse: decodeEntry, samples: [entry], bytes_max: 2 * entry_bytes_max });
testParser(test, {
  name: 'audit disclosure', parse: decodeDisclosure, samples: [encodeDisclosure({ entry }), encodeDisclosure({ entry, opened: { salt, payload } })], bytes_max: tlog_proof_bytes_max,
});

/** Damages files and looks at what comes of it. A file of one's own folder has no bound of time: a passphrase takes its time. */
async function damageFiles(samples: readonly Uint8Array[], open: (bytes: Uint8Array) => Promise<unknown>): Promise<void> {
  await fc.assert(fc.asyncProperty(damaged(samples), async (bytes) => {
    try {
      checkAnswer(await open(bytes));
    } catch (error) {
      throw new Error(`${Buffer.from(bytes).toString('base64')}: ${messageOf(error)}`, { cause: error });
    }
  }), { numRuns: 400 });
}

test('no damage to a keystore file makes opening it throw', async () => {
  const files = memoryFiles();
  const opened = await openKeystore({ files, random });
  assert.ok(opened.ok);
  if (!opened.ok) return;
  await opened.value.add(new Map([['node/1', keyNamed('node').seed], ['identity/a/0/use', keyNamed('a').seed]]));
  const plain = await files.read(keystore_file) ?? new Uint8Array();
  const compact = utf8(JSON.stringify(JSON.parse(fromUtf8(plain) ?? '')));
  const open = async (bytes: Uint8Array): Promise<unknown> => {
    const damaged_files = memoryFiles();
    await damaged_files.write(keystore_file, bytes);
    const result = await openKeystore({ files: damaged_files, random });
    return result.ok ? ok(undefined) : result;
  };
  assert.equal(await open(plain), ok(undefined));
  await damageFiles([plain, compact], open);
});

test('no damage to a policy file makes loading it throw', async () => {
  const policy = utf8('version: "1.0"\nname: p\nrules:\n  - name: r\n    condition: "action.type == \'read\' and not data.contains_pii"\n    action: allow\n');
  const load = async (bytes: Uint8Array): Promise<unknown> => {
    const result = await loadPolicy(fromUtf8(bytes) ?? Buffer.from(bytes).toString('latin1'), 'p.yaml');
    return result.ok ? ok(undefined) : result;
  };
  assert.equal(await load(policy), ok(undefined));
  await damageFiles([policy], load);
});

test.run();
