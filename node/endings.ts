/** Revocations take effect on this host: sessions are closed, and agents that were ended are stopped by their kernels. */
import { controllerOf } from '../crypto/jwt.ts';
import { messageOf } from '../crypto/result.ts';
import type { Revocation } from '../crypto/statement.ts';
import type { Handshake } from '../protocols/handshake/index.ts';
import type { Identity } from '../protocols/identity/index.ts';
import type { Clock, Recorder } from '../protocols/ports.ts';
import type { RevocationService } from '../protocols/revocation/index.ts';
import { every } from '../protocols/time.ts';
import type { HousedAgent } from './agent-house.ts';
import type { LocalIdentity } from './identities.ts';

/** A revocation may wait for a record that shows its issuer's authority; so often it is looked for. */
const pending_ms = 30_000;

/** What revocations take effect through. */
export interface EndingsParts {
  readonly clock: Clock;
  readonly recorder: Recorder;
  readonly revocation: Pick<RevocationService, 'answerable' | 'ended' | 'revokedKey' | 'standing'>;
  readonly identity: Pick<Identity, 'invalidate'>;
  readonly handshake: () => Pick<Handshake, 'close'>;
  /** The agents of this host. */
  readonly agents: () => Iterable<Pick<HousedAgent, 'identity' | 'kernel'>>;
}

/** What revocations end on this host. */
export class Endings {
  readonly #parts: EndingsParts;
  #stop = (): void => undefined;

  constructor(parts: EndingsParts) {
    this.#parts = parts;
  }

  /** Ends what was revoked while the host was down, and from now on what turns out to have been. */
  start(): void {
    this.endAgents();
    const failed = (error: unknown): void => this.#parts.recorder.record({ kind: 'revocation.sweep-failed', reason: messageOf(error) });
    this.#stop = every(this.#parts.clock, () => pending_ms, () => Promise.resolve(this.endAgents()), failed);
  }

  stop(): void {
    this.#stop();
  }

  /** A revocation came: whether it ends anything is for the authority of its issuer to say. What it takes from a chain shows when the chain is used. */
  revoked({ iss, target }: Revocation): void {
    if (target.kind === 'delegation' || target.kind === 'token') return;
    const { identity, revocation, handshake } = this.#parts;
    const did = controllerOf(target.id);
    const ended = target.kind === 'key' ? revocation.revokedKey(target.id) : revocation.ended(did);
    if (ended === undefined) return;
    // Who revokes a key has as a rule published another one. A stranger must not make this host ask again and again about what was ended before.
    if (revocation.standing({ iss, target }, []) === 'in force') identity.invalidate(did);
    handshake().close(did);
    this.endAgents();
  }

  /** Ends every agent of this host that was revoked, or whose sponsor was. */
  endAgents(): void {
    for (const agent of this.#parts.agents()) this.endIfRevoked(agent);
  }

  /** Ends an agent for good if it was revoked: what runs is aborted, everything after is refused, and the log says by whom and why. */
  endIfRevoked({ identity: { did }, kernel }: Pick<HousedAgent, 'identity' | 'kernel'>): void {
    const ended = this.#parts.revocation.ended(did);
    if (ended === undefined || kernel.stateOf(did) === 'killed') return;
    const by = ended.detail?.['by'];
    this.#kill({ identity: { did }, kernel }, typeof by === 'string' ? by : 'revocation', ended.reason, ended.detail?.['statement']);
  }

  /** An identity of this host was deactivated: it ends, and so does every agent that it answers for. */
  deactivated({ did, name }: Pick<LocalIdentity, 'did' | 'name'>): void {
    this.#parts.handshake().close(did);
    for (const agent of this.#parts.agents()) {
      const { identity, kernel } = agent;
      if (this.#parts.revocation.answerable(identity.did).includes(did) && kernel.stateOf(identity.did) !== 'killed') this.#kill(agent, did, `${name} was deactivated`);
    }
  }

  #kill({ identity: { did }, kernel }: { readonly identity: Pick<LocalIdentity, 'did'>; readonly kernel: HousedAgent['kernel'] }, by: string, reason: string, statement?: unknown): void {
    const { recorder, handshake } = this.#parts;
    handshake().close(did);
    recorder.record({ kind: 'agent.killed', did, by, statement });
    kernel.signal(did, 'SIGKILL', { by, reason }).then(
      (recorded) => recorded.ok ? undefined : recorder.record({ kind: 'agent.kill-failed', did, code: recorded.failure.code }),
      (error: unknown) => recorder.record({ kind: 'agent.kill-failed', did, reason: messageOf(error) }),
    );
  }
}
