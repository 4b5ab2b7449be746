/**
 * The calls that wait for a human, and how each has ended. All of it is in memory:
 * a call of this host waits itself, so it is gone with the process; a peer's is
 * kept by its name for a while, and a restart forgets it.
 */
import { approvalHash, type Approval } from '../crypto/approval.ts';
import { equal } from '../crypto/bytes.ts';
import { fail, ok, type Result } from '../crypto/result.ts';
import type { Clock } from '../protocols/ports.ts';
import type { ApprovalQuestion } from './kernel/arbiter.ts';

/** Calls of one agent that may wait for approval at once. */
export const approvals_per_agent_max = 16;
/** Those of them that peers have sent, or that are done at their commands: whoever floods leaves room for what the agent does itself. */
export const peer_approvals_per_agent_max = 8;
/** Calls of one peer that wait, what agents do at its commands among them, or whose answer it has not taken up yet. */
export const approvals_per_peer_max = 4;
/** Calls that may wait for approval at once. */
export const approvals_max = 256;
/** Those of them that are of peers, whoever these are. */
export const peer_approvals_max = 128;
/** How long the answer to a peer's call is kept for it after it was given, or after nobody has given one. */
export const taking_up_ms_max = 60_000;

/** A call that waits. */
export interface PendingApproval extends ApprovalQuestion {
  /** Names the request: 16 random bytes, base64url. */
  readonly id: string;
  /** DID of this host. */
  readonly host: string;
  /** What the agent is called here. */
  readonly agent_name: string;
  /** DIDs whose word counts: the agent's sponsor, and the organisation above. */
  readonly approvers: readonly string[];
  /** Unix milliseconds. */
  readonly expires_ms: number;
}

/** How a call has ended that waited. */
export interface SettledApproval {
  readonly pending: PendingApproval;
  readonly outcome: 'granted' | 'refused' | 'timed-out' | 'given-up';
  /** DID of who answered; null where nobody did. */
  readonly by: string | null;
  readonly why: string;
}

/** Who may take up a call: the peer that sent it, to the agent that it was sent to. */
export interface TakingUp {
  readonly peer: string | null;
  readonly agent: string;
}

/** A call that waits, or whose answer waits for it. */
export class WaitingCall {
  readonly pending: PendingApproval;
  /** What an answer must be bound to. */
  readonly action_hash: Uint8Array;
  /** Whether its peer was told its name: it goes on waiting when nobody holds it open. */
  is_kept = false;
  /** The grant, or why there is none. */
  ending: Result<Approval> | undefined;
  readonly #waiters = new Set<() => void>();

  constructor(pending: PendingApproval) {
    this.pending = pending;
    this.action_hash = approvalHash(pending);
  }

  /** Tells once of the ending. The answer ends that: whoever hangs up leaves nothing here, or coming and going would fill the memory. */
  onEnded(listener: () => void): () => void {
    this.#waiters.add(listener);
    return () => void this.#waiters.delete(listener);
  }

  /** Ends it, once. */
  end(ending: Result<Approval>): boolean {
    if (this.ending !== undefined) return false;
    this.ending = ending;
    const waiters = [...this.#waiters];
    this.#waiters.clear();
    for (const tell of waiters) tell();
    return true;
  }
}

/** Waits until a call has ended, the signal aborts, or the time is over where there is one. */
export function untilEnded(clock: Clock, waiting: WaitingCall, signal: AbortSignal, wait_ms?: number): Promise<void> {
  if (signal.aborted || waiting.ending !== undefined) return Promise.resolve();
  return new Promise((resolve) => {
    const finish = (): void => {
      cancel();
      forget();
      signal.removeEventListener('abort', finish);
      resolve();
    };
    const cancel = wait_ms === undefined ? () => undefined : clock.after(wait_ms, finish);
    const forget = waiting.onEnded(finish);
    signal.addEventListener('abort', finish, { once: true });
  });
}

/** Whether an approval says what was asked, by one who may say it. Fails with `APPROVAL_HOST`, `APPROVAL_AGENT`, `APPROVAL_ACTION` or `APPROVAL_SIGNER`. */
export function isBound({ iss, host, agent, action_hash }: Approval, { pending, action_hash: asked }: WaitingCall): Result<void> {
  if (host !== pending.host) return fail('APPROVAL_HOST', `the approval is for the host ${host}`, { fix: `sign one for ${pending.host}` });
  if (agent !== pending.agent) return fail('APPROVAL_AGENT', `the approval is for the agent ${agent}`, { fix: `sign one for ${pending.agent}` });
  if (!equal(action_hash, asked)) return fail('APPROVAL_ACTION', 'the approval is for another action, other arguments or other policies', { fix: 'sign what agentmesh approvals show says' });
  return pending.approvers.includes(iss)
    ? ok(undefined)
    : fail('APPROVAL_SIGNER', `${iss} does not answer for ${pending.agent_name}`, { fix: `one of ${pending.approvers.join(', ')} must sign` });
}

/** What is told to whoever comes again, mostly from another host, for what waits no more: `APPROVAL_UNKNOWN`. */
export function forgotten(): Result<never> {
  return fail('APPROVAL_UNKNOWN', 'no call of yours waits under this request: it was taken up or timed out, or its host was started anew', { fix: 'ask again, without the request' });
}

/** How a call has ended, for whoever watches. */
export function settledOf(pending: PendingApproval, ending: Result<Approval>): SettledApproval {
  if (ending.ok) return { pending, outcome: 'granted', by: ending.value.iss, why: ending.value.why };
  const { code, detail } = ending.failure;
  if (code !== 'APPROVAL_REFUSED') return { pending, outcome: code === 'APPROVAL_TIMEOUT' ? 'timed-out' : 'given-up', by: null, why: '' };
  const { by, why } = detail ?? {};
  return { pending, outcome: 'refused', by: typeof by === 'string' ? by : null, why: typeof why === 'string' ? why : '' };
}

function isOfPeer({ pending: { peer, later } }: WaitingCall): boolean {
  return peer !== null || later !== null;
}

/** The calls that wait, by their names; bounded for each agent and each peer. */
export class WaitingCalls {
  readonly #clock: Clock;
  readonly #calls = new Map<string, WaitingCall>();
  readonly #timers = new Map<string, () => void>();
  readonly #settled: (waiting: WaitingCall) => void;

  /** `settled` is told of each call as it ends. */
  constructor(clock: Clock, settled: (waiting: WaitingCall) => void) {
    this.#clock = clock;
    this.#settled = settled;
  }

  /** Those that have not ended, the oldest first. */
  list(): readonly PendingApproval[] {
    return [...this.#calls.values()].filter((call) => this.#isOpen(call)).map(({ pending }) => pending);
  }

  /** Those of an agent. */
  of(agent: string): readonly WaitingCall[] {
    return [...this.#calls.values()].filter(({ pending }) => pending.agent === agent);
  }

  /** The one that waits under a name. */
  waiting(id: string): WaitingCall | undefined {
    const call = this.#calls.get(id);
    return call !== undefined && this.#isOpen(call) ? call : undefined;
  }

  /** A timer stands still while the machine sleeps, so the clock counts as well. */
  #isOpen({ ending, pending }: WaitingCall): boolean {
    return ending === undefined && this.#clock.now() < pending.expires_ms;
  }

  /** The one that whoever sent it may take up under a name, whether it waits or has ended. */
  kept(id: string, { peer, agent }: TakingUp): WaitingCall | undefined {
    const call = this.#calls.get(id);
    return call?.is_kept === true && call.pending.peer === peer && call.pending.agent === agent ? call : undefined;
  }

  /** The one that goes on waiting for its peer to come again. */
  keptFor({ request, call_id }: { readonly request: string | undefined; readonly call_id: unknown }): WaitingCall | undefined {
    return [...this.#calls.values()].find(({ is_kept, pending }) => is_kept && (request === undefined ? pending.call_id === call_id : pending.id === request));
  }

  /** Whether one more may wait. Fails with `APPROVAL_OVERLOADED`. */
  room({ agent, peer, later }: ApprovalQuestion, agent_name: string): Result<void> {
    const all = [...this.#calls.values()];
    const of_agent = all.filter(({ pending, ending }) => pending.agent === agent && ending === undefined);
    const overloaded = (what: string, fix = 'agentmesh approvals list, and answer some of them'): Result<never> => fail('APPROVAL_OVERLOADED', what, { fix });
    if (of_agent.length >= approvals_per_agent_max || all.length >= approvals_max) return overloaded(`${of_agent.length} calls of ${agent_name} wait for approval already`);
    // What the agent does at a peer's command is that peer's as well.
    if (peer === null && later === null) return ok(undefined);
    const of_peers = of_agent.filter(isOfPeer).length;
    const of_peer = all.filter((call) => isOfPeer(call) && call.pending.peer === peer).length;
    if (of_peer >= approvals_per_peer_max) return overloaded(`${of_peer} calls of ${peer ?? 'nobody'} wait for approval here, or for being taken up`, 'take up those with their request, or wait until they are over');
    if (all.filter(isOfPeer).length >= peer_approvals_max) return overloaded(`${peer_approvals_max} calls of peers wait for approval here already`, 'try again when some are answered');
    return of_peers < peer_approvals_per_agent_max ? ok(undefined) : overloaded(`${of_peers} calls that others have sent to ${agent_name} wait for approval already`, 'try again when some are answered');
  }

  /** Lets a call wait until its time is over. */
  add(pending: PendingApproval): WaitingCall {
    const waiting = new WaitingCall(pending);
    const wait_ms = pending.expires_ms - this.#clock.now();
    this.#calls.set(pending.id, waiting);
    this.#timers.set(pending.id, this.#clock.after(wait_ms, () => {
      this.end(waiting, fail('APPROVAL_TIMEOUT', `nobody approved it within ${wait_ms} ms`, { fix: 'ask again, and have it answered: agentmesh approvals list' }));
    }));
    return waiting;
  }

  /** Ends a call, once: it is forgotten, unless its peer may still come for the answer. */
  end(waiting: WaitingCall, ending: Result<Approval>): void {
    const { id } = waiting.pending;
    if (this.#calls.get(id) !== waiting || !waiting.end(ending)) return;
    this.#timers.get(id)?.();
    this.#timers.delete(id);
    if (waiting.is_kept) this.#timers.set(id, this.#clock.after(taking_up_ms_max, () => void this.forget(waiting)));
    else this.#calls.delete(id);
    this.#settled(waiting);
  }

  /** Forgets a call; whether it was there: of two that take up one answer, one gets it. */
  forget({ pending: { id } }: WaitingCall): boolean {
    this.#timers.get(id)?.();
    this.#timers.delete(id);
    return this.#calls.delete(id);
  }
}
