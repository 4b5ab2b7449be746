/** The cases of `did.json` about the form of records: each bound from both sides, and members that are not what they must be. */
import { encodeCbor, type Fields } from '../../crypto/canonical.ts';
import { attestationsHash, witnessedBytes } from '../../crypto/did-events.ts';
import { sha256 } from '../../crypto/hash.ts';
import type { SigningKey } from '../../crypto/keys.ts';
import { keyNamed, start_ms } from '../people.ts';
import type { VectorCase } from './case.ts';
import { accept, documentOf, establishment, genesis, record, sign, updateKey, verify, type Draft } from './did-cases.ts';

const record_bytes_max = 10_240;

/** An event of any form, signed as a good one is. */
function signed(event: Fields, key: SigningKey): Fields {
  return { event, signatures: [{ key: 0, signature: key.sign(sha256(encodeCbor(event))) }] };
}

function keysOf(count: number): Uint8Array[] {
  return Array.from({ length: count }, (_, index) => updateKey(0, index).public_key);
}

function bounds(): VectorCase[] {
  const [method] = documentOf(establishment(0, null)).methods;
  const [service] = documentOf(establishment(0, null)).services;
  if (method === undefined || service === undefined) throw new Error('a document has a method and a service');
  const invalid = 'RECORD_INVALID';
  const methods = (count: number): Fields => ({ methods: Array.from({ length: count }, (_, index) => ({ ...method, id: `key-${index}` })) });
  const services = (count: number, endpoints: number): Fields => ({ services: Array.from({ length: count }, (_, index) => ({ ...service, id: `mesh-${index}`, endpoints: Array.from({ length: endpoints }, (_, port) => `/ip4/192.0.2.1/tcp/${port + 1}`) })) });
  const capabilities = (count: number): Fields => ({ capabilities: Array.from({ length: count }, (_, index) => `read:${index}`) });
  const witness_keys = Array.from({ length: 9 }, (_, index) => keyNamed(`vectors, many witnesses ${index}`));
  const watched = (count: number, needed: number): Draft => {
    const event = establishment(0, null, { witnesses: witness_keys.slice(0, count).map((key) => key.public_key), witness_threshold: needed });
    const witness_signatures = witness_keys.slice(0, needed).map((key, witness) => ({ number: 0, witness, signature: key.sign(witnessedBytes(event)) }));
    return { chain: [sign(event)], witness_signatures };
  };
  const hashes = (count: number): Uint8Array[] => Array.from({ length: count }, (_, index) => sha256(updateKey(1, index).public_key));
  const padding = record_bytes_max - record({ attestations: ['x'.repeat(9000)] }).length + 9000;
  return [
    accept('eight keys', { ...genesis({ keys: keysOf(8) }), signers: [updateKey(0)] }), verify('nine keys', record({ ...genesis({ keys: keysOf(9) }), signers: [updateKey(0)] }), invalid),
    accept('eight next keys', genesis({ next_keys: hashes(8) })), verify('nine next keys', record(genesis({ next_keys: hashes(9) })), invalid),
    accept('five of eight witnesses', watched(8, 5)), verify('five of nine witnesses', record(watched(9, 5)), invalid), verify('half of the witnesses, so that each half could sign another history', record(watched(8, 4)), invalid),
    accept('eight methods', { document: methods(8) }),
    accept('eight services of 16 endpoints', { document: services(8, 16) }), verify('nine services', record({ document: services(9, 1) }), invalid), verify('17 endpoints', record({ document: services(1, 17) }), invalid),
    accept('32 capabilities', { document: capabilities(32) }), verify('33 capabilities', record({ document: capabilities(33) }), invalid),
    accept('a name of 256 characters', { document: { name: 'x'.repeat(256) } }),
    accept('two attestations', { attestations: ['x', 'y'] }), verify('three attestations', record({ attestations: ['x', 'y', 'z'] }), invalid),
    accept('exactly 10,240 bytes', { attestations: ['x'.repeat(padding)] }), verify('one byte more', record({ attestations: ['x'.repeat(padding + 1)] }), 'RECORD_TOO_LARGE'),
    accept('300 s from the future', {}, start_ms - 300_000),
  ];
}

function forms(): VectorCase[] {
  const first = establishment(0, null);
  const document = documentOf(first);
  const [method] = document.methods;
  const [service] = document.services;
  if (method === undefined || service === undefined) throw new Error('a document has a method and a service');
  const whole = (event: Fields, of_document: Fields): Uint8Array => encodeCbor({
    version: 1, establishments: [signed(event, updateKey(0))], document: signed({ ...of_document, establishment: sha256(encodeCbor(event)) }, updateKey(0)), attestations: [], witness_signatures: [],
  });
  const documents: readonly Fields[] = [
    { type: 'establishment' }, { extra: 1 }, { sequence: -1 }, { sequence: '1' }, { time: -1 }, { expires: null }, { expires: 8_640_000_000_000_001 }, { deactivated: 0 }, { name: null }, { methods: null }, { retired: {} },
    { methods: [{ ...method, id: 'Key' }] }, { methods: [{ ...method, id: '' }] }, { methods: [{ ...method, uses: ['keyAgreement'] }] }, { methods: [{ ...method, uses: 'authentication' }] }, { methods: [{ ...method, key: method.key.subarray(1) }] }, { methods: [{ ...method, extra: 1 }] },
    { services: [{ ...service, type: 'Other' }] }, { services: [{ ...service, endpoints: 'x' }] }, { services: [{ ...service, endpoints: ['x'.repeat(257)] }] }, { capabilities: ['x'.repeat(257)] }, { capabilities: [1] },
    { attestations: new Uint8Array(31) }, { witnessed: 'x' }, { predecessor: 'alice' }, { successor: 1 },
  ];
  const events: readonly Fields[] = [
    { type: 'document' }, { extra: 1 }, { number: -1 }, { kind: 'robot' }, { keys: [] }, { keys: [updateKey(0).public_key.subarray(1)] }, { keys: 'x' }, { threshold: 1.5 }, { threshold: null }, { next_keys: [] }, { next_keys: [new Uint8Array(31)] },
    { next_keys: [sha256(updateKey(1).public_key), sha256(updateKey(1).public_key)] }, { next_threshold: 0 }, { next_threshold: 2 }, { sponsor: 'alice' }, { witnesses: null }, { time: -1 }, { time: '1' },
  ];
  return [
    ...documents.map((changes, index) => verify(`a document of wrong form, ${index + 1}: ${Object.keys(changes).join(', ')}`, whole({ ...first }, { ...document, ...changes }), 'RECORD_INVALID')),
    ...events.map((changes, index) => verify(`a genesis event of wrong form, ${index + 1}: ${Object.keys(changes).join(', ')}`, whole({ ...first, ...changes }, { ...document }), 'RECORD_INVALID')),
    accept('the same, made in the same way, of good form', { document: { attestations: attestationsHash([]) } }),
  ];
}

/** Every case about the form of records. */
export function didFormCases(): readonly VectorCase[] {
  return [...bounds(), ...forms()];
}
