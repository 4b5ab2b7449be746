/** What agents use up: calls, tokens, cost and running time, against the least that any policy allows them. */
import type { Failure } from '../../crypto/result.ts';
import type { Clock } from '../../protocols/ports.ts';
import type { Budgets } from './policy/policy.ts';
import { resumption } from './signals/gate.ts';

/** Agents whose spending is counted; nobody beyond them gets anything where there is a budget. */
export const spending_agents_max = 65_536;

/** What one call uses, beside the call itself and its time. */
export interface Usage {
  readonly tokens?: number;
  /** In the unit of the budget. */
  readonly cost?: number;
}

/** What an agent has used up. */
export interface Spending {
  readonly calls: number;
  readonly tokens: number;
  readonly cost: number;
  readonly wall_time_ms: number;
}

/** What an agent has used up, as it outlives the kernel that has counted it. */
export interface KeptSpending extends Spending {
  /** How often it was given its budget anew: of two that differ in this the younger one holds. */
  readonly epoch: number;
  /** Calls whose end is not counted yet. */
  readonly open: number;
}

/** Keeps what agents have used up beyond the life of a kernel. */
export interface SpendingKeeper {
  /** What earlier kernels have counted; `undefined` for an agent that is not kept. */
  of(agent: string): KeptSpending | undefined;
  /** Running time with a budget passes in a call of an agent, which may be long before its next record. */
  passed(agent: string, kept: KeptSpending): void;
  /** Something was used outside of any call. */
  spent(agent: string, usage: Usage): void;
}

/** Running time is kept so often; what was under way when everything ended counts so much longer, so that nothing is lost by it. */
export const spending_kept_interval_ms = 1_000;

const measures = ['calls', 'tokens', 'cost', 'wall_time_ms'] as const;

/** The least of all budgets, measure by measure. */
export function leastBudgets(all: readonly (Budgets | undefined)[]): Budgets {
  const least: { -readonly [Measure in keyof Budgets]: Budgets[Measure] } = {};
  for (const budgets of all) {
    for (const measure of measures) {
      const most = budgets?.[measure];
      if (most !== undefined) least[measure] = Math.min(most, least[measure] ?? Infinity);
    }
  }
  return least;
}

function amountOf(value: unknown): number {
  // An amount that is none uses the budget up: nobody may write his bill off by writing nonsense on it.
  return typeof value === 'number' && value >= 0 ? Math.min(value, Number.MAX_SAFE_INTEGER) : Number.MAX_SAFE_INTEGER;
}

/** A sum with what was really used in place of what was charged. What fractions lose must not make it less than nothing, which no budget can be. */
function corrected(sum: number, charged: number, used: number): number {
  return Math.max(0, sum + (amountOf(used) - charged));
}

/** The usage of an answer, as `usage: {tokens, cost}` or with the counters of common model interfaces; `undefined` where it says nothing. */
export function usageOf(answer: unknown): Usage | undefined {
  const usage = isFields(answer) ? answer['usage'] : undefined;
  if (!isFields(usage)) return undefined;
  const parts = ['input_tokens', 'output_tokens', 'prompt_tokens', 'completion_tokens', 'inputTokens', 'outputTokens', 'promptTokens', 'completionTokens']
    .map((name) => usage[name]).filter((value) => value !== undefined);
  const tokens = usage['tokens'] ?? usage['total_tokens'] ?? usage['totalTokens'] ?? (parts.length === 0 ? undefined : parts.reduce<number>((sum, value) => sum + amountOf(value), 0));
  const { cost } = usage;
  return { ...(tokens === undefined ? {} : { tokens: amountOf(tokens) }), ...(cost === undefined ? {} : { cost: amountOf(cost) }) };
}

function isFields(value: unknown): value is { readonly [name: string]: unknown } {
  return typeof value === 'object' && value !== null;
}

interface Account {
  calls: number;
  tokens: number;
  cost: number;
  wall_time_ms: number;
  /** Effects under way. */
  running: number;
  /** Since when any has been. */
  since_ms: number;
  cancel: () => void;
  /** See {@link KeptSpending}. */
  epoch: number;
  open: number;
  /** Whether a budget was in force for it: only then is anything kept. */
  is_bounded: boolean;
  /** Whether what earlier kernels have counted is in it. */
  is_whole: boolean;
  /** How often it was begun anew here: what is under way then was charged to the budget before. */
  resets: number;
}

/** A call that has been counted. */
export interface Charged {
  /** Its effect begins; `over` is called should the running time be used up. */
  begin(over: (failure: Failure) => void): void;
  /** Its effect has ended. */
  end(): void;
  /** What it really used, in place of what was expected. Gives the budget that is now exceeded, if any. */
  settle(usage: Usage | undefined): Failure | undefined;
}

const uncounted: Charged = { begin: () => undefined, end: () => undefined, settle: () => undefined };

/** The spending of all agents. */
export class Spendings {
  readonly #clock: Clock;
  readonly #nameOf: (agent: string) => string;
  readonly #agents = new Map<string, Account>();
  #keeper: SpendingKeeper | undefined;

  /** `nameOf`: what the operator calls an agent. */
  constructor(clock: Clock, nameOf: (agent: string) => string = (agent) => agent) {
    this.#clock = clock;
    this.#nameOf = nameOf;
  }

  /** What an agent has used up. */
  of(agent: string): Spending {
    const account = this.#known(agent);
    if (account === undefined) return { calls: 0, tokens: 0, cost: 0, wall_time_ms: 0 };
    const { calls, tokens, cost } = account;
    return { calls, tokens, cost, wall_time_ms: this.#runningTime(account) };
  }

  /** Adds what was used outside of any call, or is known only later. Gives the budget that is now exceeded, if any. */
  add(agent: string, usage: Usage, budgets: Budgets): Failure | undefined {
    const account = this.#account(agent, budgets);
    if (account === undefined) return full(agent);
    account.tokens += usage.tokens === undefined ? 0 : amountOf(usage.tokens);
    account.cost += usage.cost === undefined ? 0 : amountOf(usage.cost);
    if (account.is_bounded) this.#keeper?.spent(agent, usage);
    return this.#exceeded(agent, account, budgets);
  }

  /** Begins anew: for whoever gives an agent more. */
  reset(agent: string): void {
    const account = this.#known(agent);
    if (account === undefined) return;
    if (account.running === 0 && !account.is_bounded) this.#agents.delete(agent);
    else Object.assign(account, { calls: 0, tokens: 0, cost: 0, wall_time_ms: 0, since_ms: this.#clock.now(), epoch: account.epoch + 1, resets: account.resets + 1 });
  }

  /** Has what is counted outlive this kernel from now on, and counts what earlier ones have counted. */
  keepIn(keeper: SpendingKeeper): void {
    this.#keeper = keeper;
    for (const [agent, account] of this.#agents) {
      if (account.is_whole) continue;
      const { calls, tokens, cost, wall_time_ms, open } = account;
      const before = accountFrom(keeper.of(agent));
      Object.assign(account, { is_whole: true, is_bounded: account.is_bounded || before.is_bounded, calls: calls + before.calls, tokens: tokens + before.tokens, cost: cost + before.cost, wall_time_ms: wall_time_ms + before.wall_time_ms, epoch: before.epoch, open });
    }
  }

  /** What an agent has used up, to be kept; `undefined` where no budget was ever in force for it. */
  kept(agent: string): KeptSpending | undefined {
    const account = this.#agents.get(agent);
    return account?.is_bounded === true ? { ...this.of(agent), epoch: account.epoch, open: account.open } : undefined;
  }

  /** Why a call would go beyond a budget, if so: `BUDGET_EXCEEDED`. Counts nothing. */
  refusal(agent: string, expected: Usage, budgets: Budgets): Failure | undefined {
    if (Object.keys(budgets).length === 0) return undefined;
    if (!this.#agents.has(agent) && this.#agents.size >= spending_agents_max) return full(agent);
    const { calls, tokens, cost, wall_time_ms } = this.of(agent);
    const asked = { calls: calls + 1, tokens: tokens + amountOf(expected.tokens ?? 0), cost: cost + amountOf(expected.cost ?? 0) };
    for (const measure of ['calls', 'tokens', 'cost'] as const) {
      const most = budgets[measure];
      if (most === undefined) continue;
      // Of what is only known afterwards, something must be left.
      const used_up = measure !== 'calls' && (measure === 'tokens' ? tokens : cost) >= most;
      if (asked[measure] > most || used_up) return this.#exceeding(agent, measure, most, asked[measure]);
    }
    const most_ms = budgets.wall_time_ms;
    return most_ms !== undefined && wall_time_ms >= most_ms ? this.#exceeding(agent, 'wall_time_ms', most_ms, wall_time_ms) : undefined;
  }

  /** Counts a call and what it is expected to use. */
  charge(agent: string, expected: Usage, budgets: Budgets): Charged {
    const account = this.#account(agent, budgets);
    if (account === undefined) return uncounted;
    const [tokens, cost] = [amountOf(expected.tokens ?? 0), amountOf(expected.cost ?? 0)];
    account.calls += 1;
    account.open += 1;
    account.tokens += tokens;
    account.cost += cost;
    const { resets } = account;
    return {
      begin: (over) => this.#begin(agent, account, budgets, over),
      end: () => this.#end(account),
      settle: (usage) => {
        const charged = account.resets === resets ? { tokens, cost } : { tokens: 0, cost: 0 };
        account.open -= 1;
        if (usage?.tokens !== undefined) account.tokens = corrected(account.tokens, charged.tokens, usage.tokens);
        if (usage?.cost !== undefined) account.cost = corrected(account.cost, charged.cost, usage.cost);
        return this.#exceeded(agent, account, budgets);
      },
    };
  }

  #begin(agent: string, account: Account, { wall_time_ms }: Budgets, over: (failure: Failure) => void): void {
    account.running += 1;
    if (account.running > 1) return;
    account.since_ms = this.#clock.now();
    if (wall_time_ms === undefined) return;
    const wait = (left_ms: number): void => {
      account.cancel = this.#clock.after(this.#keeper === undefined ? left_ms : Math.min(left_ms, spending_kept_interval_ms), check);
    };
    const check = (): void => {
      const left_ms = wall_time_ms - this.#runningTime(account);
      const kept = this.kept(agent);
      if (kept !== undefined) this.#keeper?.passed(agent, kept);
      if (left_ms > 0) wait(left_ms);
      else over(this.#exceeding(agent, 'wall_time_ms', wall_time_ms, this.#runningTime(account)));
    };
    wait(Math.max(0, wall_time_ms - account.wall_time_ms));
  }

  #end(account: Account): void {
    account.running -= 1;
    if (account.running > 0) return;
    account.wall_time_ms += Math.max(0, this.#clock.now() - account.since_ms);
    account.cancel();
    account.cancel = () => undefined;
  }

  #runningTime({ wall_time_ms, running, since_ms }: Account): number {
    return wall_time_ms + (running === 0 ? 0 : Math.max(0, this.#clock.now() - since_ms));
  }

  #exceeded(agent: string, account: Account, budgets: Budgets): Failure | undefined {
    for (const measure of ['tokens', 'cost'] as const) {
      const most = budgets[measure];
      if (most !== undefined && account[measure] > most) return this.#exceeding(agent, measure, most, account[measure]);
    }
    return undefined;
  }

  #exceeding(agent: string, measure: keyof Budgets, most: number, used: number): Failure {
    return {
      code: 'BUDGET_EXCEEDED', reason: `the budget of ${agent} is ${most} ${measure}, and this makes it ${used}`,
      fix: `${resumption(this.#nameOf(agent), 'SIGBUDGET')} gives it the whole budget anew; or raise the budget in the policy`, detail: { budget: measure, most },
    };
  }

  /** The account of an agent that was counted here or by an earlier kernel. */
  #known(agent: string): Account | undefined {
    const known = this.#agents.get(agent);
    const kept = known === undefined ? this.#keeper?.of(agent) : undefined;
    return kept === undefined ? known : this.#opened(agent, kept);
  }

  #account(agent: string, budgets: Budgets): Account | undefined {
    const account = this.#known(agent) ?? (this.#agents.size >= spending_agents_max ? undefined : this.#opened(agent, undefined));
    if (account !== undefined && Object.keys(budgets).length > 0) account.is_bounded = true;
    return account;
  }

  #opened(agent: string, kept: KeptSpending | undefined): Account {
    const account = { ...accountFrom(kept), is_whole: this.#keeper !== undefined };
    this.#agents.set(agent, account);
    return account;
  }
}

/** An account that goes on where a kernel has ended. */
function accountFrom(kept: KeptSpending | undefined): Account {
  const { calls = 0, tokens = 0, cost = 0, wall_time_ms = 0, epoch = 0, open = 0 } = kept ?? {};
  return {
    calls, tokens, cost, wall_time_ms: wall_time_ms + (open > 0 ? spending_kept_interval_ms : 0), epoch,
    running: 0, open: 0, since_ms: 0, cancel: () => undefined, is_bounded: kept !== undefined, is_whole: false, resets: 0,
  };
}

function full(agent: string): Failure {
  return { code: 'BUDGET_EXCEEDED', reason: `what ${agent} uses cannot be counted: more than ${spending_agents_max} agents are being counted` };
}
