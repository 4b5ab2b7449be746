/** Verifying a chain of three delegations, and a command under it, beside bare signature checks and other libraries, in one run. */
import { generateKeyPairSync, sign, verify } from 'node:crypto';
import { toBase64url, utf8 } from '../../crypto/bytes.ts';
import { parseChain, parseInvocation, verifyChain, verifyInvocation, type Evidence } from '../../crypto/chain.ts';
import type { DidRecord } from '../../crypto/did-record.ts';
import { sha256 } from '../../crypto/hash.ts';
import { createToken } from '../../crypto/jwt.ts';
import { unwrap } from '../../crypto/result.ts';
import { unsponsored } from '../../protocols/revocation/sponsorship.ts';
import { chainOf, type LinkPlan } from '../chains.ts';
import { agentOf, directory, person, start_s, type Person } from '../people.ts';
import { perCpuSecond, perCpuSecondInTurns, short, turns_warm_up } from './stats.ts';

const cold_count = 2500;
const revoked_count = 10_000;
const session = 'session-1';
const args_hash = sha256(utf8('{}'));

interface Parties {
  readonly sponsor: Person;
  readonly agents: readonly [Person, Person, Person];
  readonly executor: Person;
  evidence(): Evidence;
}

/** Everybody with records and attestations, and ten thousand revocations of others, each of which is looked for as on a node. */
async function parties(): Promise<Parties> {
  const sponsor = await person('bench sponsor');
  const agents = [await agentOf(sponsor, 'bench a'), await agentOf(sponsor, 'bench b'), await agentOf(sponsor, 'bench c')] as const;
  const executor = await agentOf(sponsor, 'bench executor');
  const { known } = directory([sponsor, ...agents, executor]);
  const revoked = new Set(Array.from({ length: revoked_count }, (_, index) => `delegation ${toBase64url(sha256(utf8(String(index))))}`));
  const failure = { code: 'REVOKED', reason: 'it was revoked' };
  const has = (kind: string, id: string): boolean => revoked.has(`${kind} ${id}`);
  const state = {};
  const now_s = start_s + 60;
  const record = (did: string): DidRecord | undefined => known(did);
  return {
    sponsor, agents, executor,
    evidence: () => ({
      now_s, record, state,
      revoked: (link) => has('delegation', toBase64url(link.token.hash)) || has('token', link.jti) || has('did', link.iss) || has('did', link.aud) ? failure : undefined,
      revokedKey: (key_id) => has('key', key_id) ? failure : undefined,
      unsponsored: (agent) => unsponsored(agent, { now_s, record, revocation: () => undefined }),
      fresh: () => undefined,
    }),
  };
}

function plansOf({ sponsor, agents: [a, b, c] }: Parties): readonly LinkPlan[] {
  return [
    { from: sponsor, to: a, cap: ['read:**', 'write:reports/**'], cav: { max_depth: 3 } },
    { from: a, to: b, cap: ['read:**'], cav: { rate: [100, 60], res: ['reports/**'] } },
    { from: b, to: c, cap: ['read:reports/*'], cav: { trust: 600, win: [['mon-sun', '00:00', '24:00', 'UTC']] } },
  ];
}

function invoke({ sponsor, agents: [, , c], executor }: Parties, chain: readonly string[], nonce: number): Promise<string> {
  return createToken('mesh-inv+jwt', c.signer, {
    aud: executor.did, sub: sponsor.did, cmd: 'read:reports/today', args_h: toBase64url(args_hash), prf: toBase64url(sha256(utf8(chain.at(-1) ?? ''))),
    nonce: toBase64url(sha256(utf8(String(nonce))).subarray(0, 16)), iat: start_s + 60, exp: start_s + 120, chl: session, v: 1,
  });
}

/** Figures per CPU-second, under their names. */
export async function benchChains(_home: string, print: (text: string) => void): Promise<void> {
  const given = await parties();
  const plans = plansOf(given);
  const evidence = given.evidence();
  const chains: string[][] = [];
  const commands: string[] = [];
  for (let index = 0; index < 2 * (cold_count + turns_warm_up); index += 1) {
    const chain = await chainOf(plans, `bench ${index} `);
    chains.push(chain);
    commands.push(await invoke(given, chain, index));
  }
  // Every check gets texts of its own, as they come off the wire.
  const anew = (text: string): string => Buffer.from(text, 'latin1').toString('latin1');
  const checkChain = (index: number): void => void unwrap(verifyChain(unwrap(parseChain((chains[index] ?? []).map(anew))), evidence));
  const checkCommand = (index: number): void => {
    const chain = unwrap(verifyChain(unwrap(parseChain((chains[index] ?? []).map(anew))), evidence));
    unwrap(verifyInvocation(unwrap(parseInvocation(anew(commands[index] ?? ''))), { executor: given.executor.did, session, args_hash, chain }, evidence));
  };
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  const message = utf8(chains[0]?.[0] ?? '');
  const signature = sign(null, message, privateKey);
  const bare = (times: number) => (): void => {
    for (let at = 0; at < times; at += 1) verify(null, message, publicKey, signature);
  };
  // In turns, since the machine's speed drifts.
  const [three = Number.NaN, cold = Number.NaN, four = Number.NaN, cold_command = Number.NaN] = await perCpuSecondInTurns(cold_count, [bare(3), checkChain, bare(4), (index) => checkCommand(cold_count + turns_warm_up + index)]);
  const warm = await perCpuSecond(200_000, () => checkChain(0));
  const warm_command = await perCpuSecond(100_000, () => checkCommand(0));
  const rows: (readonly [string, number])[] = [
    ['three bare node:crypto verifications', three], ['three links, cold (steps 1 to 13)', cold],
    ['four bare node:crypto verifications', four], ['three links and a command, cold (steps 1 to 15)', cold_command],
    ['three links, warm', warm], ['three links and a command, warm', warm_command],
  ];
  // Some of them cost a second to load, which the other figures need not wait for.
  const { otherLibraries } = await import('./chain-others.ts');
  for (const [name, per_s] of await otherLibraries(chains[0] ?? [], (did) => evidence.record(did))) rows.push([name, per_s]);
  for (const [name, per_s] of rows) print(`${name.padEnd(60)} ${short(per_s).padStart(9)} per CPU-second   ${short(per_s / cold).padStart(7)} x cold`);
  print(`cold / three bare verifications ${(cold / three).toFixed(2)} (aim 0.75); with the command / four ${(cold_command / four).toFixed(2)}; warm ${short(warm)}/s and ${short(warm_command)}/s (aim 80,000)`);
}
