/** Hosts that follow an organisation, in a simulated world. The organisation's key lies on host 0. */
import { toBase64url, toHex } from '../../crypto/bytes.ts';
import { isFields, type Json } from '../../crypto/canonical.ts';
import { sha256 } from '../../crypto/hash.ts';
import { bundle_lifetime_s_max } from '../../crypto/policy-bundle.ts';
import { unwrap, type Result } from '../../crypto/result.ts';
import { signPolicyBundle, type PolicyBundlePlan } from '../../crypto/statement.ts';
import { bundle_protocol } from '../../protocols/bundle/constants.ts';
import { encodeBundle } from '../../protocols/bundle/index.ts';
import { readPayload } from '../../node/flight-recorder.ts';
import type { LocalIdentity } from '../../node/identities.ts';
import type { Outcome } from '../../node/kernel/index.ts';
import type { FollowedBundle } from '../../node/bundles-in-force.ts';
import { unixSeconds } from '../../protocols/time.ts';
import type { TestContext } from '../harness.ts';
import { hostWorld, interposed, type HostWorld, type WorldInit } from '../simulated-hosts.ts';

/** A policy that allows these actions and nothing else. */
export function allowing(...actions: readonly string[]): string {
  return `version: "1.0"\nname: ${actions.join('-')}\nrules:\n${actions.map((action) => `  - { name: ${action}s, condition: "action.type == '${action}'", action: allow }\n`).join('')}`;
}

/** Hosts and the organisation that some of them follow. */
export class BundleWorld {
  readonly world: HostWorld;
  readonly org: LocalIdentity;
  /** What host 0 gives to whoever asks for these digests (hex), besides what it has. */
  readonly served: Map<string, Uint8Array>;
  /** How often it did. */
  readonly askings: { count: number };
  /** Agents by host. */
  readonly agents: Map<number, LocalIdentity> = new Map();

  constructor(world: HostWorld, org: LocalIdentity, served: Map<string, Uint8Array> = new Map(), askings: { count: number } = { count: 0 }) {
    this.world = world;
    this.served = served;
    this.askings = askings;
    this.org = org;
  }

  /** Gives a host an agent that its own policies allow everything ordinary. */
  async hire(index: number): Promise<void> {
    this.agents.set(index, await this.world.hire(index, `worker-${index}`));
  }

  /** Lets a host follow the organisation. */
  follow(index: number, required = false): Promise<unknown> {
    return this.world.get(this.world.at(index).host.policies.bundles.follow(this.org.did, { by: 'named', required }));
  }

  /** Publishes the next version from host 0. */
  publish(text: string, name = 'default'): Promise<{ readonly version: number; readonly digest: string }> {
    return this.world.get(this.world.at(0).host.policies.publishing.publish(this.org, name, [{ file: 'policy.yaml', text }]));
  }

  /** Signs a statement of a bundle as its organisation, or somebody who has its key, could. */
  async stated(text: string, version: number, changes: Partial<PolicyBundlePlan> = {}, signer: LocalIdentity['signer'] = this.org.signer): Promise<{ readonly statement: string; readonly bytes: Uint8Array }> {
    const { bytes } = unwrap(encodeBundle({ name: 'default', version, policies: [{ file: 'policy.yaml', text }] }));
    const nbf = Math.floor(this.world.simulator.now_ms / 1000);
    const plan = { scope: 'default', seq: version, digest: toBase64url(sha256(bytes)), bytes: bytes.length, nbf, exp: nbf + bundle_lifetime_s_max, ...changes };
    return { statement: unwrap(await signPolicyBundle(signer, plan)), bytes };
  }

  /** Signs and spreads a version without the help of host 0, which gives its bytes away. */
  async issue(text: string, version: number, changes: Partial<PolicyBundlePlan> = {}): Promise<void> {
    const { statement, bytes } = await this.stated(text, version, changes);
    this.served.set(toHex(sha256(bytes)), bytes);
    await this.world.get(this.world.at(0).host.statements.publish(statement));
  }

  /** Restarts a host, and gives its agent its kernel again. */
  async restart(index: number): Promise<void> {
    await this.world.restart(index);
    const agent = this.agents.get(index);
    if (agent !== undefined) this.world.employ(index, unwrap(this.world.at(index).actions.own(agent.did)));
  }

  /** The bundle of the organisation at a host. */
  bundle(index: number, organisation: string = this.org.did): FollowedBundle | undefined {
    return this.world.at(index).host.policies.bundles.of(organisation)[0];
  }

  /** The version in force at a host; 0 for none. */
  version(index: number): number {
    const bundle = this.bundle(index);
    return bundle?.policies === undefined ? 0 : bundle.standing?.version ?? 0;
  }

  /** Why the newest statement is not in force at a host. */
  doubt(index: number): string | undefined {
    return this.bundle(index)?.doubt?.failure.code;
  }

  /** Lets time pass until a version is in force at hosts; says how many milliseconds that took. */
  async until(version: number, ...hosts: readonly number[]): Promise<number> {
    const since_ms = this.world.simulator.now_ms;
    await this.world.until(`version ${version} at ${hosts.join(', ')}`, () => hosts.every((index) => this.version(index) === version));
    return this.world.simulator.now_ms - since_ms;
  }

  /** Lets the agent of a host do something. */
  act(index: number, type: string, data: Json = null): Promise<Result<Outcome<string>>> {
    const agent = this.agents.get(index);
    const kernel = this.world.at(index).host.agents.get(agent?.did ?? '')?.kernel;
    if (agent === undefined || kernel === undefined) throw new Error(`host ${index} has no agent`);
    return kernel.run({ agent: agent.did, action: { type }, data, effect: () => Promise.resolve('done') });
  }

  /** What the kernel of a host says to an action: `allow`, or the code of the refusal. */
  async verdict(index: number, type: string): Promise<string> {
    const outcome = await this.world.finish(this.act(index, type));
    return outcome.ok ? 'allow' : outcome.failure.code;
  }

  /** The records of a kind in the audit log of a host. */
  async records(index: number, kind: string): Promise<readonly { readonly [name: string]: unknown }[]> {
    const found: { readonly [name: string]: unknown }[] = [];
    const read = async (): Promise<void> => {
      for await (const entry of this.world.at(index).host.log.entries({})) {
        const payload = entry.ok && entry.value.payload !== undefined ? readPayload(entry.value.payload) : null;
        if (isFields(payload) && payload['kind'] === kind) found.push(payload);
      }
    };
    await this.world.finish(read());
    return found;
  }

  /** Unix seconds now. */
  get now_s(): number {
    return unixSeconds(this.world.at(0).host.parts.clock);
  }
}

/** A world of hosts, each with an agent; all but host 0 follow the organisation. */
export async function bundleWorld(context: TestContext, init: WorldInit): Promise<BundleWorld> {
  const served = new Map<string, Uint8Array>();
  const askings = { count: 0 };
  const world = await hostWorld(context, {
    ...init,
    interpose: (network, name) => {
      const wired = init.interpose?.(network, name) ?? network;
      return name !== 'host-0' ? wired : interposed(wired, {
        handle: (protocol, limits, handler) => wired.handle(protocol, limits, (request, from, signal) => {
          const bytes = protocol === bundle_protocol ? served.get(toHex(request)) : undefined;
          if (bytes !== undefined) askings.count += 1;
          return bytes === undefined ? handler(request, from, signal) : Promise.resolve(bytes);
        }),
      });
    },
  });
  const org = await world.get(world.at(0).actions.createSponsor('acme', 'org'));
  const made = new BundleWorld(world, org, served, askings);
  for (let index = 1; index < init.count; index += 1) {
    await made.hire(index);
    await made.follow(index);
  }
  return made;
}
