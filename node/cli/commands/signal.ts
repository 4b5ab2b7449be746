/** What `agentmesh signal` does. */
import { isFields } from '../../../crypto/canonical.ts';
import { fail, FailureError } from '../../../crypto/result.ts';
import { signals, signal_names, type SignalName } from '../../kernel/signals/gate.ts';
import { printLines, show, type CommonFlags, type Outcome } from '../ask.ts';
import type { Context } from '../context.ts';
import { details, table } from '../view/table.ts';
import { count, moment, shellWord, visible } from '../view/text.ts';

/** Flags of `signal`. */
export interface SignalFlags extends CommonFlags {
  readonly reason?: string | undefined;
  readonly from?: string | undefined;
  readonly delegation?: string | undefined;
  readonly reset: boolean;
  readonly list: boolean;
}

const meanings: { readonly [Name in SignalName]: string } = {
  SIGSTOP: 'refuses everything until SIGCONT; cannot be masked or caught',
  SIGCONT: 'lets a stopped agent go on',
  SIGINT: 'lets it end what it does, then stops it',
  SIGKILL: 'aborts what runs and ends it for good; cannot be masked or caught',
  SIGTERM: 'gives it five seconds to end, then kills it',
  SIGUSR1: 'records and shows what is known of it',
  SIGUSR2: 'keeps a snapshot of its memory',
  SIGPOLICY: 'it has broken a policy: kills it; cannot be masked or caught',
  SIGTRUST: 'its trust is gone: kills it; cannot be masked or caught',
  SIGBUDGET: 'its budget is used up: stops it',
  SIGLOOP: 'it goes round in circles: stops it',
  SIGDRIFT: 'it has left its task: stops it',
};

/** `agentmesh signal`. */
export function signal(context: Context, flags: SignalFlags, agent?: string, name?: string): Promise<Outcome> | Outcome {
  if (flags.list) return listSignals(context, flags);
  if (agent === undefined) return new FailureError(fail('USAGE_INVALID', 'no agent is named', { fix: 'agentmesh signal AGENT SIGNAL, or agentmesh signal --list' }).failure);
  if (name !== undefined) return sendSignal(context, flags, agent, name);
  if (flags.reset) return new FailureError(fail('USAGE_INVALID', '--reset goes with a signal', { fix: `agentmesh signal ${shellWord(agent)} SIGCONT --reset` }).failure);
  return showSignals(context, flags, agent);
}

function listSignals(context: Context, flags: SignalFlags): Outcome {
  if (flags.json) return context.printJson(signal_names.map((name) => ({ name, number: signals[name], meaning: meanings[name] })));
  printLines(context, table([{ title: 'SIGNAL' }, { title: 'NUMBER' }, { title: 'WHAT THE KERNEL DOES' }], signal_names.map((name) => [name, String(signals[name]), meanings[name]]), context.width));
}

function sendSignal(context: Context, flags: SignalFlags, agent: string, name: string): Promise<Outcome> {
  const { reason, from, delegation, reset } = flags;
  return show(context, flags, 'signal', {
    agent, signal: name,
    ...(reason === undefined ? {} : { reason }),
    ...(from === undefined ? {} : { from }),
    ...(delegation === undefined ? {} : { delegation }),
    ...(reset ? { reset } : {}),
  }, (value) => {
    printLines(context, details([
      ['signal', value.signal], ['agent', value.agent], ['outcome', value.outcome], ['state', value.state],
      ['detail', value.detail === null ? undefined : JSON.stringify(value.detail)],
      ['recorded', value.index === null ? undefined : `entry ${value.index} of the log of its host`],
    ]));
    const as_sent = [...(from === undefined ? [] : ['--from', from]), ...(delegation === undefined ? [] : ['--delegation', delegation])];
    if (value.state === 'stopped') context.talk(`to let it go on: agentmesh signal ${[agent, 'SIGCONT', ...as_sent].map(shellWord).join(' ')}`);
    const fix = value.outcome === 'continued' && isFields(value.detail) ? value.detail['fix'] : undefined;
    if (typeof fix === 'string') context.talk(`its budget is used up, and its next call stops it again; ${value.receipt === null ? '' : 'on its host: '}${visible(fix)}`);
  });
}

function showSignals(context: Context, flags: SignalFlags, agent: string): Promise<Outcome> {
  return show(context, flags, 'signal.show', { agent }, (value) => {
    const { calls, tokens, cost, wall_time_ms } = value.spending;
    printLines(context, details([
      ['agent', value.name], ['did', value.agent], ['state', value.state], ['reason', value.reason ?? undefined],
      ['used', `${count(calls, 'call')}, ${count(tokens, 'token')}, cost ${cost}, ${Math.round(wall_time_ms)} ms`],
      ['taint', value.taint.length === 0 ? undefined : value.taint.join(', ')],
    ]));
    if (value.signals.length === 0) return context.talk(`it has had no signal since its host started; earlier ones: agentmesh audit tail --agent ${shellWord(agent)}`);
    const columns = [{ title: 'TIME' }, { title: 'SIGNAL' }, { title: 'OUTCOME' }, { title: 'BY' }, { title: 'REASON' }];
    printLines(context, table(columns, value.signals.map(({ time_ms, signal: each, outcome, by, reason }) => [moment(time_ms), each, outcome, visible(by), visible(reason)]), context.width));
  });
}
