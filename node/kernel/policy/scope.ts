import type { Json } from '../../../crypto/canonical.ts';
import { injectionIn } from '../detect/injection.ts';
import { pathOutside, pathsIn } from '../detect/path.ts';
import { facetsOf } from '../detect/finding.ts';
import { textsOf, type PayloadText } from '../detect/payload.ts';
import { piiIn } from '../detect/pii.ts';
import { secretsIn } from '../detect/secret.ts';
import { sqlIn } from '../detect/sql-payload.ts';
import { Fault, isList, memberOf, type Value } from './values.ts';

/**
 * What a policy decides about: JSON values by root name. `action` says what is
 * to be done (`type` first of all), `data` is its payload, `agent` who does it.
 */
export interface PolicyRequest {
  readonly action?: Json;
  readonly data?: Json | undefined;
  readonly agent?: Json;
  readonly [root: string]: Json | undefined;
}

/** What a detector finds in the texts of a payload; absent where there is nothing of its kind. */
type Detector = (texts: readonly PayloadText[], action_type: string) => Value;

const pii: Detector = (texts) => facetsOf(piiIn(texts));

/** The detectors by the root under which conditions ask for them. */
const detectors: ReadonlyMap<string, Detector> = new Map<string, Detector>([
  ['sql', (texts, action_type) => {
    const facets = sqlIn(texts, action_type);
    return facets === undefined ? undefined : { ...facets };
  }],
  ['path', (texts, action_type) => {
    const values = pathsIn(texts, action_type);
    return { present: values.length > 0, values };
  }],
  ['pii', pii],
  ['secret', (texts) => facetsOf(secretsIn(texts))],
  ['injection', (texts) => ({ ...injectionIn(texts) })],
  ['payload', (texts) => ({ texts: texts.map(({ text }) => text) })],
]);

/** Whether detectors compute the attributes under a root from the payload, all or some of them: asking for one costs far more than looking at a field. */
export function isComputed(root: string): boolean {
  return root === 'data' || detectors.has(root);
}

/**
 * A request as conditions see it. What detectors find in the payload (`sql.*`,
 * `path.*`, `data.contains_pii`) is computed when a condition first asks, from
 * the payload itself, so that leaving a field out or lying in it avoids nothing.
 */
export class Scope {
  readonly request: PolicyRequest;
  readonly action: Json | undefined;
  readonly data: Json | undefined;
  readonly agent: Json | undefined;
  /** `action.type`, whatever it is. */
  readonly action_type: Json | undefined;
  /** `agent.trust_score`, whatever it is, on the scale of 0 to 1000. */
  readonly trust_score: Json | undefined;
  readonly #folder: string | undefined;
  #found: Map<string, Value> | undefined;
  #texts: readonly PayloadText[] | Fault | undefined;

  /** Relative paths in the payload start from the folder, or else from the working directory. */
  constructor(request: PolicyRequest, folder?: string) {
    this.#folder = folder;
    this.#found = undefined;
    this.#texts = undefined;
    this.request = request;
    // By their names, which is many times faster than through a function that takes any name.
    const inherited = doObjectsInherit();
    const { action, agent, data } = inherited ? ownRoots(request) : request;
    this.action = action;
    this.data = data;
    this.action_type = inherited ? fieldOf(action, 'type') : isFields(action) ? action['type'] : undefined;
    const score = inherited ? fieldOf(agent, 'trust_score') : isFields(agent) ? agent['trust_score'] : undefined;
    const is_share = isShare(score);
    this.trust_score = is_share ? Math.round(score * 1e9) / 1e6 : score;
    this.agent = is_share ? withScore(agent, this.trust_score) : agent;
  }

  /** The value of a root: an attribute of the request, or a detector's facets. */
  root(name: string): Value {
    if (name === 'action') return this.action;
    if (name === 'agent') return this.agent;
    if (name === 'data') return this.data;
    const stated = own(this.request, name);
    if (stated !== undefined) return stated;
    const detector = detectors.get(name);
    return detector === undefined ? undefined : this.#once(name, detector);
  }

  /**
   * Whether the payload holds personal data, or says so. In strict mode a request
   * without a payload leaves it unknown.
   */
  containsPii(strict: boolean): boolean | Fault {
    if (strict && this.data === undefined) return new Fault('data.contains_pii is not known');
    if (memberOf(this.data, 'contains_pii') === true) return true;
    // The same findings that a reason names, so that no payload is searched twice.
    const found = this.#once('pii', pii);
    return found instanceof Fault ? found : memberOf(found, 'present') === true;
  }

  /** Whether every path that the request names leads into one of the folders; true when it names none. */
  pathsWithin(folders: readonly string[]): boolean | Fault {
    const outside = this.pathOutside(folders);
    return outside instanceof Fault ? outside : outside === undefined;
  }

  /** The first path that leads out of the folders, in words. */
  pathOutside(folders: readonly string[]): string | undefined | Fault {
    const found = this.#once(`within ${folders.join('\0')}`, (texts, action_type) => pathOutside(pathsIn(texts, action_type), folders, this.#folder ?? process.cwd()));
    return found instanceof Fault || typeof found === 'string' ? found : undefined;
  }

  /** `action.type`, or `''`. */
  actionType(): string {
    return typeof this.action_type === 'string' ? this.action_type : '';
  }

  /** Who is charged by rate limits: the agent's DID, id or name, and the peer at whose command it acts, so that no peer uses up another's share. */
  agentKey(): string {
    const { agent } = this;
    const key = memberOf(agent, 'did') ?? memberOf(agent, 'id') ?? memberOf(agent, 'name') ?? agent;
    const peer = memberOf(this.root('context'), 'peer');
    return `${typeof key === 'string' ? key : ''}${typeof peer === 'string' ? ` ${peer}` : ''}`;
  }

  /** What a detector finds, looked for once. A payload too large to be looked at is a fault. */
  #once(name: string, detector: Detector): Value {
    const found = this.#found ??= new Map();
    if (!found.has(name)) {
      this.#texts ??= textsOf({ action: this.action ?? null, data: this.data ?? null }) ?? new Fault('the payload is too large to be looked at');
      found.set(name, this.#texts instanceof Fault ? this.#texts : detector(this.#texts, this.actionType()));
    }
    return found.get(name);
  }
}

const plain: { readonly [name: string]: Json } = {};

/** Whether the code of this process has added one of the names that a scope reads to all objects. */
function doObjectsInherit(): boolean {
  return plain['action'] !== undefined || plain['agent'] !== undefined || plain['data'] !== undefined || plain['type'] !== undefined || plain['trust_score'] !== undefined;
}

/** The roots that a scope reads, with nothing that they inherit. */
function ownRoots(request: PolicyRequest): Pick<Scope, 'action' | 'agent' | 'data'> {
  return { action: own(request, 'action'), agent: own(request, 'agent'), data: own(request, 'data') };
}

// Nothing of a request is a fault, which spares the question that isRecord asks.
function isFields(value: Json | undefined): value is { readonly [name: string]: Json } {
  return typeof value === 'object' && value !== null && !isList(value);
}

/** A field of a part of the request, never one that it inherits; absent on anything that is no object. */
export function fieldOf(value: Json | undefined, name: string): Json | undefined {
  if (!isFields(value)) return undefined;
  const found = value[name];
  // JSON inherits only what an empty object has too, so the slow question is asked next to never.
  return found !== undefined && plain[name] !== undefined && !Object.hasOwn(value, name) ? undefined : found;
}

function own(request: PolicyRequest, name: string): Json | undefined {
  return Object.hasOwn(request, name) ? request[name] : undefined;
}

function withScore(agent: Json | undefined, trust_score: Json | undefined): Json | undefined {
  return isFields(agent) && trust_score !== undefined ? { ...agent, trust_score } : agent;
}

/** Whether a trust score is given as a share of one. A whole number is never such a share. */
function isShare(score: Json | undefined): score is number {
  return typeof score === 'number' && score > 0 && score < 1;
}
