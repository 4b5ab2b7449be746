import { DIDKey } from 'iso-did/key';
import { verifier } from 'iso-signatures/verifiers/eddsa.js';
import { Resolver } from 'iso-signatures/verifiers/resolver.js';
import type { ISigner } from 'iso-signatures/types';
import { EdDSASigner } from 'iso-signatures/signers/eddsa.js';
import { Delegation } from 'iso-ucan/delegation';
import { Invocation } from 'iso-ucan/invocation';
import * as assert from 'uvu/assert';
import { concat, toBase64, utf8 } from '../../crypto/bytes.ts';
import { decodeCbor, encodeCbor } from '../../crypto/canonical.ts';
import { sha256 } from '../../crypto/hash.ts';
import { checkPolicy, parsePolicy, policy_statements_max } from '../../crypto/interop/ucan-policy.ts';
import { capabilitiesOf, parseUcan, ucan_bytes_max } from '../../crypto/interop/ucan-token.ts';
import { importUcan, readUcan, ucanBytes, type UcanView } from '../../crypto/interop/ucan.ts';
import type { SigningKey } from '../../crypto/keys.ts';
import { unwrap, type Result } from '../../crypto/result.ts';
import { suite } from '../harness.ts';
import { keyNamed } from '../people.ts';
import { vectorText, withVectors } from '../vectors.ts';

const test = suite('crypto/ucan');
const folder = 'identity/ucan/fixtures/1.0.0';

interface Bytes {
  readonly '/': { readonly bytes: string };
}

interface Case {
  readonly name: string;
  readonly invocation: Bytes;
  readonly proofs: readonly Bytes[];
  readonly time: number;
  readonly error?: { readonly name: string };
}

function bytesOf(value: Bytes): Uint8Array {
  return new Uint8Array(Buffer.from(value['/'].bytes, 'base64'));
}

function codeOf(result: Result<unknown>): string {
  return result.ok ? 'accepted' : result.failure.code;
}

/** The error names of the fixtures, and which of our codes says the same. */
const codes: { readonly [name: string]: string } = {
  InvalidClaim: 'UCAN_ROOT',
  UnavailableProof: 'UCAN_PROOF_MISSING',
  Expired: 'UCAN_EXPIRED',
  TooEarly: 'UCAN_NOT_YET_VALID',
  InvalidAudience: 'UCAN_AUDIENCE',
  InvalidSubject: 'UCAN_SUBJECT',
  InvalidSignature: 'UCAN_FORGED',
  MatchError: 'UCAN_POLICY',
};

function cases(): { readonly valid: readonly Case[]; readonly invalid: readonly Case[] } {
  return JSON.parse(vectorText(`${folder}/invocation.json`));
}

withVectors(test, folder, 'the 7 valid invocations of UCAN 1.0.0 are accepted, with any order of proofs', () => {
  const { valid } = cases();
  for (const { name, invocation, proofs, time } of valid) {
    const view = unwrap(importUcan(bytesOf(invocation), proofs.map(bytesOf), time));
    assert.is(view.verified, true, name);
    assert.is(view.command, '/msg/send', name);
    assert.is(view.proofs.length, proofs.length, name);
    assert.equal(importUcan(bytesOf(invocation), proofs.map(bytesOf).toReversed(), time), { ok: true, value: view }, name);
  }
  assert.is(valid.length, 7);
});

withVectors(test, folder, 'the 13 invalid invocations of UCAN 1.0.0 are refused for the stated reason', () => {
  const { invalid } = cases();
  for (const { name, invocation, proofs, time, error } of invalid) {
    assert.is(codeOf(importUcan(bytesOf(invocation), proofs.map(bytesOf), time)), codes[error?.name ?? ''], name);
  }
  assert.is(invalid.length, 13);
});

withVectors(test, folder, 'the delegation of UCAN 1.0.0 is shown as its envelope says', () => {
  const { valid: [vector] } = JSON.parse(vectorText(`${folder}/delegation.json`));
  const { payload } = vector.envelope;
  const bytes = ucanBytes(utf8(`${vector.token}\n`));
  const view = unwrap(importUcan(bytes, [], payload.exp - 1));
  assert.equal(view, {
    kind: 'delegation', id: vector.cid, issuer: payload.iss, audience: payload.aud, subject: payload.sub, command: payload.cmd,
    capabilities: ['invoke:account', 'invoke:account/**'], policy: [], arguments: null, not_before: null, expires: payload.exp, meta: {}, proofs: [], verified: true,
  } satisfies UcanView);
  assert.is(codeOf(importUcan(bytes, [], payload.exp)), 'UCAN_EXPIRED');
  assert.is(unwrap(readUcan(bytes)).verified, false, 'what was not checked does not say that it was');
});

withVectors(test, folder, 'no changed byte of a published invocation or of its proof is accepted', () => {
  const { valid } = cases();
  const chosen = valid.find(({ name }) => name === 'policy match');
  assert.ok(chosen);
  if (chosen === undefined) return;
  const invocation = bytesOf(chosen.invocation);
  const proofs = chosen.proofs.map(bytesOf);
  assert.is(codeOf(importUcan(invocation, proofs, chosen.time)), 'accepted');
  for (let at = 0; at < invocation.length; at += 1) {
    assert.is.not(codeOf(importUcan(invocation.map((byte, index) => (index === at ? byte ^ 1 : byte)), proofs, chosen.time)), 'accepted', `byte ${at}`);
  }
  const [proof = new Uint8Array()] = proofs;
  for (let at = 0; at < proof.length; at += 7) {
    const code = codeOf(importUcan(invocation, [proof.map((byte, index) => (index === at ? byte ^ 1 : byte))], chosen.time));
    assert.is.not(code, 'accepted', `byte ${at} of the proof`);
  }
});

withVectors(test, folder, 'published policies hold and fail as stated', () => {
  const path = `${folder}/policy.json`;
  const text = vectorText(path);
  let published: { readonly [verdict in 'valid' | 'invalid']: readonly { readonly args: unknown; readonly policies: readonly unknown[] }[] };
  try {
    published = JSON.parse(text);
  } catch (error) {
    console.log(`${path} is no JSON as published (${String(error)}): the doubled brace in "newsletters" is taken as one`);
    published = JSON.parse(text.replace(/("newsletters": \{)\s*\{/, '$1').replace(/\]\s*\}\s*\}\s*\}\s*\}/, ']}}}'));
  }
  let count = 0;
  for (const verdict of ['valid', 'invalid'] as const) {
    for (const { args, policies } of published[verdict]) {
      for (const policy of policies) {
        assert.is(codeOf(checkPolicy(unwrap(parsePolicy(policy)), args)), verdict === 'valid' ? 'accepted' : 'UCAN_POLICY', JSON.stringify(policy));
        count += 1;
      }
    }
  }
  assert.is(count, 25);
});

// Tokens of our own making, so that they can break every rule.

interface Party {
  readonly did: string;
  readonly key: SigningKey;
}

function party(name: string): Party {
  const key = keyNamed(name);
  return { did: DIDKey.fromPublicKey('Ed25519', key.public_key).did, key };
}

const alice = party('alice');
const bob = party('bob');
const carol = party('carol');
const now_s = 1_767_225_600;
const header = Uint8Array.of(0x34, 0x01, 0xed, 0x01, 0xed, 0x01, 0x13, 0x71);
const nonce = new Uint8Array(12);

type Claims = { readonly [name: string]: unknown };

function envelope(tag: string, payload: unknown, signer: Party, h: unknown = header): Uint8Array {
  const content = { h, [tag]: payload };
  return encodeCbor([signer.key.sign(encodeCbor(content)), content]);
}

function delegation(from: Party, to: Party, changes: Claims = {}): Uint8Array {
  return envelope('ucan/dlg@1.0.0', { iss: from.did, aud: to.did, sub: alice.did, cmd: '/msg', pol: [], nonce, exp: null, ...changes }, from);
}

/** A link to a token: CBOR tag 42 around a CIDv1 of DAG-CBOR by SHA-256. */
function link(token: Uint8Array): unknown {
  return unwrap(decodeCbor(concat(Uint8Array.of(0xd8, 0x2a, 0x58, 0x25, 0x00, 0x01, 0x71, 0x12, 0x20), sha256(token))));
}

function invocation(from: Party, proofs: readonly Uint8Array[], changes: Claims = {}): Uint8Array {
  const prf = proofs.map(link);
  return envelope('ucan/inv@1.0.0', { iss: from.did, sub: alice.did, cmd: '/msg/send', args: {}, prf, nonce, exp: null, ...changes }, from);
}

test('a chain of our own making is accepted, and each broken rule has its code', () => {
  const root = delegation(alice, bob);
  const middle = delegation(bob, carol, { cmd: '/msg/send', pol: [['like', '.to', '*@example.com']], nbf: now_s - 1, exp: now_s + 1 });
  const args = { to: 'x@example.com' };
  assert.is(codeOf(importUcan(invocation(carol, [root, middle], { args }), [middle, root], now_s)), 'accepted');
  const refusals: readonly (readonly [what: string, code: string, token: Uint8Array, proofs: readonly Uint8Array[]])[] = [
    ['a command beside the delegated one', 'UCAN_COMMAND', invocation(bob, [root], { cmd: '/msgs' }), [root]],
    ['a command above the delegated one', 'UCAN_COMMAND', invocation(bob, [root], { cmd: '/' }), [root]],
    ['a link that widens', 'UCAN_COMMAND', invocation(carol, [root, delegation(bob, carol, { cmd: '/' })], {}), [root, delegation(bob, carol, { cmd: '/' })]],
    ['somebody else than the holder', 'UCAN_AUDIENCE', invocation(carol, [root]), [root]],
    ['arguments that a link forbids', 'UCAN_POLICY', invocation(carol, [root, middle], { args: { to: 'x@example.org' } }), [root, middle]],
    ['arguments that are missing', 'UCAN_POLICY', invocation(carol, [root, middle]), [root, middle]],
    ['links in the wrong order', 'UCAN_ROOT', invocation(carol, [middle, root], { args }), [root, middle]],
    ['a root that is not the subject', 'UCAN_ROOT', invocation(carol, [delegation(bob, carol)]), [delegation(bob, carol)]],
    ['an invocation as a proof', 'UCAN_MALFORMED', invocation(bob, [invocation(alice, [])]), [invocation(alice, [])]],
    ['a claim too many', 'UCAN_MALFORMED', invocation(alice, [], { admin: true }), []],
    ['a command in capitals', 'UCAN_MALFORMED', invocation(alice, [], { cmd: '/Msg' }), []],
    ['a command that ends in a slash', 'UCAN_MALFORMED', invocation(alice, [], { cmd: '/msg/' }), []],
    ['a time with a fraction', 'UCAN_MALFORMED', invocation(alice, [], { exp: 1.5 }), []],
    ['a number that JSON cannot carry', 'UCAN_MALFORMED', invocation(alice, [], { args: { n: 2n ** 60n } }), []],
    ['a map that looks like bytes', 'UCAN_MALFORMED', invocation(alice, [], { args: { '/': { bytes: '' } } }), []],
    ['an unknown operator', 'UCAN_MALFORMED', delegation(alice, bob, { pol: [['matches', '.to', 'x']] }), []],
    ['a broken selector', 'UCAN_MALFORMED', delegation(alice, bob, { pol: [['==', 'to', 1]] }), []],
    ['too many statements', 'UCAN_MALFORMED', delegation(alice, bob, { pol: Array.from({ length: policy_statements_max + 1 }, () => ['==', '.', 1]) }), []],
    ['an issuer of another method', 'UCAN_PRINCIPAL', invocation(alice, [], { iss: 'did:web:example.com' }), []],
    ['an audience of another method', 'UCAN_PRINCIPAL', delegation(alice, bob, { aud: 'did:web:example.com' }), []],
    ['another signer', 'UCAN_FORGED', envelope('ucan/dlg@1.0.0', { iss: alice.did, aud: bob.did, sub: alice.did, cmd: '/', pol: [], nonce, exp: null }, bob), []],
    ['another algorithm', 'UCAN_HEADER', envelope('ucan/dlg@1.0.0', {}, alice, Uint8Array.of(0x34, 0x01, 0xec, 0x01)), []],
    ['another version', 'UCAN_HEADER', envelope('ucan/dlg@0.9.0', {}, alice), []],
    ['no envelope', 'UCAN_MALFORMED', encodeCbor({ a: 1 }), []],
    ['too many bytes', 'UCAN_TOO_LARGE', new Uint8Array(ucan_bytes_max + 1), []],
    ['too many proofs', 'UCAN_TOO_LARGE', invocation(bob, [root]), Array.from({ length: 9 }, () => root)],
  ];
  for (const [what, code, token, proofs] of refusals) assert.is(codeOf(importUcan(token, proofs, now_s)), code, what);
});

test('arguments are shown and compared whole, also under a name that objects have a meaning for', () => {
  const hidden = new Map<string, unknown>([['a', 1], ['__proto__', { admin: true }]]);
  const args = Object.fromEntries(hidden);
  const open = delegation(alice, bob);
  const shown = unwrap(importUcan(invocation(bob, [open], { args }), [open], now_s));
  assert.equal(Object.keys(Object(shown.arguments)), ['a', '__proto__']);
  const strict = delegation(alice, bob, { pol: [['==', '.', { a: 1 }]] });
  assert.is(codeOf(importUcan(invocation(bob, [strict], { args }), [strict], now_s)), 'UCAN_POLICY');
});

test('nesting without end is refused', () => {
  let args: unknown = 1;
  for (let depth = 0; depth < 1000; depth += 1) args = [args];
  assert.is(codeOf(parseUcan(invocation(alice, [], { args: { args } }))), 'UCAN_MALFORMED');
  let statement: unknown = ['==', '.', 1];
  for (let depth = 0; depth < 16; depth += 1) statement = ['not', statement];
  assert.is(codeOf(parseUcan(delegation(alice, bob, { pol: [statement] }))), 'UCAN_MALFORMED');
});

test('a policy that would take long is stopped, whatever it would have said', () => {
  const slow = unwrap(parsePolicy(['not', 'and'].map((operator) => {
    const star: unknown = ['like', '.', `*${'a'.repeat(700)}b`];
    return operator === 'not' ? ['not', ['any', '.', star]] : ['and', [['all', '.', star]]];
  })));
  const texts = Array.from({ length: 8 }, () => 'a'.repeat(1500));
  for (const statement of slow) assert.is(codeOf(checkPolicy([statement], texts)), 'UCAN_TOO_COMPLEX');
  assert.is(codeOf(checkPolicy(unwrap(parsePolicy([['==', `.${'[0:]'.repeat(32)}`, 1]])), Array.from({ length: 4000 }, () => 1))), 'UCAN_TOO_COMPLEX');
});

test('selectors reach fields, items, slices and values, and never what is inherited', () => {
  const data = { list: [1, 2, 3], 'a b': { deep: true }, none: null };
  const holds = (...policy: readonly unknown[]): boolean => checkPolicy(unwrap(parsePolicy(policy)), data).ok;
  for (const statement of [
    ['==', '.list[0]', 1], ['==', '.list[-1]', 3], ['==', '.list[1:]', [2, 3]], ['==', '.list[:-2]', [1]], ['==', '.["a b"].deep', true],
    ['any', '.list[]', ['==', '.', 2]], ['==', '.missing?', null], ['==', '.none', null], ['all', '.list', ['>=', '.', 1]],
  ]) assert.is(holds(statement), true, JSON.stringify(statement));
  for (const statement of [
    ['==', '.missing', null], ['!=', '.missing', 1], ['==', '.list[3]', 1], ['!=', '.constructor', 1], ['!=', '.__proto__', 1], ['==', '.list.length', 3],
    ['any', '.none', ['==', '.', null]], ['>', '.list', 0],
  ]) assert.is(holds(statement), false, JSON.stringify(statement));
  for (const selector of ['', 'list', '.list[', '.list[0', '..', '.list[x]', '.a-b', `.${'a'.repeat(600)}`, `.${'[0]'.repeat(33)}`]) {
    assert.is(codeOf(parsePolicy([['==', selector, 1]])), 'UCAN_MALFORMED', selector);
  }
});

test('a command is shown in our grammar where that can say it', () => {
  assert.equal(capabilitiesOf('/'), ['invoke:**']);
  assert.equal(capabilitiesOf('/crud/create'), ['invoke:crud/create', 'invoke:crud/create/**']);
  assert.equal(capabilitiesOf('/é'), []);
  assert.equal(capabilitiesOf('/*'), [], 'a star is a name there, not a wildcard');
});

// The types of iso-signatures and iso-ucan differ in members that are absent or undefined.
function isSigner(value: object): value is ISigner {
  return 'signatureType' in value && 'sign' in value;
}

async function signerOf({ key }: Party): Promise<ISigner> {
  const signer: object = await EdDSASigner.generate(key.seed);
  if (!isSigner(signer)) throw new Error('iso-signatures has another shape');
  return signer;
}

test('what iso-ucan makes is read as it was meant', async () => {
  const iss = await signerOf(alice);
  const invoker = await signerOf(bob);
  const later_s = Math.floor(Date.now() / 1000) + 3600;
  const proof = await Delegation.create({ iss, aud: invoker.did, sub: iss.did, cmd: '/mail', pol: [['==', '.to', 'carol']], exp: later_s });
  const asked = await Invocation.create({
    iss: invoker, sub: iss.did, cmd: '/mail/send', args: { to: 'carol' }, prf: [proof], exp: later_s,
    verifierResolver: new Resolver({ ...verifier }),
  });
  const view = unwrap(importUcan(asked.bytes, [proof.bytes], later_s - 1));
  assert.is(view.id, String(asked.cid));
  assert.equal(view.proofs.map(({ id }) => id), [String(proof.cid)]);
  assert.equal(view.arguments, { to: 'carol' });
  assert.is(codeOf(importUcan(asked.bytes, [], later_s - 1)), 'UCAN_PROOF_MISSING');
  assert.is(codeOf(importUcan(asked.bytes, [proof.bytes], later_s)), 'UCAN_EXPIRED');
});

test('a file may hold a token as bytes or as text', () => {
  const bytes = delegation(alice, bob);
  assert.equal(ucanBytes(bytes), bytes);
  assert.equal(ucanBytes(utf8(`${toBase64(bytes)}\n`)), bytes);
  assert.equal(ucanBytes(utf8(Buffer.from(bytes).toString('base64url'))), bytes);
  assert.is(codeOf(parseUcan(ucanBytes(utf8('hello')))), 'UCAN_MALFORMED');
  assert.is(codeOf(parseUcan(ucanBytes(new Uint8Array()))), 'UCAN_MALFORMED');
});

test.run();
