import { fieldOf, type Scope } from './scope.ts';
import { memberOf, type Value } from './values.ts';

/** Where a scope has an attribute: those that most rules ask for without a search. */
const places = { action_type: 0, trust_score: 1, action: 2, agent: 3, data: 4, elsewhere: 5 } as const;
type Place = (typeof places)[keyof typeof places];

/**
 * An attribute of requests. A class with numbers for what it does, not closures:
 * what is called from one place is then always the same, whatever the policies ask for.
 */
export class Attribute {
  readonly #place: Place;
  readonly #name: string;
  readonly #path: readonly string[];

  constructor(path: readonly string[]) {
    this.#place = placeOf(path);
    this.#name = path[1] ?? '';
    this.#path = path;
  }

  /** Its value in a request, never one that is inherited; `undefined` where it has none. */
  read(scope: Scope): Value {
    switch (this.#place) {
      case places.action_type:
        return scope.action_type;
      case places.trust_score:
        return scope.trust_score;
      case places.action:
        return fieldOf(scope.action, this.#name);
      case places.agent:
        return fieldOf(scope.agent, this.#name);
      case places.data:
        return fieldOf(scope.data, this.#name);
      case places.elsewhere:
        return this.#search(scope);
    }
  }

  #search(scope: Scope): Value {
    const [root = '', ...names] = this.#path;
    return names.reduce((value: Value, name) => memberOf(value, name), scope.root(root));
  }
}

/** Attributes by their paths, each once: however many rules ask for it, they look at the same object. */
export class Attributes {
  readonly #known = new Map<string, Attribute>();

  of(path: readonly string[]): Attribute {
    const name = path.join('\0');
    const attribute = this.#known.get(name) ?? new Attribute(path);
    this.#known.set(name, attribute);
    return attribute;
  }
}

function placeOf(path: readonly string[]): Place {
  const [root, name] = path;
  if (path.length !== 2) return places.elsewhere;
  if (root === 'action') return name === 'type' ? places.action_type : places.action;
  if (root === 'agent') return name === 'trust_score' ? places.trust_score : places.agent;
  return root === 'data' ? places.data : places.elsewhere;
}
