/** The cases of `sync.json`: tries of statements, and the messages of `/agentmesh/sync/1`. */
import { crc32 } from 'node:zlib';
import { bigEndian, concat, fromHex, toBase64url, toHex, utf8 } from '../../crypto/bytes.ts';
import { encodeCbor, type Fields } from '../../crypto/canonical.ts';
import { sha256 } from '../../crypto/hash.ts';
import { unwrap } from '../../crypto/result.ts';
import { signEndorsement, signRevocation } from '../../crypto/statement.ts';
import { person, start_ms, start_s } from '../people.ts';
import { refusal, type VectorCase } from './case.ts';

const alice = await person('vectors, alice');
const bob = await person('vectors, bob');
const day_s = 86_400;
const day = Math.floor(start_s / day_s);

/** The hash of a set of ids by the definition: `0x00` and up to 32 ids in order, else `0x01`, the map of children and their hashes. */
function naiveRoot(ids: readonly string[], depth = 0): Uint8Array {
  if (ids.length <= 32) return sha256(concat(Uint8Array.of(0), ...[...ids].sort().map(bytesOfHex))).slice(0, 16);
  const { map, hashes } = naiveBranch(ids, depth);
  return sha256(concat(Uint8Array.of(1, map >> 8, map & 255), hashes)).slice(0, 16);
}

function bytesOfHex(hex: string): Uint8Array {
  const bytes = fromHex(hex);
  if (bytes === undefined) throw new Error('ids are hexadecimal');
  return bytes;
}

function naiveBranch(ids: readonly string[], depth: number): { readonly map: number; readonly hashes: Uint8Array } {
  let map = 0;
  const hashes: Uint8Array[] = [];
  for (let digit = 0; digit < 16; digit += 1) {
    const below = ids.filter((id) => Number.parseInt(id.charAt(depth), 16) === digit);
    if (below.length === 0) continue;
    map |= 1 << digit;
    hashes.push(naiveRoot(below, depth + 1));
  }
  return { map, hashes: concat(...hashes) };
}

function idsOf(count: number): readonly string[] {
  return Array.from({ length: count }, (_, index) => toHex(sha256(utf8(`id ${index}`))));
}

const joined = (ids: readonly string[]): string => toBase64url(concat(...ids.map(bytesOfHex)));

function tries(): VectorCase[] {
  const near = (prefix: string, count: number): string[] => idsOf(count).map((id) => prefix + id.slice(prefix.length));
  const root = (name: string, ids: readonly string[], given = ids): VectorCase => ({ name, task: 'trie root', input: { ids: joined(given) }, expect: { root: toBase64url(naiveRoot(ids)) } });
  const thousand = idsOf(1000);
  const node = (prefix: string, ids = thousand): VectorCase => {
    const below = [...ids].sort().filter((id) => id.startsWith(prefix));
    const branch = below.length > 32 ? naiveBranch(below, prefix.length) : undefined;
    const expect: Fields = branch === undefined ? { ids: joined(below) } : { map: branch.map, hashes: toBase64url(branch.hashes) };
    return { name: `the node ${JSON.stringify(prefix)} of ${ids.length} ids`, task: 'trie node', input: { ids: joined(ids), prefix }, expect: below.length === 0 ? { absent: true } : expect };
  };
  return [
    root('no id', []), root('one id', idsOf(1)), root('32 ids, one leaf', idsOf(32)), root('33 ids, a branch', idsOf(33)), root('1,000 ids', thousand), root('1,000 ids in another order', [...thousand].reverse()),
    root('an id given twice', idsOf(32), [...idsOf(32), ...idsOf(1)]), root('33 ids with ten digits in common', near('0123456789', 33)), root('33 ids with 15 digits in common and ten others', [...near('fedcba987654321', 33), ...idsOf(10)]),
    node(''), node('a'), node('a0'), node('f'), node('', idsOf(5)), node(idsOf(1)[0]?.slice(0, 8) ?? '', idsOf(5)), node('0000000000'),
  ];
}

/** The JSON form of a value: bytes as base64url. */
export function jsonOf(value: unknown): unknown {
  if (value instanceof Uint8Array) return toBase64url(value);
  if (Array.isArray(value)) return value.map(jsonOf);
  return typeof value === 'object' && value !== null ? Object.fromEntries(Object.entries(value).map(([name, item]) => [name, jsonOf(item)])) : value;
}

const hash16 = new Uint8Array(16).fill(7);
const id32 = new Uint8Array(32).fill(9);
const good_requests: readonly (readonly [name: string, request: Fields])[] = [
  ['days', { kind: 'days', topic: 'revocations', after: null }], ['days after a day', { kind: 'days', topic: 'others', after: day }],
  ['nodes', { kind: 'nodes', topic: 'others', nodes: [{ day, prefix: '', hash: hash16 }, { day, prefix: '0123456789abcdef', hash: hash16 }] }], ['no nodes', { kind: 'nodes', topic: 'others', nodes: [] }],
  ['statements', { kind: 'statements', ids: [id32, id32] }], ['248 statements', { kind: 'statements', ids: Array.from({ length: 248 }, () => id32) }], ['960 nodes', { kind: 'nodes', topic: 'others', nodes: Array.from({ length: 960 }, () => ({ day, prefix: '', hash: hash16 })) }], ['a snapshot', { kind: 'snapshot', topic: 'others', day, prefix: '', after: null }], ['a snapshot gone on with', { kind: 'snapshot', topic: 'revocations', day, prefix: 'f', after: id32 }],
];

function requests(): VectorCase[] {
  const read = (name: string, request: Uint8Array, expect: Fields): VectorCase => ({ name: `request: ${name}`, task: 'read sync request', input: { request: toBase64url(request) }, expect });
  const node = { day, prefix: '', hash: hash16 };
  const malformed: readonly (readonly [name: string, request: unknown])[] = [
    ['a member too many', { kind: 'days', topic: 'others', after: null, day: 1 }], ['a topic that does not exist', { kind: 'days', topic: 'all', after: null }], ['no after', { kind: 'days', topic: 'others' }], ['a negative day', { kind: 'days', topic: 'others', after: -1 }],
    ['nodes without a topic', { kind: 'nodes', nodes: [] }], ['961 nodes', { kind: 'nodes', topic: 'others', nodes: Array.from({ length: 961 }, () => node) }], ['a prefix of 17 digits', { kind: 'nodes', topic: 'others', nodes: [{ ...node, prefix: '0'.repeat(17) }] }],
    ['a prefix in capitals', { kind: 'nodes', topic: 'others', nodes: [{ ...node, prefix: 'A' }] }], ['a hash of 32 bytes', { kind: 'nodes', topic: 'others', nodes: [{ ...node, hash: id32 }] }], ['a hash as text', { kind: 'nodes', topic: 'others', nodes: [{ ...node, hash: 'x' }] }],
    ['249 statements', { kind: 'statements', ids: Array.from({ length: 249 }, () => id32) }], ['an id of 16 bytes', { kind: 'statements', ids: [hash16] }], ['a topic for statements', { kind: 'statements', topic: 'others', ids: [] }],
    ['a snapshot without a day', { kind: 'snapshot', topic: 'others', prefix: '', after: null }], ['a snapshot after 16 bytes', { kind: 'snapshot', topic: 'others', day, prefix: '', after: hash16 }], ['a snapshot of no topic', { kind: 'snapshot', topic: null, day, prefix: '', after: null }],
  ];
  const [, days] = good_requests[0] ?? ['', {}];
  const encoded = encodeCbor(days);
  return [
    ...good_requests.map(([name, request]) => read(name, encodeCbor(request), { request: jsonOf(request) })),
    ...malformed.map(([name, request]) => read(name, encodeCbor(request), refusal('SYNC_MALFORMED'))),
    read('no bytes', new Uint8Array(), refusal('SYNC_MALFORMED')), read('cut short', encoded.subarray(0, -1), refusal('SYNC_MALFORMED')), read('a byte after the end', concat(encoded, Uint8Array.of(0)), refusal('SYNC_MALFORMED')),
    read('the map length in a longer spelling', concat(Uint8Array.of(0xb8, 3), encoded.subarray(1)), refusal('SYNC_MALFORMED')),
    ...[{ kind: 'roots' }, {}, [], null, { kind: 1 }, { kind: 'days', topic: 'others', after: null, extra: 1 }].map((request) => read(JSON.stringify(request), encodeCbor(request), refusal('SYNC_KIND_UNKNOWN'))),
  ];
}

const endorsement = (scope: string): Promise<string> => signEndorsement(alice.signer, { sub: bob.did, scope, seq: 1, nbf: start_s, exp: start_s + 3600, weight: 500, why: '' }).then(unwrap);
const idOf = (token: string): Uint8Array => sha256(utf8(token));
const byId = (one: string, other: string): number => Number(toHex(idOf(one)) > toHex(idOf(other))) * 2 - 1;

interface Statements {
  readonly praise: readonly string[];
  readonly end: string;
  readonly end_day: number;
}

/** Forty endorsements in the order of their ids, which end on one day, and a revocation. */
async function statements(): Promise<Statements> {
  const praise = await Promise.all(Array.from({ length: 40 }, (_, index) => endorsement(`s${index}`)));
  const end = unwrap(await signRevocation(alice.signer, { target: { kind: 'agent', id: bob.did }, seq: 1, nbf: start_s, why: '' }));
  return { praise: praise.sort(byId), end, end_day: Math.floor((start_s + 36_525 * day_s) / day_s) };
}

const rootOf = (tokens: readonly string[]): Uint8Array => naiveRoot(tokens.map((token) => toHex(idOf(token))));

function places({ praise, end, end_day }: Statements): VectorCase[] {
  const place = (name: string, token: string, topic: string, at: number): VectorCase => ({ name, task: 'place of a statement', input: { token }, expect: { topic, day: at } });
  return [place('an endorsement is compared under the day of its end', praise[0] ?? '', 'others', day), place('a revocation is compared apart', end, 'revocations', end_day)];
}

function answers({ praise, end, end_day }: Statements): VectorCase[] {
  const answered = (name: string, request: Fields, answer: Fields, now_ms = start_ms): VectorCase => ({
    name: `answer: ${name}`, task: 'answer sync request', input: { tokens: [...praise, end], now_ms, request: toBase64url(encodeCbor(request)) },
    expect: request['kind'] === 'snapshot' ? answer : { answer: toBase64url(encodeCbor(answer)) },
  });
  const root = rootOf(praise);
  const { map, hashes } = naiveBranch(praise.map((token) => toHex(idOf(token))), 0);
  const [some = '', other = ''] = praise;
  const prefix = toHex(idOf(some)).slice(0, 1);
  const below = praise.filter((token) => toHex(idOf(token)).startsWith(prefix));
  return [
    answered('days', { kind: 'days', topic: 'others', after: null }, { days: [{ day, count: 40, root }] }),
    answered('days of revocations', { kind: 'days', topic: 'revocations', after: null }, { days: [{ day: end_day, count: 1, root: rootOf([end]) }] }),
    answered('no day after the last', { kind: 'days', topic: 'others', after: day }, { days: [] }),
    answered('a day that is over is not listed', { kind: 'days', topic: 'others', after: null }, { days: [] }, start_ms + day_s * 1000),
    answered('a branch', { kind: 'nodes', topic: 'others', nodes: [{ day, prefix: '', hash: root }] }, { nodes: [{ map, hashes }] }),
    answered('a leaf', { kind: 'nodes', topic: 'others', nodes: [{ day, prefix, hash: rootOf(below) }] }, { nodes: [{ ids: concat(...below.map(idOf)) }] }),
    answered('a node that is not what it was', { kind: 'nodes', topic: 'others', nodes: [{ day, prefix: '', hash: hash16 }, { day: day + 1, prefix: '', hash: root }] }, { nodes: [null, null] }),
    answered('statements, without those that are not there', { kind: 'statements', ids: [idOf(other), id32, idOf(some)] }, { statements: [other, some] }),
    answered('a snapshot', { kind: 'snapshot', topic: 'others', day, prefix: '', after: null }, { tokens: praise, more: false }),
    answered('the rest of a snapshot', { kind: 'snapshot', topic: 'others', day, prefix: '', after: idOf(praise[37] ?? '') }, { tokens: praise.slice(38), more: false }),
    answered('a part of a snapshot', { kind: 'snapshot', topic: 'others', day, prefix, after: null }, { tokens: below, more: false }),
  ];
}

/** A text as gzip without compression (RFC 1952), which is the same whatever library unpacks it. */
function gzipped(text: string): Uint8Array {
  const bytes = utf8(text);
  const little = (value: number, length: number): Uint8Array => bigEndian(value, length).reverse();
  const header = Uint8Array.of(0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff);
  return concat(header, Uint8Array.of(1), little(bytes.length, 2), little(0xffff - bytes.length, 2), bytes, little(crc32(bytes), 4), little(bytes.length, 4));
}

function readAnswers({ praise }: Statements): VectorCase[] {
  const read = (name: string, request: Fields, answer: unknown, code?: string): VectorCase => ({
    name: `read: ${name}`, task: 'read sync answer', input: { request: toBase64url(encodeCbor(request)), answer: toBase64url(encodeCbor(answer)) }, expect: code === undefined ? { understood: true } : refusal(code),
  });
  const days = { kind: 'days', topic: 'others', after: day };
  const one = { day: day + 1, count: 1, root: hash16 };
  const ids = praise.slice(0, 3).map(idOf);
  const leaf = concat(...ids);
  const leaf_hash = rootOf(praise.slice(0, 3));
  const asked = (hash: Uint8Array, prefix = ''): Fields => ({ kind: 'nodes', topic: 'others', nodes: [{ day, prefix, hash }] });
  const { map, hashes } = naiveBranch(praise.map((token) => toHex(idOf(token))), 0);
  const root = rootOf(praise);
  const children = hashes.length / 16;
  const whole = praise.map((token) => toHex(idOf(token)));
  const deep = sha256(concat(Uint8Array.of(1, 0, 1), hash16)).slice(0, 16);
  const wanted = { kind: 'statements', ids: [id32] };
  const snapshot = { kind: 'snapshot', topic: 'others', day, prefix: '', after: null };
  const lie = 'SYNC_LIE';
  return [
    read('days', days, { days: [one, { ...one, day: day + 2 }] }), read('no days', days, { days: [] }), read('days that go back', days, { days: [one, one] }, lie), read('a day that was not asked for', days, { days: [{ ...one, day }] }, lie),
    read('an empty day', days, { days: [{ ...one, count: 0 }] }, lie), read('a root of 32 bytes', days, { days: [{ ...one, root: id32 }] }, lie),
    read('no list of days', days, {}, lie), read('a day with a member too many', days, { days: [{ ...one, more: 1 }] }, lie),
    read('a leaf', asked(leaf_hash), { nodes: [{ ids: leaf }] }), read('a branch', asked(root), { nodes: [{ map, hashes }] }), read('a node that changed', asked(root), { nodes: [null] }),
    read('a leaf that does not hash to what was shown', asked(hash16), { nodes: [{ ids: leaf }] }, lie), read('a child that does not hash to its parent', asked(root), { nodes: [{ map, hashes: concat(hash16, hashes.subarray(16)) }] }, lie),
    read('children under other digits', asked(sha256(concat(Uint8Array.of(1, 0, 3), hash16, hash16)).slice(0, 16)), { nodes: [{ map: 5, hashes: concat(hash16, hash16) }] }, lie),
    read('ids in another order', asked(leaf_hash), { nodes: [{ ids: concat(...[...ids].reverse()) }] }, lie), read('an id twice', asked(sha256(concat(Uint8Array.of(0), ids[0] ?? leaf, ids[0] ?? leaf)).slice(0, 16)), { nodes: [{ ids: concat(ids[0] ?? leaf, ids[0] ?? leaf) }] }, lie),
    read('ids with another prefix', asked(leaf_hash, whole[0]?.startsWith('f') === true ? '0' : 'f'), { nodes: [{ ids: leaf }] }, lie), read('an empty leaf', asked(naiveRoot([])), { nodes: [{ ids: new Uint8Array() }] }, lie),
    read('33 ids in a leaf', asked(sha256(concat(Uint8Array.of(0), ...praise.slice(0, 33).map(idOf))).slice(0, 16)), { nodes: [{ ids: concat(...praise.slice(0, 33).map(idOf)) }] }, lie), read('half an id', asked(leaf_hash), { nodes: [{ ids: leaf.subarray(0, 80) }] }, lie),
    read('a branch without children', asked(sha256(Uint8Array.of(1, 0, 0)).slice(0, 16)), { nodes: [{ map: 0, hashes: new Uint8Array() }] }, lie), read('fewer hashes than the map has bits', asked(root), { nodes: [{ map, hashes: hashes.subarray(0, 16 * (children - 1)) }] }, lie),
    read('a map of 17 bits', asked(root), { nodes: [{ map: 0x10000, hashes: hash16 }] }, lie), read('a branch below 16 digits', asked(deep, '0'.repeat(16)), { nodes: [{ map: 1, hashes: hash16 }] }, lie),
    read('a branch at 15 digits', asked(deep, '0'.repeat(15)), { nodes: [{ map: 1, hashes: hash16 }] }), read('fewer nodes than were asked for', asked(root), { nodes: [] }, lie), read('what is neither leaf nor branch', asked(root), { nodes: [{ map, hashes, ids: leaf }] }, lie),
    read('statements', wanted, { statements: [praise[0]] }), read('no statements', wanted, { statements: [] }), read('more statements than were asked for', wanted, { statements: ['a', 'b'] }, lie), read('statements that are no texts', wanted, { statements: [1] }, lie),
    read('a snapshot', snapshot, { tokens: gzipped('x'), more: false }), read('a snapshot as text', snapshot, { tokens: 'x', more: false }, lie), read('a snapshot without its end', snapshot, { tokens: new Uint8Array() }, lie),
  ];
}

function dialogues({ praise, end, end_day }: Statements): VectorCase[] {
  const dialogue = (name: string, given: readonly unknown[], expect: Fields): VectorCase => ({
    name: `sync: ${name}`, task: 'sync with a peer', expect,
    input: { answers: given.map((answer) => toBase64url(answer instanceof Uint8Array ? answer : encodeCbor(answer))), records: [alice, bob].map(({ record }) => toBase64url(record.bytes)), now_ms: start_ms },
  });
  const few = praise.slice(0, 2);
  const nothing = { days: [] };
  const digitOf = (token: string): string => toHex(idOf(token)).slice(0, 1);
  const leaves = [...new Set(praise.map(digitOf))].map((digit) => praise.filter((token) => digitOf(token) === digit));
  const of_days = (tokens: readonly string[], at = day): Fields => ({ days: [{ day: at, count: tokens.length, root: rootOf(tokens) }] });
  const of_leaf = (tokens: readonly string[]): Fields => ({ nodes: [{ ids: concat(...tokens.map(idOf)) }] });
  // So many that they are streamed, as far as the count goes.
  const streamed = { days: [{ day, count: 256, root: rootOf(few) }] };
  const ask = (request: Fields): string => toBase64url(encodeCbor(request));
  const forged = `${(praise[0] ?? '').slice(0, -20)}${(praise[0] ?? '').at(-20) === 'A' ? 'B' : 'A'}${(praise[0] ?? '').slice(-19)}`;
  const ten = praise.slice(0, 10);
  const lie = refusal('SYNC_LIE');
  return [
    dialogue('revocations first, then the rest, each until nothing is missing', [
      of_days([end], end_day), of_leaf([end]), { statements: [end] }, of_days([end], end_day), of_days(few), of_leaf(few), { statements: few }, of_days(few),
    ], {
      requests: [
        { kind: 'days', topic: 'revocations', after: null }, { kind: 'nodes', topic: 'revocations', nodes: [{ day: end_day, prefix: '', hash: rootOf([end]) }] }, { kind: 'statements', ids: [idOf(end)] }, { kind: 'days', topic: 'revocations', after: null },
        { kind: 'days', topic: 'others', after: null }, { kind: 'nodes', topic: 'others', nodes: [{ day, prefix: '', hash: rootOf(few) }] }, { kind: 'statements', ids: few.map(idOf) }, { kind: 'days', topic: 'others', after: null },
      ].map(ask),
      kept: [end, ...few].map((token) => toBase64url(idOf(token))).sort(),
    }),
    dialogue('a day of which little is here is streamed', [nothing, streamed, { tokens: gzipped(few.join('\n')), more: false }, streamed], {
      requests: [
        { kind: 'days', topic: 'revocations', after: null }, { kind: 'days', topic: 'others', after: null }, { kind: 'snapshot', topic: 'others', day, prefix: '', after: null }, { kind: 'days', topic: 'others', after: null },
      ].map(ask),
      kept: few.map((token) => toBase64url(idOf(token))).sort(),
    }),
    dialogue('a day of 255 statements is walked', [nothing, { days: [{ day, count: 255, root: rootOf(few) }] }, of_leaf(few), { statements: few }, of_days(few)], {
      requests: [
        { kind: 'days', topic: 'revocations', after: null }, { kind: 'days', topic: 'others', after: null }, { kind: 'nodes', topic: 'others', nodes: [{ day, prefix: '', hash: rootOf(few) }] }, { kind: 'statements', ids: few.map(idOf) },
        { kind: 'days', topic: 'others', after: null },
      ].map(ask),
      kept: few.map((token) => toBase64url(idOf(token))).sort(),
    }),
    dialogue('a branch is walked, the children in the order of their digits', [nothing, of_days(praise), { nodes: [naiveBranch(praise.map((token) => toHex(idOf(token))), 0)] }, { nodes: leaves.map((tokens) => ({ ids: concat(...tokens.map(idOf)) })) }, { statements: praise }, of_days(praise)], {
      requests: [
        { kind: 'days', topic: 'revocations', after: null }, { kind: 'days', topic: 'others', after: null }, { kind: 'nodes', topic: 'others', nodes: [{ day, prefix: '', hash: rootOf(praise) }] },
        { kind: 'nodes', topic: 'others', nodes: leaves.map((tokens) => ({ day, prefix: digitOf(tokens[0] ?? ''), hash: rootOf(tokens) })) }, { kind: 'statements', ids: praise.map(idOf) }, { kind: 'days', topic: 'others', after: null },
      ].map(ask),
      kept: praise.map((token) => toBase64url(idOf(token))).sort(),
    }),
    dialogue('a node changed meanwhile, so that it is compared again', [nothing, of_days(praise), { nodes: [null] }, of_days(few), of_leaf(few), { statements: few }, of_days(few)], {
      requests: [
        { kind: 'days', topic: 'revocations', after: null }, { kind: 'days', topic: 'others', after: null }, { kind: 'nodes', topic: 'others', nodes: [{ day, prefix: '', hash: rootOf(praise) }] }, { kind: 'days', topic: 'others', after: null },
        { kind: 'nodes', topic: 'others', nodes: [{ day, prefix: '', hash: rootOf(few) }] }, { kind: 'statements', ids: few.map(idOf) }, { kind: 'days', topic: 'others', after: null },
      ].map(ask),
      kept: few.map((token) => toBase64url(idOf(token))).sort(),
    }),
    dialogue('a snapshot that is no gzip', [nothing, streamed, { tokens: utf8('x'), more: false }], lie), dialogue('a snapshot in another order', [nothing, streamed, { tokens: gzipped([...few].reverse().join('\n')), more: false }], lie),
    dialogue('a snapshot with a statement twice', [nothing, streamed, { tokens: gzipped([few[0], few[0]].join('\n')), more: false }], lie), dialogue('an empty page that promises more', [nothing, streamed, { tokens: gzipped(''), more: true }], lie),
    dialogue('an answer that is no CBOR', [Uint8Array.of(0xff)], lie), dialogue('an answer that is not deterministic', [Uint8Array.of(0xb8, 1, 0x64, 0x64, 0x61, 0x79, 0x73, 0x80)], lie),
    dialogue('a statement that was not asked for', [nothing, of_days(few), of_leaf(few), { statements: praise.slice(2, 4) }], lie), dialogue('a statement twice', [nothing, of_days(few), of_leaf(few), { statements: [few[0], few[0]] }], lie),
    dialogue('a statement with a bad signature', [nothing, of_days([forged]), of_leaf([forged]), { statements: [forged] }], lie), dialogue('a statement under another day', [nothing, of_days(few, day + 1), of_leaf(few), { statements: few }], lie),
    dialogue('a revocation under another topic', [nothing, of_days([end], end_day), of_leaf([end]), { statements: [end] }], lie), dialogue('ids of which it has less than half', [nothing, of_days(ten), of_leaf(ten), { statements: ten.slice(0, 4) }], lie),
  ];
}

/** Every case about reconciling statements. */
export async function syncCases(): Promise<readonly VectorCase[]> {
  const made = await statements();
  return [...tries(), ...places(made), ...requests(), ...answers(made), ...readAnswers(made), ...dialogues(made)];
}
